/* close.c: the tasks that are left when a loop closes.
 *
 * Each gets a CancelledError where it waits, so its `<close>` scopes run and its
 * handlers see the end; none of its awaits succeeds any more. A body that goes
 * on all the same is abandoned with a report.
 */
#include "loop/errors.h"
#include "task/pool.h"
#include "task/report.h"

/* How often a body that yields without awaiting is resumed to let it end. */
enum { MAX_STEPS = 1000 };

/* Pushes a context for the exception handler about the task, reports, and ends the task. */
static void abandon(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  saros__push_task(L, task);
  int index = lua_gettop(L);
  lua_pushnil(L);
  saros__task_end_cancelled(L, task);
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, "Task was destroyed but it is pending!");
  lua_setfield(L, -2, "message");
  lua_pushvalue(L, index);
  lua_setfield(L, -2, "task");
  lua_pushvalue(L, index);
  lua_setfield(L, -2, "future");
  saros__call_exception_handler(L, loop);
  lua_settop(L, index - 1);
}

/* Argument: the task. Steps it until it ends, or until it has refused to for long enough. */
static int end_task(lua_State *L) {
  saros_task_t *task = lua_touserdata(L, 1);
  saros_loop_t *loop = task->future.loop;
  saros__push_task(L, task); /* stays alive however it ends */
  for (int i = 0; task->co && i < MAX_STEPS; i++) {
    saros__task_withdraw(task);
    task->must_cancel = true;
    saros__task_step(L, loop, task);
    if (task->co && task->suspended) break; /* refused for good, see saros__task_suspendable */
  }
  if (task->co) abandon(L, loop, task);
  return 0;
}

static void end_tasks(lua_State *L, saros_loop_t *loop) {
  while (loop->tasks.first) {
    lua_pushcfunction(L, end_task);
    lua_pushlightuserdata(L, loop->tasks.first);
    saros_task_t *task = loop->tasks.first;
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) continue;
    if (loop->tasks.first == task) lua_error(L); /* out of memory: the rest is left to the collector */
    lua_pop(L, 1); /* a KeyboardInterrupt, which is the task's error as well */
  }
  saros__report_all(L, loop);
}

void saros__close_open(saros_runtime_t *rt) {
  rt->end_tasks = end_tasks;
  rt->free_tasks = saros__pool_free;
}
