#include "task/pool.h"

#include <stdlib.h>

#include "loop/loop.h"

/* Ten thousand coroutines do not fit the cache: what the next task will touch is fetched early. */
#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif

enum { MAX_USES = 1000, MAX_IDLE = 16384 };

struct saros_task_slot {
  lua_State *co; /* NULL: the slot has no coroutine */
  uint32_t next_free;
  uint32_t uses;
};

/* Appends an empty slot to the free list; raises when out of memory. */
static void add_slot(lua_State *L, saros_task_pool_t *pool) {
  if (pool->count == pool->capacity) {
    uint32_t capacity = pool->capacity ? pool->capacity * 2 : 64;
    struct saros_task_slot *slots = realloc(pool->slots, capacity * sizeof *slots);
    if (!slots) luaL_error(L, "not enough memory");
    pool->slots = slots;
    pool->capacity = capacity;
  }
  pool->slots[pool->count] = (struct saros_task_slot){NULL, pool->free_slot, 0};
  pool->free_slot = pool->count++;
}

/* Debug hooks are inherited from the creator, as a new coroutine would. */
static void inherit_hook(lua_State *L, lua_State *co) {
  lua_Hook hook = lua_gethook(L);
  if (hook != lua_gethook(co)) lua_sethook(co, hook, lua_gethookmask(L), lua_gethookcount(L));
}

uint32_t saros__pool_take(lua_State *L, saros_loop_t *loop, lua_State **co, int stack) {
  saros_task_pool_t *pool = &loop->tasks;
  int task = lua_gettop(L);
  /* The coroutine comes first: making it may run finalizers, which may take slots. */
  lua_State *fresh = NULL;
  if (pool->free_slot == SAROS_NO_SLOT || !pool->slots[pool->free_slot].co) fresh = lua_newthread(L);
  if (pool->free_slot == SAROS_NO_SLOT) add_slot(L, pool);
  uint32_t number = pool->free_slot;
  struct saros_task_slot *slot = &pool->slots[number];
  lua_State *use = slot->co ? slot->co : fresh;
  /* An empty stack has room for LUA_MINSTACK values. */
  if (stack > LUA_MINSTACK && !lua_checkstack(use, stack)) luaL_error(L, "not enough memory");
  if (!slot->co) {
    saros__loop_push(L, loop, SAROS_LOOP_COROUTINES);
    lua_pushvalue(L, task + 1);
    lua_rawseti(L, -2, (lua_Integer)number + 1);
    slot->co = use;
    slot->uses = 0;
    pool->idle++;
  }
  if (fresh) lua_settop(L, task);
  saros__loop_push(L, loop, SAROS_LOOP_TASKS);
  lua_pushvalue(L, task);
  lua_rawseti(L, -2, (lua_Integer)number + 1);
  lua_pop(L, 1);
  pool->free_slot = slot->next_free;
  pool->idle--;
  if (pool->free_slot != SAROS_NO_SLOT) PREFETCH(pool->slots[pool->free_slot].co);
  slot->uses++;
  inherit_hook(L, use);
  *co = use;
  return number;
}

uint32_t saros__pool_adopt(lua_State *L, saros_loop_t *loop, int task) {
  saros_task_pool_t *pool = &loop->tasks;
  add_slot(L, pool);
  uint32_t number = pool->free_slot;
  lua_State *co = lua_tothread(L, -1);
  saros__loop_push(L, loop, SAROS_LOOP_COROUTINES);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)number + 1);
  saros__loop_push(L, loop, SAROS_LOOP_TASKS);
  lua_pushvalue(L, task);
  lua_rawseti(L, -2, (lua_Integer)number + 1);
  lua_pop(L, 2);
  struct saros_task_slot *slot = &pool->slots[number];
  pool->free_slot = slot->next_free;
  slot->co = co;
  slot->uses = 1;
  return number;
}

void saros__pool_give(lua_State *L, saros_loop_t *loop, uint32_t number, bool reuse) {
  saros_task_pool_t *pool = &loop->tasks;
  struct saros_task_slot *slot = &pool->slots[number];
  saros__loop_push(L, loop, SAROS_LOOP_TASKS);
  lua_pushnil(L);
  lua_rawseti(L, -2, (lua_Integer)number + 1);
  lua_pop(L, 1);
  if (reuse && slot->uses < MAX_USES && pool->idle < MAX_IDLE) {
    lua_settop(slot->co, 0);
    pool->idle++;
  } else {
    saros__loop_push(L, loop, SAROS_LOOP_COROUTINES);
    lua_pushnil(L);
    lua_rawseti(L, -2, (lua_Integer)number + 1);
    lua_pop(L, 1);
    slot->co = NULL;
  }
  slot->next_free = pool->free_slot;
  pool->free_slot = number;
}

void saros__pool_free(saros_loop_t *loop) {
  free(loop->tasks.slots);
  loop->tasks = (saros_task_pool_t){.free_slot = SAROS_NO_SLOT};
}
