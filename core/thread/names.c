/* names.c: what other states find under a name.
 *
 * The table in SAROS_SLOT_NAMES maps a module's table to its name, and a C
 * function to the list {module, field}. It grows as modules are loaded.
 */
#include "loop/errors.h"
#include "thread/transfer.h"

/* Remembers the C functions of the module on top of L, whose name is at `name`. */
static void learn_functions(lua_State *L, int names, int name) {
  int module = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, module)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_iscfunction(L, -1)) {
      lua_pushvalue(L, -1);
      if (lua_rawget(L, names) == LUA_TNIL) {
        lua_pushvalue(L, -2);
        lua_createtable(L, 2, 0);
        lua_pushvalue(L, name);
        lua_rawseti(L, -2, 1);
        lua_pushvalue(L, -5);
        lua_rawseti(L, -2, 2);
        lua_rawset(L, names);
      }
      lua_settop(L, module + 2);
    }
    lua_pop(L, 1);
  }
}

/* Learns the modules of package.loaded; all of them again, if `again`. */
static void learn(lua_State *L, saros_runtime_t *rt, bool again) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 16, NULL);
  saros__push_slot(L, rt, SAROS_SLOT_NAMES);
  if (lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) != LUA_TTABLE) {
    lua_settop(L, top);
    return;
  }
  lua_pushnil(L);
  while (lua_next(L, top + 2)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TTABLE) {
      lua_pushvalue(L, -1);
      bool known = lua_rawget(L, top + 1) != LUA_TNIL;
      lua_pop(L, 1);
      if (!known) {
        lua_pushvalue(L, -1);
        lua_pushvalue(L, -3);
        lua_rawset(L, top + 1);
      }
      if (!known || again) learn_functions(L, top + 1, lua_gettop(L) - 1);
    }
    lua_settop(L, top + 3);
  }
  lua_settop(L, top);
}

void saros__names_refresh(lua_State *L, saros_runtime_t *rt) {
  learn(L, rt, false);
}

static int look(lua_State *L, saros_runtime_t *rt, int index) {
  saros__push_slot(L, rt, SAROS_SLOT_NAMES);
  lua_pushvalue(L, index);
  int type = lua_rawget(L, -2);
  lua_remove(L, -2);
  return type;
}

/* True if package.loaded has the table at `index` under the name on top still. */
static bool is_loaded(lua_State *L, int index) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, -2);
  lua_rawget(L, -2);
  bool is = lua_rawequal(L, -1, index);
  lua_pop(L, 2);
  return is;
}

bool saros__names_find(lua_State *L, saros_runtime_t *rt, int index) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 6, NULL);
  int type = look(L, rt, index);
  if (type == LUA_TNIL && lua_iscfunction(L, index)) { /* its module may have gained it later */
    lua_pop(L, 1);
    learn(L, rt, true);
    type = look(L, rt, index);
  }
  if (type == LUA_TSTRING && is_loaded(L, index)) {
    lua_pushnil(L);
    return true;
  }
  if (type == LUA_TTABLE) {
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    lua_remove(L, -3);
    return true;
  }
  lua_pop(L, 1);
  return false;
}

void saros__names_push(lua_State *L, saros_runtime_t *rt, const char *module, const char *field) {
  luaL_checkstack(L, 8, NULL);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, module) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
      saros__raise(L, rt, "TransferError", "module '%s' cannot be loaded: %s", module,
                   luaL_tolstring(L, -1, NULL));
    }
  }
  lua_remove(L, -2);
  if (!field) return;
  if (!lua_istable(L, -1) || lua_getfield(L, -1, field) == LUA_TNIL) {
    saros__raise(L, rt, "TransferError", "module '%s' has no '%s' here", module, field);
  }
  lua_remove(L, -2);
}

void saros__names_open(lua_State *L, saros_runtime_t *rt) {
  saros__push_weak_table(L, "k");
  saros__store_slot(L, rt, SAROS_SLOT_NAMES);
}
