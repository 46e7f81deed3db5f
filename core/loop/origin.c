#include "loop/origin.h"

#include "loop/errors.h"

static bool has_origins(const saros_loop_t *loop) {
  return lua_istable(loop->anchor, SAROS_LOOP_ORIGINS);
}

void saros__origin_trace(lua_State *L, saros_loop_t *loop) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (!has_origins(loop)) {
    lua_newtable(L);
    saros__loop_store(L, loop, SAROS_LOOP_ORIGINS);
  }
  saros__push_traceback(L, L, 1);
}

void saros__origin_store(lua_State *L, saros_loop_t *loop, int index, lua_Integer key) {
  index = lua_absindex(L, index);
  saros__loop_push(L, loop, SAROS_LOOP_ORIGINS);
  if (lua_istable(L, -1)) { /* unless a finalizer has switched debug mode off */
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, key);
  }
  lua_pop(L, 1);
}

void saros__origin_push(lua_State *L, saros_loop_t *loop, lua_Integer key) {
  if (!has_origins(loop)) {
    lua_pushnil(L);
    return;
  }
  lua_rawgeti(loop->anchor, SAROS_LOOP_ORIGINS, key);
  lua_xmove(loop->anchor, L, 1);
}

void saros__origin_describe(lua_State *L, saros_loop_t *loop, lua_Integer key) {
  saros__origin_push(L, loop, key);
  lua_setfield(L, -2, "source_traceback");
}

void saros__origin_forget(saros_loop_t *loop, lua_Integer key) {
  lua_State *anchor = loop->anchor;
  if (!has_origins(loop)) return;
  /* Only what is there: a new key would need memory. */
  if (lua_rawgeti(anchor, SAROS_LOOP_ORIGINS, key) != LUA_TNIL) {
    lua_pushnil(anchor);
    lua_rawseti(anchor, SAROS_LOOP_ORIGINS, key);
  }
  lua_pop(anchor, 1);
}

void saros__origin_forget_all(saros_loop_t *loop) {
  lua_pushnil(loop->anchor);
  lua_replace(loop->anchor, SAROS_LOOP_ORIGINS);
}
