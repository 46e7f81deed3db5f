/* suspend.c: the one way in which a task suspends, and how it is woken. */
#include "loop/errors.h"
#include "task/task.h"

/* A task whose loop closes may run its scopes but not wait; one that tries again and again is left. */
enum { MAX_REFUSALS = 1000 };

/* ---- suspending ---- */

saros_task_t *saros__task_suspendable(lua_State *L, saros_runtime_t *rt, const char *what) {
  if (!rt->running && rt->script == L) rt->adopt_script(L, rt);
  saros_task_t *task = rt->current;
  if (!task || task->co != L || !lua_isyieldable(L)) saros__refuse_suspend(L, rt, what);
  if (rt->running->closing) {
    if (task->refusals++ >= MAX_REFUSALS) {
      task->suspended = true;
      lua_yield(L, 0); /* for good */
    }
    saros__task_push_cancelled(L, task);
    lua_error(L);
  }
  return task;
}

int saros__task_suspend(lua_State *L, saros_task_t *task, saros_withdraw_fn withdraw, void *owner,
                        lua_KContext context, lua_KFunction k) {
  if (task->must_cancel) { /* as a future that is awaited would be cancelled at once */
    saros__task_schedule(L, task->future.loop, task);
    task->must_cancel = false;
    if (withdraw) withdraw(task, owner);
    task->wait = SAROS_WAIT_CANCELLED;
  } else {
    task->wait = SAROS_WAIT_INTERNAL;
    task->on.owner = owner;
    task->withdraw = withdraw;
  }
  task->suspended = true;
  return lua_yieldk(L, 0, context, k);
}

/* The task that goes on in L; a program that resumed the coroutine itself gets an error instead. */
static saros_task_t *resumed_task(lua_State *L, saros_runtime_t *rt) {
  saros_task_t *task = rt->current;
  if (!task || task->co != L) {
    saros__raise(L, rt, "RuntimeError", "the coroutine of a task can only be resumed by its loop");
  }
  return task;
}

void saros__task_resumed(lua_State *L, saros_runtime_t *rt) {
  saros_task_t *task = resumed_task(L, rt);
  bool cancelled = task->must_cancel || task->wait == SAROS_WAIT_CANCELLED;
  task->wait = SAROS_WAIT_NONE;
  if (!cancelled) return;
  task->must_cancel = false;
  saros__task_push_cancelled(L, task);
  lua_error(L);
}

void saros__task_wake(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  if (task->wait != SAROS_WAIT_INTERNAL) return;
  saros__task_schedule(L, loop, task);
  if (task->wait == SAROS_WAIT_INTERNAL) task->wait = SAROS_WAIT_DONE;
}

/* ---- awaiting a future ---- */

void saros__wake_task(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index, void *target) {
  saros_task_t *task = target;
  (void)future;
  (void)index;
  if (task->wait != SAROS_WAIT_FUTURE) return;
  task->wait = SAROS_WAIT_DONE;
  saros__task_schedule(L, loop, task);
}

/* The future is on top of the stack. */
static int awaited(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  saros_runtime_t *rt = saros__runtime(L);
  saros_task_t *task = resumed_task(L, rt);
  saros_future_t *future = lua_touserdata(L, -1);
  bool withdrawn = task->wait == SAROS_WAIT_CANCELLED || !saros__future_done(future);
  task->wait = SAROS_WAIT_NONE;
  if (future->state == SAROS_CANCELLED) {
    task->must_cancel = false;
  } else if (task->must_cancel || withdrawn) {
    task->must_cancel = false;
    saros__future_silence(future);
    saros__task_push_cancelled(L, task);
    return lua_error(L);
  }
  return saros__future_push_results(L, -1, future);
}

static void check_awaitable(lua_State *L, saros_runtime_t *rt, const saros_task_t *task,
                            const saros_future_t *future) {
  if (future->loop_id != task->future.loop_id) {
    saros__raise(L, rt, "RuntimeError", "the task awaits a future that belongs to another loop");
  }
  if (future == &task->future) saros__raise(L, rt, "RuntimeError", "a task cannot await itself");
}

int saros__await(lua_State *L, saros_runtime_t *rt, int index, const char *what) {
  saros_future_t *future = lua_touserdata(L, index);
  saros_task_t *task = rt->current;
  if (saros__future_done(future) && task && task->co == L && !rt->running->closing) {
    return saros__future_push_results(L, index, future); /* without suspending, as in CPython */
  }
  task = saros__task_suspendable(L, rt, what);
  if (saros__future_done(future)) return saros__future_push_results(L, index, future);
  check_awaitable(L, rt, task, future);
  lua_pushvalue(L, index); /* keeps the future alive while the task waits */
  saros__future_add_waiter(L, lua_gettop(L), future, saros__wake_task, task);
  task->wait = SAROS_WAIT_FUTURE;
  task->on.awaited = future;
  if (task->must_cancel && saros__future_cancel(L, lua_gettop(L), future, 0)) {
    task->must_cancel = false;
  }
  task->suspended = true;
  return lua_yieldk(L, 0, 0, awaited);
}
