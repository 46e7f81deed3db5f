/* task.h: coroutines that the loop runs.
 *
 * A task is a future whose result its body produces. The body runs protected
 * inside its own coroutine (lua_pcallk), because only then can `<close>` scopes
 * suspend while an error unwinds them. A step resumes the coroutine from C;
 * there is no Lua between the loop and the body.
 *
 * What a task waits for is in the task, not in a future of its own: a future
 * (`wait` points to it), or something inside the core that wakes it (a timer, a
 * stream): a wait with a function that withdraws it. Either kind behaves as a
 * future that is awaited would in CPython: a wake-up is one entry of the ready
 * queue, and between the wake-up and the step the wait counts as done.
 *
 * Coroutines belong to slots of the loop's pool, a slot to one task at a time:
 * the next task in a slot reuses its coroutine, the costly part of a task.
 *
 * Who keeps whom: the loop keeps every task until it is done (SAROS_LOOP_TASKS),
 * the coroutine's stack keeps what it awaits.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_TASK_H
#define SAROS_TASK_TASK_H

#include "task/future.h"

/* Withdraws an internal wait: the task was cancelled, or its loop closes. It must forget the task;
 * it runs no Lua code. */
typedef void (*saros_withdraw_fn)(saros_task_t *task, void *owner);

enum saros_wait_state {
  SAROS_WAIT_NONE,      /* runs, or was scheduled by itself (a first step, sleep(0)) */
  SAROS_WAIT_FUTURE,    /* for the future in `awaited` */
  SAROS_WAIT_INTERNAL,  /* for `owner`, which will call saros__task_wake */
  SAROS_WAIT_DONE,      /* woken: the step is scheduled */
  SAROS_WAIT_CANCELLED, /* the wait was cancelled: the step, which is scheduled, will raise */
};

struct saros_task {
  saros_future_t future; /* first: a task is a future */
  lua_State *co;         /* NULL once it is done */
  struct saros_generator *generator; /* the innermost whose body is its code now: see generator.h */
  saros_task_t *previous, *next; /* in order of creation */
  uint64_t number;       /* for the default name */
  uint32_t slot;         /* in the loop's pool */
  uint32_t cancelling;   /* cancel() requests less uncancel()s */
  uint8_t wait;          /* enum saros_wait_state */
  bool started;
  bool stepping;
  bool must_cancel; /* raise a CancelledError at the next step */
  bool suspended;   /* by the core: its continuation can raise; else by coroutine.yield */
  bool has_context; /* its extras have the context that it runs in */
  bool bad_yield;   /* it yielded values: raise a RuntimeError at the next step */
  uint16_t refusals; /* awaits refused while its loop closes */
  union {
    saros_future_t *awaited;
    void *owner;
  } on;
  saros_withdraw_fn withdraw;
  saros_timer_ref_t timer; /* of a sleep */
};

/* ---- for whoever makes a task wait: call these in order, in a C function called by the task ---- */

/* The task that may suspend here, on L; raises an error that names the reason if none may. A launcher's
 * script becomes a task here. `what` is the public name of the caller, for the message. */
saros_task_t *saros__task_suspendable(lua_State *L, saros_runtime_t *rt, const char *what);

/* What may raise in a suspension: if a cancellation was requested meanwhile, schedules the step that will
 * raise it. A caller that has to put the task somewhere does this before. */
void saros__task_settle(lua_State *L, saros_task_t *task);

/* Suspends the task, which is settled, until saros__task_wake or a cancellation; then `k` runs with status LUA_YIELD and
 * `context`. Must be the last thing its caller does: `return saros__task_suspend(...)`. `k` begins with
 * saros__task_resumed. If a cancellation was requested meanwhile, the wait is withdrawn at once. */
int saros__task_suspend_settled(lua_State *L, saros_task_t *task, saros_withdraw_fn withdraw, void *owner,
                                lua_KContext context, lua_KFunction k);

/* Both in one. */
int saros__task_suspend(lua_State *L, saros_task_t *task, saros_withdraw_fn withdraw, void *owner,
                        lua_KContext context, lua_KFunction k);

/* First thing in a continuation: raises the CancelledError if the wait was cancelled. Values that
 * the waker pushed are on top of the stack. */
void saros__task_resumed(lua_State *L, saros_runtime_t *rt);

/* The same for a continuation that has something to put right first: false, and the CancelledError pushed,
 * instead of raising it. */
bool saros__task_goes_on(lua_State *L, saros_runtime_t *rt);

/* Ends an internal wait: the task runs in the next batch of ready entries. Room in the ready queue is
 * reserved first, so this may raise, and then the task still waits. Does nothing for a task that is not
 * in an internal wait. */
void saros__task_wake(lua_State *L, saros_loop_t *loop, saros_task_t *task);

/* Awaits the future at `index` of the stack of the calling task: pushes its results at once if it is done,
 * else suspends. `return saros__await(...)`. */
int saros__await(lua_State *L, saros_runtime_t *rt, int index, const char *what);

/* ---- for the rest of the task layer ---- */

/* Makes a task of the function at `first` and the arguments above it, replaces them by the task, and
 * schedules its first step. There must be room for eight more values on L. */
saros_task_t *saros__task_new(lua_State *L, saros_loop_t *loop, int first);

/* The same, but nothing schedules it: its creator runs the first step. */
saros_task_t *saros__task_new_unscheduled(lua_State *L, saros_loop_t *loop, int first);

/* As saros__task_new, through the loop's task factory if it has one. */
void saros__create_task(lua_State *L, saros_loop_t *loop, int first);

/* Runs the task until it suspends or ends. There must be room for LUA_MINSTACK values on L. */
void saros__task_step(lua_State *L, saros_loop_t *loop, saros_task_t *task);

/* What follows a resume of the task's coroutine that returned `status` and left `n` values. */
void saros__task_returned(lua_State *L, saros_loop_t *loop, saros_task_t *task, int status, int n);

/* Makes the coroutine `co`, which runs already, the current task of the loop, and pushes the task. */
saros_task_t *saros__task_adopt(lua_State *L, saros_loop_t *loop, lua_State *co);

/* Schedules a step, through an overridden call_soon if there is one. */
void saros__task_schedule(lua_State *L, saros_loop_t *loop, saros_task_t *task);

/* Ends a task that cannot or need not run any more: the error (nil: a CancelledError made on demand) is
 * on top of L and is popped. */
void saros__task_end_cancelled(lua_State *L, saros_task_t *task);

/* Ends an internal wait as `how` says, and schedules the step that follows. If this raises, the task still
 * waits. */
void saros__task_end_wait(lua_State *L, saros_loop_t *loop, saros_task_t *task, enum saros_wait_state how);

/* Takes back what the task waits for, without waking it. */
void saros__task_withdraw(saros_task_t *task);

/* Pushes the userdata of a task that is not done. */
void saros__push_task(lua_State *L, saros_task_t *task);

/* task:cancel(message at `message`, or 0), for a request that has come along a path (NULL: none). */
bool saros__task_cancel(lua_State *L, int index, saros_task_t *task, int message,
                        const saros_cancel_path_t *path);

/* Pushes the CancelledError that a cancelled wait raises, with the message of the request. */
void saros__task_push_cancelled(lua_State *L, saros_task_t *task);

/* The request that is pending cancels the wait that begins: hands its message on. */
void saros__task_cancel_wait(lua_State *L, saros_task_t *task);

/* The waiter that wakes a task. */
void saros__wake_task(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index, void *target);

/* Pushes the task's name. The task is at `index`. */
void saros__task_push_name(lua_State *L, int index, saros_task_t *task);

/* Where a task is in Lua code; line 0: nowhere. */
typedef struct saros_place {
  int line;
  char source[LUA_IDSIZE];
} saros_place_t;
void saros__find_place(saros_task_t *task, saros_place_t *place);
/* Pushes " at file:line", or an empty string. */
void saros__push_place(lua_State *L, const saros_place_t *place);

/* The task at `index`, or `bad argument`. */
saros_task_t *saros__check_task(lua_State *L, int index);

/* Raises the error that tells why nothing can suspend here; see refuse.c. */
int saros__refuse_suspend(lua_State *L, saros_runtime_t *rt, const char *what);

/* The same for a generator's body on L, which cannot yield a value. */
int saros__refuse_yield(lua_State *L, saros_runtime_t *rt);

void saros__task_open(lua_State *L, saros_runtime_t *rt);
void saros__step_open(lua_State *L, saros_runtime_t *rt);
void saros__close_open(saros_runtime_t *rt);

#endif
