#include "loop/runtime.h"

#include <stdlib.h>

#include "loop/inspect.h"
#include "loop/loop.h"

static const char registry_key = 0;

/* Frees the loop structures: no Lua value of the core is used any more when the state closes. */
static int runtime_gc(lua_State *L) {
  saros_runtime_t *rt = lua_touserdata(L, 1);
  saros__inspect_close(rt);
  while (rt->loops) {
    saros_loop_t *loop = rt->loops;
    rt->loops = loop->next;
    free(loop);
  }
  return 0;
}

saros_runtime_t *saros__runtime_open(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key) == LUA_TUSERDATA) {
    return lua_touserdata(L, -1);
  }
  lua_pop(L, 1);
  saros_runtime_t *rt = lua_newuserdatauv(L, sizeof *rt, 1);
  *rt = (saros_runtime_t){.next_loop_id = 1};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, runtime_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_State *anchor = lua_newthread(L);
  luaL_checkstack(anchor, SAROS_SLOT_COUNT + LUA_MINSTACK, NULL);
  for (int i = 0; i < SAROS_SLOT_COUNT; i++) lua_pushnil(anchor);
  lua_setiuservalue(L, -2, 1);
  rt->anchor = anchor;
  lua_pushvalue(L, -1);
  saros__store_slot(L, rt, SAROS_SLOT_RUNTIME);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  return rt;
}

void saros__set_functions(lua_State *L, saros_runtime_t *rt, const luaL_Reg *list) {
  saros__push_slot(L, rt, SAROS_SLOT_RUNTIME);
  luaL_setfuncs(L, list, 1);
}

void saros__new_class(lua_State *L, saros_runtime_t *rt, const char *name, const luaL_Reg *methods,
                      const luaL_Reg *metamethods) {
  lua_newtable(L);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  if (metamethods) saros__set_functions(L, rt, metamethods);
  lua_newtable(L);
  saros__set_functions(L, rt, methods);
  lua_setfield(L, -2, "__index");
}

void saros__push_weak_table(lua_State *L, const char *mode) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

bool saros__is_callable(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TFUNCTION) return true;
  if (luaL_getmetafield(L, index, "__call") == LUA_TNIL) return false;
  lua_pop(L, 1);
  return true;
}
