/* loop.h: the event loop.
 *
 * One iteration (see iteration.c):
 *   1. poll for I/O: without waiting if something is ready, else until the
 *      nearest deadline. While callbacks are ready the poll is skipped for up
 *      to 61 iterations or 100 microseconds, whichever is first.
 *   2. move the timers that are due to the ready queue, in order.
 *   3. run exactly the entries that are ready now.
 *
 * Who owns what: the Lua userdata of a loop points to a saros_loop_t, which
 * belongs to the runtime and is recycled after close. Lua values are kept alive
 * by tables on the loop's own anchor thread, which is a user value of the
 * userdata: so a loop that nobody refers to, with all its tasks, is garbage.
 * libuv handles that are embedded here are closed by close(); others (watchers,
 * transports) are allocated on their own and freed in their close callback.
 *
 * Running code: callbacks are called on `L`, the state on which run_forever was
 * called, inside one protected call per iteration. Code that libuv calls runs
 * outside that and enters Lua only through saros__loop_protect.
 *
 * A Lua error can be raised by any allocation, so whatever changes the loop
 * first makes its Lua values, then reserves memory, then commits without failing.
 *
 * Threads: everything belongs to the loop's thread, except what wakeup.h offers.
 */
#ifndef SAROS_LOOP_LOOP_H
#define SAROS_LOOP_LOOP_H

#include <math.h>
#include <uv.h>

#include "loop/alarm.h"
#include "loop/clock.h"
#include "loop/runtime.h"
#include "loop/values.h"
#include "loop/wakeup.h"
#include "structures/ready.h"
#include "structures/timer_heap.h"

#define SAROS_MARKER_LOOP SAROS_MARKER('L', 'o')

/* Upper bounds, in seconds, of the histogram of timers' lateness. */
#define SAROS_LAG_BOUNDS {0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, HUGE_VAL}
enum { SAROS_LAG_BUCKETS = 7 };

/* What a loop class or a loop has overridden: what the core looks at before it takes a short cut. */
enum saros_override {
  SAROS_OVERRIDE_CALL_SOON = 1,
  SAROS_OVERRIDE_CALL_LATER = 2,
  SAROS_OVERRIDE_CALL_AT = 4,
  SAROS_OVERRIDE_RUN_ONCE = 8,
  SAROS_OVERRIDE_TIME = 16,
  SAROS_OVERRIDE_CLOCK = 32, /* no method: the clock is virtual */
};

/* Places on the loop's anchor. */
enum saros_loop_slot {
  SAROS_LOOP_OBJECTS = 1, /* table: light userdata -> what must live while I/O is under way */
  SAROS_LOOP_VALUES,      /* table: the chunks of values.h */
  SAROS_LOOP_TIMERS,      /* table: functions of timers by slot */
  SAROS_LOOP_ARGUMENTS,   /* table: their arguments by slot */
  SAROS_LOOP_TASKS,       /* table: slot -> task, until it is done */
  SAROS_LOOP_COROUTINES,  /* table: slot -> coroutine, reused by the next task in the slot */
  SAROS_LOOP_FACTORY,     /* the task factory, or nil */
  SAROS_LOOP_INTERRUPT,   /* the function for the first SIGINT, or nil */
  SAROS_LOOP_GENERATORS,  /* weak table: number -> generator that has begun here; nil before the first */
  SAROS_LOOP_ORIGINS,     /* the table of origin.h, or nil */
  SAROS_LOOP_EXECUTOR,    /* the default executor, or nil; false once it was shut down */
  SAROS_LOOP_PENDING,     /* table: futures that other threads complete, by slot; or nil */
  SAROS_LOOP_SLOTS = SAROS_LOOP_PENDING,
};

/* What the task layer keeps per loop; see task/pool.h. */
typedef struct saros_task_pool {
  struct saros_task_slot *slots;
  uint32_t count, capacity;
  uint32_t free_slot; /* head of the free list, SAROS_NO_SLOT when empty */
  uint32_t idle;      /* coroutines that wait for reuse */
  saros_task_t *first, *last; /* tasks that are not done, in order of creation */
  uint32_t live;
} saros_task_pool_t;

struct saros_loop {
  saros_loop_t *next; /* in the runtime's list of all structures */
  saros_runtime_t *rt;
  uint32_t id;         /* never reused; 0 while the structure waits to be recycled */
  uint32_t class_epoch; /* of the runtime when `overrides` was computed */
  uint8_t overrides;
  bool running;
  bool closed;
  bool closing;    /* close() is ending the tasks that are left */
  bool stopping;   /* stop() was called */
  bool until_idle; /* run(): stop when nothing is left */
  bool iterating;  /* polling or running callbacks: no other iteration may begin */
  bool polling;    /* libuv is on the C stack */
  bool in_entry;   /* running callbacks: an error is the last one's */
  bool dirty;      /* the I/O layer has something to send before the next poll */
  bool debug;
  bool has_factory;
  bool has_error; /* SAROS_SLOT_PENDING holds an error to raise after the poll */
  saros_task_t *interruptible; /* in its Lua code even the first SIGINT is raised; only ever compared */
  lua_State *L;      /* the state that runs the loop, NULL when it does not run */
  lua_State *anchor; /* keeps the loop's Lua values, see saros_loop_slot */

  saros_ready_t ready;
  saros_values_t values;
  saros_timer_heap_t timers;
  saros_task_pool_t tasks;

  uv_loop_t uv;
  saros_alarm_t alarm;
  saros_wakeup_t wakeup;
  saros_clock_t clock;
  uint64_t thread;           /* of the thread that runs it, for debug mode */
  uint64_t polled_at;        /* ticks of a cheap clock: when I/O was last polled for */
  uint32_t polls_skipped;
  uint32_t active_io;        /* what keeps run() going beside callbacks, timers and tasks */
  uint32_t listening;        /* how much of that is not outstanding: see saros__loop_outstanding */
  uint32_t background;       /* tasks asleep, each with its timer, that do not keep run() going */
  struct saros_signal *signals;   /* signals.c */
  struct saros_watcher *watchers; /* watcher.c */
  uint32_t pending_slots, free_pending;    /* the thread layer's, see thread/pending.c */
  struct saros_mailbox *mailbox;           /* the thread layer's, NULL until another thread is concerned */
  bool (*collect)(saros_loop_t *loop);     /* takes in what other threads have done; true if there was any */
  bool (*linger)(saros_loop_t *loop, uint64_t deadline); /* before the loop sleeps: false lets it */
  void (*wake_up)(saros_loop_t *loop);     /* after it has slept */
  void (*close_mailbox)(saros_loop_t *loop);
  struct saros_limit *limit;      /* limit.c */
  void (*before_poll)(saros_loop_t *loop); /* the I/O layer's: sends what was written */
  void (*on_close)(saros_loop_t *loop);    /* the I/O layer's: aborts what is open */
  struct saros_io *io;                     /* the I/O layer's state */
  struct saros_report *reports; /* failed futures whose error nobody has retrieved */

  uint64_t iterations, callbacks; /* counted for stats() */
  uint64_t idle_ns;               /* spent waiting for events */
  uint64_t started_ns;            /* when the loop began to run */
  uint64_t run_ns;                /* how long it ran before that */
  uint64_t lag[SAROS_LAG_BUCKETS]; /* how late timers were moved to the ready queue */
};

typedef struct saros_loop_object {
  saros_marker_t marker;
  saros_loop_t *loop;
} saros_loop_object_t;

/* The loop at `index`; raises `bad argument` for anything else. Closed loops pass. */
saros_loop_t *saros__check_loop(lua_State *L, int index);

/* The same, and raises a RuntimeError if the loop is closed. */
saros_loop_t *saros__check_open_loop(lua_State *L, int index);

/* The loop running in this state; raises a RuntimeError if there is none. Under the launcher,
 * a script that needs a loop gets one here. */
saros_loop_t *saros__need_running(lua_State *L, saros_runtime_t *rt);

/* Raises a RuntimeError if the loop is closed. */
void saros__check_open(lua_State *L, saros_loop_t *loop);

/* Pushes the userdata of a loop; nil if it was collected. */
void saros__push_loop(lua_State *L, saros_loop_t *loop);

/* Makes a loop of the class on top of the stack, and pushes its userdata. */
saros_loop_t *saros__loop_new(lua_State *L, saros_runtime_t *rt);

/* Adds the functions of loop.c to the EventLoop class on top of the stack. */
void saros__loop_methods(lua_State *L, saros_runtime_t *rt);

/* ---- time ---- */

/* Nanoseconds of the monotonic clock, read afresh. */
uint64_t saros__now_ns(void);
/* Seconds of the monotonic clock. */
double saros__now(void);
/* The loop's own time in seconds: an overridden `time` counts. May raise. */
double saros__loop_time(lua_State *L, saros_loop_t *loop);

/* ---- Lua values that stay alive with the loop ---- */

static inline void saros__loop_push(lua_State *L, saros_loop_t *loop, int slot) {
  lua_pushvalue(loop->anchor, slot);
  lua_xmove(loop->anchor, L, 1);
}
static inline void saros__loop_store(lua_State *L, saros_loop_t *loop, int slot) {
  lua_xmove(L, loop->anchor, 1);
  lua_replace(loop->anchor, slot);
}
/* Pops a value and keeps it alive under `key`; nil releases it. May raise, releasing does not. */
void saros__loop_anchor(lua_State *L, saros_loop_t *loop, const void *key);
/* Pushes what was anchored under `key`, or nil. */
void saros__loop_anchored(lua_State *L, saros_loop_t *loop, const void *key);
void saros__loop_release(lua_State *L, saros_loop_t *loop, const void *key);

/* ---- entering Lua, and errors ---- */

/* Calls `f` in protected mode, from code that libuv called. `f` gets a light userdata `context`
 * as its only argument. An error goes to the exception handler with this message. */
void saros__loop_protect(saros_loop_t *loop, lua_CFunction f, void *context, const char *message);

/* Pops an error and gives it to the loop's exception handler, with this message; what is on top of
 * it is untouched. `field` (may be NULL) names a context field whose value is at `index`.
 * A KeyboardInterrupt is raised, or kept until the poll is over. */
void saros__loop_report(lua_State *L, saros_loop_t *loop, const char *message, const char *field,
                        int index);

/* Calls loop:call_exception_handler(context) with the context table on top, and pops it. Never raises
 * anything but a KeyboardInterrupt. */
void saros__call_exception_handler(lua_State *L, saros_loop_t *loop);

/* ---- running ---- */

/* Runs the loop at `index` until stop(), or with `until_idle` until nothing is left. Raises what must
 * leave the loop. */
void saros__loop_run(lua_State *L, saros_loop_t *loop, int index, bool until_idle);

/* Goes on with the loop at `index`, which was entered in place, until nothing is left, and leaves it. A
 * SIGINT that came since it was entered counts. */
void saros__loop_go_on(lua_State *L, saros_loop_t *loop, int index);

/* Makes the loop the running one of its state, and undoes it. */
void saros__loop_enter(lua_State *L, saros_loop_t *loop, int index);
void saros__loop_leave(saros_loop_t *loop);

/* Raises a RuntimeError if this loop or another one of the state runs. */
void saros__check_not_running(lua_State *L, saros_loop_t *loop);

/* True when nothing is left that could make anything happen. */
bool saros__loop_is_idle(const saros_loop_t *loop);

/* Adds the functions of iteration.c to the class on top. */
void saros__iteration_methods(lua_State *L, saros_runtime_t *rt);

/* Makes room for `n` entries of the ready queue. May raise. */
static inline void saros__loop_reserve(lua_State *L, saros_loop_t *loop, size_t n) {
  if (!saros_ready_reserve(&loop->ready, n)) luaL_error(L, "not enough memory");
}

/* Something is outstanding, and then no more: it will end by an event from outside, after a time that nobody
 * can tell, as a connection, a look-up, a watched descriptor does. It keeps run() going, and a virtual clock from
 * jumping. What is held for as long as that lasts needs nothing else. */
static inline void saros__loop_ref(saros_loop_t *loop) {
  loop->active_io++;
}
static inline void saros__loop_unref(saros_loop_t *loop) {
  loop->active_io--;
}

/* The same for a listener: it keeps run() going, but waits for what others may never begin. */
static inline void saros__loop_ref_listener(saros_loop_t *loop) {
  loop->active_io++;
  loop->listening++;
}
static inline void saros__loop_unref_listener(saros_loop_t *loop) {
  loop->active_io--;
  loop->listening--;
}

/* How much is outstanding. */
static inline uint32_t saros__loop_outstanding(const saros_loop_t *loop) {
  return loop->active_io - loop->listening;
}

#endif
