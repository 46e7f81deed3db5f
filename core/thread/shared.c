#include "thread/shared.h"

#include "thread/transfer.h"

enum { STOCK = 64 };

void saros__shared_ref(saros_shared_t *shared) {
  atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
}

void saros__shared_unref_many(saros_shared_t *shared, uint32_t count) {
  if (atomic_fetch_sub_explicit(&shared->refs, count, memory_order_acq_rel) == count) shared->class->destroy(shared);
}

void saros__shared_unref(saros_shared_t *shared) {
  saros__shared_unref_many(shared, 1);
}

void saros__shared_take(saros_shared_t *shared, uint32_t *stock) {
  if (*stock == 0) {
    *stock = STOCK;
    atomic_fetch_add_explicit(&shared->refs, STOCK, memory_order_relaxed);
  }
  --*stock;
}

void saros__shared_push(lua_State *L, saros_runtime_t *rt, saros_shared_t *shared) {
  luaL_checkstack(L, 6, NULL);
  if (shared->class->push_own && shared->class->push_own(L, rt, shared)) return;
  saros__push_slot(L, rt, SAROS_SLOT_SHARED);
  if (lua_rawgetp(L, -1, shared) == LUA_TUSERDATA) {
    /* One whose finalizer has run is only seen by other finalizers. */
    if (((saros_shared_object_t *)lua_touserdata(L, -1))->shared) {
      lua_remove(L, -2);
      return;
    }
  }
  lua_pop(L, 1);
  saros_shared_object_t *object = lua_newuserdatauv(L, sizeof *object, 0);
  *object = (saros_shared_object_t){.marker = SAROS_MARKER_SHARED};
  saros__push_slot(L, rt, shared->class->slot);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, -3, shared);
  lua_remove(L, -2);
  saros__shared_ref(shared);
  object->shared = shared;
}

static int push_protected(lua_State *L) {
  saros_shared_t *shared = lua_touserdata(L, 1);
  saros__shared_push(L, saros__runtime(L), shared);
  return 1;
}

void saros__shared_push_new(lua_State *L, saros_runtime_t *rt, saros_shared_t *shared) {
  saros__push_slot(L, rt, SAROS_SLOT_SHARE);
  lua_pushlightuserdata(L, shared);
  int status = lua_pcall(L, 1, 1, 0);
  saros__shared_unref(shared);
  if (status != LUA_OK) lua_error(L);
}

saros_shared_t *saros__shared_test(lua_State *L, int index) {
  saros_shared_object_t *object = saros__test_marker(L, index, SAROS_MARKER_SHARED);
  return object ? object->shared : NULL;
}

saros_shared_t *saros__shared_check(lua_State *L, int index, const saros_shared_class_t *class) {
  saros_shared_t *shared = saros__shared_test(L, index);
  if (!shared || shared->class != class) luaL_typeerror(L, index, class->name);
  return shared;
}

static int shared_gc(lua_State *L) {
  saros_shared_object_t *object = saros__test_marker(L, 1, SAROS_MARKER_SHARED);
  if (!object || !object->shared) return 0;
  saros_shared_t *shared = object->shared;
  object->shared = NULL;
  saros__shared_unref_many(shared, 1 + object->stock);
  return 0;
}

void saros__shared_class_open(lua_State *L, saros_runtime_t *rt, const saros_shared_class_t *class,
                              const luaL_Reg *methods, const luaL_Reg *metamethods) {
  saros__new_class(L, rt, class->name, methods, metamethods);
  lua_pushcfunction(L, shared_gc);
  lua_setfield(L, -2, "__gc");
  saros__store_slot(L, rt, class->slot);
}

void saros__shared_open(lua_State *L, saros_runtime_t *rt) {
  saros__push_weak_table(L, "v");
  saros__store_slot(L, rt, SAROS_SLOT_SHARED);
  saros__push_function(L, rt, push_protected);
  saros__store_slot(L, rt, SAROS_SLOT_SHARE);
}
