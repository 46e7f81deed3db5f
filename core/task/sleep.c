#include "task/sleep.h"

#include "loop/errors.h"
#include "loop/timers.h"
#include "task/generator.h"

/* ---- sleep(0): the task runs again in the next iteration ---- */

static int slept(lua_State *L, int status, lua_KContext runtime) {
  (void)status;
  saros__task_resumed(L, (saros_runtime_t *)runtime);
  return lua_gettop(L) - 1;
}

static int yield_once(lua_State *L, saros_task_t *task) {
  saros__task_schedule(L, task->future.loop, task);
  task->suspended = true;
  return lua_yieldk(L, 0, (lua_KContext)task->future.loop->rt, slept);
}

/* ---- sleep(delay) ---- */

/* The timer is due. As in CPython, where a future is completed here, the task runs one iteration later. */
static void on_due(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra) {
  (void)extra;
  saros__task_wake(L, loop, target);
}

static void withdraw(saros_task_t *task, void *owner) {
  saros__timer_cancel(owner, task->timer);
}

bool saros__sleep_deadline(const saros_task_t *task, double *when) {
  if (task->wait != SAROS_WAIT_INTERNAL || task->withdraw != withdraw) return false;
  const saros_timer_t *timer = saros_timer_heap_find(&task->future.loop->timers, task->timer);
  if (timer) *when = timer->when;
  return timer != NULL;
}

/* With call_later or call_at overridden a sleep is what it is in CPython: a future, completed by a timer. */
static int complete(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  if (!saros__future_done(future)) saros__future_set_results(L, 1, future, 0);
  return 0;
}

/* Stack: delay, results..., handle, future on top. Whether it was cancelled or not, the timer goes first. */
static int slept_by_methods(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  int handle = lua_gettop(L) - 1;
  saros_task_t *task = saros__runtime(L)->current;
  if (task && saros__task_runs_on(task, L) &&
      (task->must_cancel || task->wait == SAROS_WAIT_CANCELLED)) {
    lua_getfield(L, handle, "cancel");
    lua_pushvalue(L, handle);
    lua_call(L, 1, 0);
  }
  saros__task_resumed(L, saros__runtime(L));
  lua_settop(L, handle - 1);
  return handle - 2;
}

static void wake_sleeper(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index,
                         void *target) {
  (void)future;
  (void)index;
  saros__task_wake(L, loop, target);
}

static void withdraw_sleeper(saros_task_t *task, void *owner) {
  saros__future_remove_waiter(owner, wake_sleeper, task);
}

static int sleep_by_methods(lua_State *L, saros_loop_t *loop) {
  saros_task_t *task = loop->rt->current;
  saros__push_loop(L, loop);
  lua_getfield(L, -1, "call_later");
  lua_insert(L, -2);
  lua_pushvalue(L, 1);
  saros__push_function(L, loop->rt, complete);
  saros_future_t *future = saros__future_new(L, loop);
  lua_pushvalue(L, -1);
  lua_insert(L, -6); /* future call_later loop delay complete future */
  lua_call(L, 4, 1);
  lua_insert(L, -2); /* handle future */
  saros__future_add_waiter(L, lua_gettop(L), future, wake_sleeper, task);
  return saros__task_suspend(L, task, withdraw_sleeper, future, 0, slept_by_methods);
}

/*** Suspends the calling task. Mirrors `asyncio.sleep`.
 * It never returns early; `sleep(0)` lets everything else that is ready run once.
 * @function sleep
 * @tparam number delay seconds; zero or less: one iteration of the loop
 * @param[opt] ... what to return
 * @treturn any ... the further arguments
 * @raise CancelledError; ValueError if the delay is NaN; RuntimeError where a task cannot suspend
 */
static int task_sleep(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  double delay = saros__check_seconds(L, rt, 1, "delay");
  saros_task_t *task = saros__task_suspendable(L, rt, "sleep");
  saros_loop_t *loop = task->future.loop;
  if (delay <= 0) return yield_once(L, task);
  luaL_checkstack(L, 8, NULL);
  if (loop->overrides & (SAROS_OVERRIDE_CALL_LATER | SAROS_OVERRIDE_CALL_AT)) {
    return sleep_by_methods(L, loop);
  }
  double when = saros__loop_time(L, loop) + delay;
  saros__timer_reserve(L, loop);
  task->timer = saros__timer_set(loop, when, on_due, task);
  return saros__task_suspend(L, task, withdraw, loop, (lua_KContext)loop->rt, slept);
}

static const luaL_Reg functions[] = {{"sleep", task_sleep}, {NULL, NULL}};

void saros__sleep_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
