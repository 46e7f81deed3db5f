#include "loop/context.h"

void saros__context_set(lua_State *L, saros_runtime_t *rt) {
  rt->has_context = !lua_isnil(L, -1);
  saros__store_slot(L, rt, SAROS_SLOT_CONTEXT);
}

void saros__context_clear(saros_runtime_t *rt) {
  rt->has_context = false;
  lua_pushnil(rt->anchor);
  lua_replace(rt->anchor, SAROS_SLOT_CONTEXT);
}

static void push_empty(lua_State *L, saros_runtime_t *rt) {
  lua_createtable(L, 0, 1);
  saros__push_slot(L, rt, SAROS_SLOT_CONTEXT_CLASS);
  lua_setmetatable(L, -2);
}

void saros__context_push_copy(lua_State *L, saros_runtime_t *rt) {
  luaL_checkstack(L, 4, NULL);
  push_empty(L, rt);
  if (!rt->has_context) return;
  saros__push_slot(L, rt, SAROS_SLOT_CONTEXT);
  lua_getfield(L, -1, "vars");
  lua_setfield(L, -3, "vars");
  lua_pop(L, 1);
}

/* ---- bound functions: upvalue 2 is the function, 3 the context ---- */

/* Only the loop calls it, and an error leaves the loop's entry: then the next one begins with an empty
 * context, so nothing needs to be put back. */
static int bound_call(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  luaL_checkstack(L, 4, NULL);
  saros__push_slot(L, rt, SAROS_SLOT_CONTEXT);
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 2);
  lua_pushvalue(L, lua_upvalueindex(3));
  saros__context_set(L, rt);
  lua_call(L, lua_gettop(L) - 2, 0);
  saros__context_set(L, rt);
  return 0;
}

static bool is_bound(lua_State *L, int index) {
  return lua_tocfunction(L, index) == bound_call;
}

/* Binds the function at `index` to the context on top, which is popped. */
static void bind_to(lua_State *L, saros_runtime_t *rt, int index) {
  luaL_checkstack(L, 4, NULL);
  saros__push_slot(L, rt, SAROS_SLOT_RUNTIME);
  lua_insert(L, -2);
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  lua_pushcclosure(L, bound_call, 3);
  lua_replace(L, index);
}

void saros__context_bind_now(lua_State *L, saros_runtime_t *rt, int index) {
  index = lua_absindex(L, index);
  if (is_bound(L, index)) return;
  saros__context_push_copy(L, rt);
  bind_to(L, rt, index);
}

void saros__context_bind_empty(lua_State *L, saros_runtime_t *rt, int index) {
  index = lua_absindex(L, index);
  if (is_bound(L, index)) return;
  luaL_checkstack(L, 4, NULL);
  push_empty(L, rt);
  bind_to(L, rt, index);
}

void saros__context_unbind(lua_State *L, int index) {
  if (!is_bound(L, index)) return;
  index = lua_absindex(L, index);
  lua_getupvalue(L, index, 2);
  lua_replace(L, index);
}

void saros__context_open(lua_State *L, saros_runtime_t *rt) {
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "Context");
  lua_setfield(L, -2, "__name");
  saros__store_slot(L, rt, SAROS_SLOT_CONTEXT_CLASS);
}
