#include <string.h>

#include "loop/errors.h"
#include "loop/handle.h"
#include "task/awaitable.h"
#include "task/generator.h"

static const char *const state_names[] = {"pending", "cancelled", "finished", "failed"};

saros_task_t *saros__check_task(lua_State *L, int index) {
  saros_future_t *future = saros__test_future(L, index);
  if (!future || future->marker != SAROS_MARKER_TASK) luaL_typeerror(L, index, "Task");
  return (saros_task_t *)future;
}

/* ---- names and places ---- */

void saros__task_push_name(lua_State *L, int index, saros_task_t *task) {
  saros__future_extra(L, index, &task->future, "name");
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_pushfstring(L, "Task-%I", (LUAI_UACINT)task->number);
}

/* The innermost Lua function on the coroutine. */
static bool find_running(lua_State *co, lua_Debug *ar) {
  for (int level = 0; lua_getstack(co, level, ar); level++) {
    lua_getinfo(co, "Sl", ar);
    if (ar->currentline > 0) return true;
  }
  return false;
}

/* The innermost Lua function of the task; for one that has not begun, its body. */
static bool find_frame(saros_task_t *task, lua_Debug *ar) {
  lua_State *co = task->co;
  if (!co) return false;
  if (!task->started) {
    if (lua_gettop(co) < 3 || !lua_isfunction(co, 3)) return false;
    lua_pushvalue(co, 3);
    lua_getinfo(co, ">S", ar);
    ar->currentline = ar->linedefined;
    return ar->currentline > 0;
  }
  for (const saros_generator_t *g = task->generator; g; g = g->outer) {
    if (find_running(g->co, ar)) return true;
  }
  return find_running(co, ar);
}

void saros__find_place(saros_task_t *task, saros_place_t *place) {
  lua_Debug ar;
  place->line = 0;
  if (!find_frame(task, &ar)) return;
  place->line = ar.currentline;
  memcpy(place->source, ar.short_src, sizeof place->source);
}

void saros__push_place(lua_State *L, const saros_place_t *place) {
  if (place->line > 0) {
    lua_pushfstring(L, " at %s:%d", place->source, place->line);
  } else {
    lua_pushliteral(L, "");
  }
}

/*** A function that runs beside others: what `create_task` returns. Mirrors `asyncio.Task`.
 * @type Task
 * @extends Future
 */

/*** The task's name: the one it was given, or `Task-N`. Mirrors `asyncio.Task.get_name`.
 * @function Task:get_name
 * @treturn string
 */
static int task_get_name(lua_State *L) {
  saros__task_push_name(L, 1, saros__check_task(L, 1));
  return 1;
}

/*** Gives the task a name. Mirrors `asyncio.Task.set_name`.
 * @function Task:set_name
 * @tparam string name as `print_stack` and messages show it
 * @treturn Task the task
 */
static int task_set_name(lua_State *L) {
  saros_task_t *task = saros__check_task(L, 1);
  luaL_checkstring(L, 2);
  saros__future_extras(L, 1, &task->future);
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "name");
  lua_settop(L, 1);
  return 1;
}

/* ---- looking inside ---- */

/*** The task's coroutine. Mirrors `asyncio.Task.get_coro`.
 * @function Task:get_coro
 * @treturn ?thread nil once the task is done
 */
static int task_get_coro(lua_State *L) {
  saros_task_t *task = saros__check_task(L, 1);
  if (task->co) {
    lua_pushthread(task->co);
    lua_xmove(task->co, L, 1);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

/* Pushes where a task that is done failed, or nil. */
static void push_failure_traceback(lua_State *L, saros_task_t *task) {
  lua_pushnil(L);
  if (task->future.state != SAROS_FAILED) return;
  lua_getiuservalue(L, 1, SAROS_UV_VALUE);
  if (saros__is_error(L, task->future.loop->rt, -1, SAROS_SLOT_ERROR)) {
    lua_getfield(L, -1, "traceback");
  } else {
    saros__future_extra(L, 1, &task->future, "traceback");
  }
}

/*** Where the task is now, its stack as text; for a task that failed, where it failed.
 * @function Task:traceback
 * @treturn ?string nil for other tasks that are done
 */
static int task_traceback(lua_State *L) {
  saros_task_t *task = saros__check_task(L, 1);
  if (task->co) {
    saros__push_task_traceback(L, task);
  } else {
    push_failure_traceback(L, task);
  }
  return 1;
}

/*** Writes the task's name, state and stack. Mirrors `asyncio.Task.print_stack`.
 * @function Task:print_stack
 * @tparam[opt] any file something with a method `write`; standard error by default
 */
static int task_print_stack(lua_State *L) {
  saros_task_t *task = saros__check_task(L, 1);
  lua_settop(L, 2);
  saros__task_push_name(L, 1, task);
  lua_pushfstring(L, "Task %s (%s)\n", lua_tostring(L, -1), state_names[task->future.state]);
  if (task->co) {
    saros__push_task_traceback(L, task);
  } else if (task->future.state == SAROS_FAILED) {
    lua_getiuservalue(L, 1, SAROS_UV_VALUE);
    luaL_tolstring(L, -1, NULL);
    lua_pushliteral(L, "\n");
    push_failure_traceback(L, task);
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, 6), luaL_tolstring(L, -1, NULL));
    lua_replace(L, 5);
    lua_settop(L, 5);
  } else {
    lua_pushliteral(L, "");
  }
  lua_pushliteral(L, "\n");
  lua_concat(L, 3);
  if (lua_isnil(L, 2)) {
    lua_writestringerror("%s", lua_tostring(L, -1));
    return 0;
  }
  lua_getfield(L, 2, "write");
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -3);
  lua_call(L, 2, 0);
  return 0;
}

/* ---- cancellation counts ---- */

/*** How many cancel() requests are not undone by uncancel(). Mirrors `asyncio.Task.cancelling`.
 * @function Task:cancelling
 * @treturn integer
 */
static int task_cancelling(lua_State *L) {
  lua_pushinteger(L, saros__check_task(L, 1)->cancelling);
  return 1;
}

/*** Undoes one cancel() request. Mirrors `asyncio.Task.uncancel`.
 * @function Task:uncancel
 * @treturn integer how many are left
 */
static int task_uncancel(lua_State *L) {
  saros_task_t *task = saros__check_task(L, 1);
  if (task->cancelling > 0) task->cancelling--;
  lua_pushinteger(L, task->cancelling);
  return 1;
}

static int task_tostring(lua_State *L) {
  saros_task_t *task = saros__check_task(L, 1);
  saros_place_t place;
  saros__find_place(task, &place);
  lua_pushliteral(L, "Task: ");
  saros__task_push_name(L, 1, task);
  saros__push_place(L, &place);
  const char *state = state_names[task->future.state];
  lua_pushfstring(L, " %s", task->cancelling > 0 && task->co ? "cancelling" : state);
  lua_concat(L, 4);
  return 1;
}

static const luaL_Reg methods[] = {{"get_name", task_get_name},
                                   {"set_name", task_set_name},
                                   {"get_coro", task_get_coro},
                                   {"traceback", task_traceback},
                                   {"print_stack", task_print_stack},
                                   {"cancelling", task_cancelling},
                                   {"uncancel", task_uncancel},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", task_tostring}, {NULL, NULL}};

void saros__task_open(lua_State *L, saros_runtime_t *rt) {
  saros__new_class(L, rt, "Task", methods, metamethods);
  lua_getfield(L, -1, "__index");
  saros__future_methods(L, rt);
  lua_pop(L, 1);
  saros__store_slot(L, rt, SAROS_SLOT_TASK);
  saros__step_open(L, rt);
  saros__close_open(rt);
}
