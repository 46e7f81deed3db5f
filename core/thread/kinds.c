/* kinds.c: error kinds keep their identity on their way through several states.
 *
 * The field "saros.id" of a kind is what it is known by everywhere; the kinds of
 * the library are known by their names. SAROS_SLOT_KINDS maps ids to the kinds
 * of this state, as long as it has them.
 */
#include <stdio.h>
#include <string.h>

#include "loop/errors.h"
#include "thread/transfer.h"

bool saros__kind_test(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushliteral(L, "saros.kind");
  bool is = lua_rawget(L, index) == LUA_TBOOLEAN;
  lua_pop(L, 1);
  return is;
}

static void remember(lua_State *L, saros_runtime_t *rt, int kind, int id) {
  saros__push_slot(L, rt, SAROS_SLOT_KINDS);
  lua_pushvalue(L, id);
  lua_pushvalue(L, kind);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

void saros__kind_push_id(lua_State *L, saros_runtime_t *rt, int index) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 6, NULL);
  lua_pushliteral(L, "saros.id");
  if (lua_rawget(L, index) == LUA_TSTRING) return;
  lua_pop(L, 1);
  char id[64];
  snprintf(id, sizeof id, "%llx-%llx", (unsigned long long)rt->origin, (unsigned long long)++rt->last_kind);
  lua_pushstring(L, id);
  lua_pushliteral(L, "saros.id");
  lua_pushvalue(L, -2);
  lua_rawset(L, index);
  remember(L, rt, index, lua_gettop(L));
}

bool saros__kind_find(lua_State *L, saros_runtime_t *rt, const char *id, size_t size) {
  luaL_checkstack(L, 4, NULL);
  saros__push_slot(L, rt, SAROS_SLOT_KINDS);
  lua_pushlstring(L, id, size);
  bool found = lua_rawget(L, -2) == LUA_TTABLE;
  lua_remove(L, -2);
  if (!found) lua_pop(L, 1);
  return found;
}

void saros__kind_make(lua_State *L, saros_runtime_t *rt, const char *id, size_t size, const char *name) {
  luaL_checkstack(L, 8, NULL);
  saros__new_kind(L, name, lua_gettop(L));
  lua_remove(L, -2);
  lua_pushliteral(L, "saros.id");
  lua_pushlstring(L, id, size);
  lua_pushvalue(L, -1);
  lua_insert(L, -3); /* kind id "saros.id" id */
  lua_rawset(L, -4);
  remember(L, rt, lua_gettop(L) - 1, lua_gettop(L));
  lua_pop(L, 1);
}

bool saros__kind_is_internal(lua_State *L, int kind) {
  static const char *const always[] = {"name", "saros.kind", "saros.base", "saros.id", "__name", NULL};
  if (lua_type(L, kind + 1) != LUA_TSTRING) return false;
  const char *key = lua_tostring(L, kind + 1);
  for (const char *const *name = always; *name; name++) {
    if (strcmp(*name, key) == 0) return true;
  }
  if (strcmp(key, "__index") == 0) return lua_rawequal(L, kind + 2, kind);
  bool is_method = strcmp(key, "__tostring") == 0 || strcmp(key, "extend") == 0;
  return is_method && lua_iscfunction(L, kind + 2);
}

/* The kinds of the library have their names as ids. */
void saros__kinds_open(lua_State *L, saros_runtime_t *rt) {
  saros__push_weak_table(L, "v");
  saros__store_slot(L, rt, SAROS_SLOT_KINDS);
  saros__push_slot(L, rt, SAROS_SLOT_ERRORS);
  int errors = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, errors)) {
    lua_pushliteral(L, "saros.id");
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    remember(L, rt, lua_gettop(L), lua_gettop(L) - 1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
