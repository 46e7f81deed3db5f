/* suspend.c: the one way in which a task suspends, and how it is woken. */
#include "loop/errors.h"
#include "task/generator.h"

/* A task whose loop closes may run its scopes but not wait; one that tries again and again is left. */
enum { MAX_REFUSALS = 1000 };

/* ---- suspending ---- */

saros_task_t *saros__task_suspendable(lua_State *L, saros_runtime_t *rt, const char *what) {
  if (!rt->running && saros__script_runs_on(rt, L)) rt->adopt_script(L, rt);
  saros_task_t *task = rt->current;
  if (!task || !saros__task_runs_on(task, L) || !lua_isyieldable(L)) saros__refuse_suspend(L, rt, what);
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

void saros__task_settle(lua_State *L, saros_task_t *task) {
  if (!task->must_cancel) return;
  saros__task_cancel_wait(L, task);
  saros__task_schedule(L, task->future.loop, task);
}

int saros__task_suspend_settled(lua_State *L, saros_task_t *task, saros_withdraw_fn withdraw, void *owner,
                                lua_KContext context, lua_KFunction k) {
  task->wait = SAROS_WAIT_INTERNAL;
  task->on.owner = owner;
  task->withdraw = withdraw;
  if (task->must_cancel) { /* as a future that is awaited would be cancelled at once */
    task->must_cancel = false;
    if (withdraw) withdraw(task, owner);
    task->wait = SAROS_WAIT_CANCELLED;
  }
  task->suspended = true;
  return lua_yieldk(L, 0, context, k);
}

int saros__task_suspend(lua_State *L, saros_task_t *task, saros_withdraw_fn withdraw, void *owner,
                        lua_KContext context, lua_KFunction k) {
  saros__task_settle(L, task);
  return saros__task_suspend_settled(L, task, withdraw, owner, context, k);
}

/* The task that goes on in L; a program that resumed the coroutine itself gets an error instead. */
static saros_task_t *resumed_task(lua_State *L, saros_runtime_t *rt) {
  saros_task_t *task = rt->current;
  if (!task || !saros__task_runs_on(task, L)) {
    saros__raise(L, rt, "RuntimeError", "the coroutine of a task can only be resumed by its loop");
  }
  return task;
}

static int raise_cancelled(lua_State *L, saros_task_t *task) {
  saros__task_push_cancelled(L, task);
  task->must_cancel = false;
  task->wait = SAROS_WAIT_NONE;
  return lua_error(L);
}

bool saros__task_goes_on(lua_State *L, saros_runtime_t *rt) {
  saros_task_t *task = resumed_task(L, rt);
  bool cancelled = task->must_cancel || task->wait == SAROS_WAIT_CANCELLED;
  if (cancelled) saros__task_push_cancelled(L, task);
  task->must_cancel = false;
  task->wait = SAROS_WAIT_NONE;
  return !cancelled;
}

void saros__task_resumed(lua_State *L, saros_runtime_t *rt) {
  if (!saros__task_goes_on(L, rt)) lua_error(L);
}

static int schedule_protected(lua_State *L) {
  saros_task_t *task = lua_touserdata(L, 1);
  saros__task_schedule(L, task->future.loop, task);
  return 0;
}

/* An overridden call_soon may be about to end the very same wait, so it is ended first; if it raises, the task
 * waits still. */
static void end_wait_by_method(lua_State *L, saros_task_t *task, enum saros_wait_state how) {
  luaL_checkstack(L, 4, NULL);
  saros__push_task(L, task); /* stays alive */
  task->wait = how;
  lua_pushcfunction(L, schedule_protected);
  lua_pushvalue(L, -2);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    if (task->wait == how) task->wait = SAROS_WAIT_INTERNAL;
    lua_error(L);
  }
  lua_pop(L, 1);
}

void saros__task_end_wait(lua_State *L, saros_loop_t *loop, saros_task_t *task, enum saros_wait_state how) {
  if (loop->overrides & SAROS_OVERRIDE_CALL_SOON) {
    end_wait_by_method(L, task, how);
    return;
  }
  saros__task_schedule(L, loop, task);
  task->wait = how;
}

void saros__task_wake(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  if (task->wait == SAROS_WAIT_INTERNAL) saros__task_end_wait(L, loop, task, SAROS_WAIT_DONE);
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
  if (future->state == SAROS_CANCELLED) {
    task->must_cancel = false;
  } else if (task->must_cancel || !saros__future_done(future)) {
    saros__future_silence(future);
    return raise_cancelled(L, task);
  }
  task->wait = SAROS_WAIT_NONE;
  return saros__future_push_results(L, -1, future);
}

/* Awaits that can never succeed. */
enum refusal { MAY_AWAIT, AWAITS_ITSELF, OTHER_LOOP };

static const char *const refusals[] = {NULL, "a task cannot await itself",
                                       "the task awaits a future that belongs to another loop"};

static enum refusal may_await(const saros_task_t *task, const saros_future_t *future) {
  if (future == &task->future) return AWAITS_ITSELF;
  return future->loop_id == task->future.loop_id ? MAY_AWAIT : OTHER_LOOP;
}

static int refused(lua_State *L, int status, lua_KContext why) {
  (void)status;
  saros_runtime_t *rt = saros__runtime(L);
  saros__task_resumed(L, rt);
  return saros__raise(L, rt, "RuntimeError", refusals[why]);
}

/* A request to cancel came before the task began to wait: the future on top is cancelled at once. */
static void cancel_awaited(lua_State *L, saros_task_t *task, saros_future_t *future) {
  int index = lua_gettop(L);
  luaL_checkstack(L, 6, NULL);
  saros__push_task(L, task);
  saros__future_extra(L, index + 1, &task->future, "cancel_message");
  bool requested = saros__future_cancel(L, index, future, lua_isnil(L, -1) ? 0 : index + 2);
  lua_settop(L, index);
  if (requested) task->must_cancel = false;
}

int saros__await(lua_State *L, saros_runtime_t *rt, int index, const char *what) {
  saros_future_t *future = lua_touserdata(L, index);
  saros_task_t *task = rt->current;
  if (saros__future_done(future) && task && saros__task_runs_on(task, L) && lua_isyieldable(L) &&
      !rt->running->closing) {
    return saros__future_push_results(L, index, future); /* without suspending, as in CPython */
  }
  task = saros__task_suspendable(L, rt, what);
  if (saros__future_done(future)) return saros__future_push_results(L, index, future);
  enum refusal why = may_await(task, future);
  if (why != MAY_AWAIT) {
    /* CPython raises it in a step of its own, and leaves the future marked as being awaited. */
    if (future->refused) return saros__raise(L, rt, "RuntimeError", refusals[why]);
    future->refused = true;
    saros__task_schedule(L, task->future.loop, task);
    task->suspended = true;
    return lua_yieldk(L, 0, why, refused);
  }
  if (future->refused) {
    return saros__raise(L, rt, "RuntimeError", "an await of this future was refused before");
  }
  lua_pushvalue(L, index); /* keeps the future alive while the task waits */
  saros__future_add_waiter(L, lua_gettop(L), future, saros__wake_task, task);
  task->wait = SAROS_WAIT_FUTURE;
  task->on.awaited = future;
  if (task->must_cancel) cancel_awaited(L, task, future);
  task->suspended = true;
  return lua_yieldk(L, 0, 0, awaited);
}
