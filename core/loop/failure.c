#include "loop/failure.h"

#include "loop/context.h"
#include "loop/errors.h"
#include "loop/handle.h"
#include "loop/timers.h"

/* True if the error at `index` is no callback's own matter. */
static bool leaves_loop(lua_State *L, saros_loop_t *loop, int index) {
  if (loop->rt->must_stop && loop->rt->must_stop()) return true;
  return saros__is_error(L, loop->rt, index, SAROS_SLOT_INTERRUPT);
}

void saros__call_exception_handler(lua_State *L, saros_loop_t *loop) {
  luaL_checkstack(L, 6, NULL);
  saros__push_loop(L, loop);
  lua_getfield(L, -1, "call_exception_handler");
  lua_insert(L, -3);
  lua_insert(L, -2); /* method loop context */
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return;
  if (leaves_loop(L, loop, -1)) lua_error(L);
  lua_pop(L, 1); /* the handlers in Lua report their own errors: this is out of memory */
}

void saros__keep_error(lua_State *L, saros_loop_t *loop) {
  saros__store_slot(L, loop->rt, SAROS_SLOT_PENDING);
  loop->has_error = true;
  uv_stop(&loop->uv);
}

void saros__raise_kept_error(lua_State *L, saros_loop_t *loop) {
  if (!loop->has_error) return;
  loop->has_error = false;
  saros__push_slot(L, loop->rt, SAROS_SLOT_PENDING);
  lua_pushnil(L);
  saros__store_slot(L, loop->rt, SAROS_SLOT_PENDING);
  lua_error(L);
}

/* Sets `exception` and `traceback` of the context on top from the error at `index`. */
static void describe_error(lua_State *L, saros_loop_t *loop, int index) {
  lua_pushvalue(L, index);
  lua_setfield(L, -2, "exception");
  saros__push_slot(L, loop->rt, SAROS_SLOT_TRACEBACK);
  if (lua_type(L, index) == LUA_TTABLE && saros__is_error(L, loop->rt, index, SAROS_SLOT_ERROR)) {
    lua_pop(L, 1);
    lua_getfield(L, index, "traceback");
  }
  lua_setfield(L, -2, "traceback");
  lua_pushnil(L);
  saros__store_slot(L, loop->rt, SAROS_SLOT_TRACEBACK);
}

void saros__loop_report(lua_State *L, saros_loop_t *loop, const char *message, const char *field,
                        int index) {
  if (leaves_loop(L, loop, -1)) lua_error(L);
  luaL_checkstack(L, 8, NULL);
  if (field) index = lua_absindex(L, index);
  int error = lua_gettop(L);
  lua_createtable(L, 0, 4);
  describe_error(L, loop, error);
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  if (field) {
    lua_pushvalue(L, index);
    lua_setfield(L, -2, field);
  }
  saros__call_exception_handler(L, loop);
  lua_pop(L, 1);
}

/* Arguments: error, loop, message. */
static int report_protected(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 2);
  const char *message = lua_touserdata(L, 3);
  lua_settop(L, 1);
  saros__loop_report(L, loop, message, NULL, 0);
  return 0;
}

void saros__loop_protect(saros_loop_t *loop, lua_CFunction f, void *context, const char *message) {
  lua_State *L = loop->L;
  if (!lua_checkstack(L, 8)) return;
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, context);
  if (lua_pcall(L, 1, 0, FRAME_HANDLER) == LUA_OK) return;
  saros__context_clear(loop->rt);
  lua_pushcfunction(L, report_protected);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, loop);
  lua_pushlightuserdata(L, (void *)message);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) saros__keep_error(L, loop);
}

void saros__report_entry(lua_State *L, saros_loop_t *loop) {
  if (leaves_loop(L, loop, -1)) {
    loop->iterating = false;
    lua_error(L);
  }
  luaL_checkstack(L, 8, NULL);
  const saros_ready_t *ready = &loop->ready;
  const saros_entry_t *entry = &ready->current.items[ready->position - 1];
  int error = lua_gettop(L);
  lua_createtable(L, 0, 4);
  describe_error(L, loop, error);
  if (saros__is_callback(entry)) {
    saros__describe_callback(L, loop, entry, ready->current.first + ready->position - 1);
  } else if (saros__is_timer(entry)) {
    saros__describe_timer(L, loop, entry);
  } else {
    lua_pushliteral(L, "Exception in callback");
  }
  lua_setfield(L, -2, "message");
  saros__call_exception_handler(L, loop);
  lua_pop(L, 1);
}
