#include "task/inspect.h"

#include "task/awaitable.h"
#include "task/gather.h"
#include "task/sleep.h"

static const char *const state_names[] = {"pending", "cancelled", "finished", "failed"};

/* Pushes the future that a suspended task awaits, which is on top of its stack; nil if the program has resumed
 * or closed the coroutine itself. */
static void push_awaited(lua_State *L, const saros_task_t *task) {
  if (!task->suspended || lua_status(task->co) != LUA_YIELD || !lua_checkstack(task->co, 1)) {
    lua_pushnil(L);
    return;
  }
  lua_pushvalue(task->co, -1);
  lua_xmove(task->co, L, 1);
  if (lua_touserdata(L, -1) == (void *)task->on.awaited) return;
  lua_pop(L, 1);
  lua_pushnil(L);
}

/* Pushes what a task that is not done does: one or two values. */
static int look_at_task(lua_State *L, saros_task_t *task) {
  double when;
  if (task->stepping) {
    lua_pushliteral(L, "running");
  } else if (!task->started) {
    saros_place_t place;
    saros__find_place(task, &place);
    lua_pushliteral(L, "not started");
    if (place.line == 0) return 1;
    lua_pushfstring(L, "%s:%d", place.source, place.line);
    return 2;
  } else if (saros__sleep_deadline(task, &when)) {
    lua_pushliteral(L, "sleeping");
    lua_pushnumber(L, when);
    return 2;
  } else if (task->wait == SAROS_WAIT_FUTURE) {
    lua_pushliteral(L, "waiting");
    push_awaited(L, task);
    return 2;
  } else {
    lua_pushstring(L, task->wait == SAROS_WAIT_INTERNAL ? "waiting" : "ready");
  }
  return 1;
}

/* look(future): what it is doing, without a trace that somebody looked.
 * Of any future that is done, `cancelled`, `finished` or `failed`. Of a task: `not started` and where its
 * function begins, if that is in Lua; `running`; `ready`, its next step is scheduled; `sleeping` and when that
 * ends; `waiting` and the future that it awaits, if it is one. Of a future: `pending`; of a gather or a shield also the list of its children, not to be
 * changed, and which of the two it is. */
static int inspect_look(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  luaL_checkstack(L, 4, NULL);
  if (!saros__future_done(future) && future->marker == SAROS_MARKER_TASK) {
    return look_at_task(L, (saros_task_t *)future);
  }
  lua_pushstring(L, state_names[future->state]);
  if (saros__future_done(future)) return 1;
  if (future->gathering) {
    saros__gather_push_children(L, 1);
    lua_pushliteral(L, "gather");
    return 3;
  }
  saros__future_extra(L, 1, future, "shielded");
  if (lua_isnil(L, -1)) return lua_pop(L, 1), 1;
  lua_pushliteral(L, "shield");
  return 3;
}

/* note_shielded(future, list): the future of a shield ends as the only one in the list does. */
static int inspect_note_shielded(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  saros__future_extras(L, 1, future);
  lua_insert(L, 2);
  lua_setfield(L, 2, "shielded");
  return 0;
}

/* is_main_task(task): whether the loop runs until it is done, or it is the launcher's script. */
static int inspect_is_main_task(lua_State *L) {
  saros_task_t *task = saros__check_task(L, 1);
  saros__push_slot(L, saros__runtime(L), SAROS_SLOT_SCRIPT);
  lua_pushboolean(L, saros__has_runner(&task->future) || lua_touserdata(L, -1) == task);
  return 1;
}

/* source_traceback(future): where it was created; nil if that was not in debug mode. */
static int inspect_source_traceback(lua_State *L) {
  saros__future_extra(L, 1, saros__check_future(L, 1), "source_traceback");
  return 1;
}

static const luaL_Reg functions[] = {{"look", inspect_look},
                                     {"note_shielded", inspect_note_shielded},
                                     {"is_main_task", inspect_is_main_task},
                                     {"source_traceback", inspect_source_traceback},
                                     {NULL, NULL}};

void saros__inspect_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
