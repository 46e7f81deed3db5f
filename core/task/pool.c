#include "task/pool.h"

#include <stdlib.h>

#include "loop/loop.h"
#include "structures/hints.h"

enum { MAX_USES = 1000, MAX_IDLE = 16384 };

struct saros_task_slot {
  lua_State *co;      /* NULL: the slot has no coroutine */
  saros_task_t *task; /* NULL: the slot is free */
  uint32_t next_free;
  uint32_t uses;
};

/* Sets `table[number + 1]` to the value on top of L, popped. The entry is there since add_slot, so this
 * cannot raise, and may work on the anchor's own stack. */
static void set_entry(lua_State *L, saros_loop_t *loop, int table, uint32_t number) {
  lua_xmove(L, loop->anchor, 1);
  lua_rawseti(loop->anchor, table, (lua_Integer)number + 1);
}

static void clear_entry(saros_loop_t *loop, int table, uint32_t number) {
  lua_pushboolean(loop->anchor, 0);
  lua_rawseti(loop->anchor, table, (lua_Integer)number + 1);
}

static void make_entry(lua_State *L, saros_loop_t *loop, int table, uint32_t number) {
  saros__loop_push(L, loop, table);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, (lua_Integer)number + 1);
  lua_pop(L, 1);
}

/* Appends an empty slot to the free list; raises when out of memory. */
static void add_slot(lua_State *L, saros_loop_t *loop) {
  saros_task_pool_t *pool = &loop->tasks;
  make_entry(L, loop, SAROS_LOOP_TASKS, pool->count);
  make_entry(L, loop, SAROS_LOOP_COROUTINES, pool->count);
  if (pool->count == pool->capacity) {
    uint32_t capacity = pool->capacity ? pool->capacity * 2 : 64;
    struct saros_task_slot *slots = realloc(pool->slots, capacity * sizeof *slots);
    if (!slots) luaL_error(L, "not enough memory");
    pool->slots = slots;
    pool->capacity = capacity;
  }
  pool->slots[pool->count] = (struct saros_task_slot){.next_free = pool->free_slot};
  pool->free_slot = pool->count++;
}

/* Debug hooks are inherited from the creator, as a new coroutine would. */
static void inherit_hook(lua_State *L, lua_State *co) {
  lua_Hook hook = lua_gethook(L);
  if (hook != lua_gethook(co)) lua_sethook(co, hook, lua_gethookmask(L), lua_gethookcount(L));
}

enum { CACHE_LINE = 64, SLOTS_AHEAD = 3, COROUTINE_LINES = 6 };

/* Asks for the memory of a coroutine that a task created soon will take. */
static SAROS_ALWAYS_INLINE void prefetch_slot(const saros_task_pool_t *pool) {
  uint32_t number = pool->free_slot;
  for (int i = 0; i < SLOTS_AHEAD && number != SAROS_NO_SLOT; i++) number = pool->slots[number].next_free;
  if (number == SAROS_NO_SLOT) return;
  const char *co = (const char *)pool->slots[number].co;
  for (int line = 0; line < COROUTINE_LINES; line++) SAROS_PREFETCH(co + line * CACHE_LINE);
}

uint32_t saros__pool_take(lua_State *L, saros_loop_t *loop, lua_State **co, int stack) {
  saros_task_pool_t *pool = &loop->tasks;
  int task = lua_gettop(L);
  /* The coroutine comes first: making it may run finalizers, which may take slots. */
  lua_State *fresh = NULL;
  if (pool->free_slot == SAROS_NO_SLOT || !pool->slots[pool->free_slot].co) fresh = lua_newthread(L);
  if (pool->free_slot == SAROS_NO_SLOT) add_slot(L, loop);
  uint32_t number = pool->free_slot;
  struct saros_task_slot *slot = &pool->slots[number];
  lua_State *use = slot->co ? slot->co : fresh;
  /* An empty stack has room for LUA_MINSTACK values. */
  if (stack > LUA_MINSTACK && !lua_checkstack(use, stack)) luaL_error(L, "not enough memory");
  if (fresh) {
    if (!slot->co) {
      lua_pushvalue(L, task + 1);
      set_entry(L, loop, SAROS_LOOP_COROUTINES, number);
      slot->co = use;
      slot->uses = 0;
      pool->idle++;
    }
    lua_settop(L, task);
  }
  lua_pushvalue(L, task);
  set_entry(L, loop, SAROS_LOOP_TASKS, number);
  slot->task = lua_touserdata(L, task);
  pool->free_slot = slot->next_free;
  pool->idle--;
  slot->uses++;
  inherit_hook(L, use);
  prefetch_slot(pool);
  *co = use;
  return number;
}

uint32_t saros__pool_adopt(lua_State *L, saros_loop_t *loop, int task) {
  saros_task_pool_t *pool = &loop->tasks;
  add_slot(L, loop);
  uint32_t number = pool->free_slot;
  lua_State *co = lua_tothread(L, -1);
  set_entry(L, loop, SAROS_LOOP_COROUTINES, number);
  lua_pushvalue(L, task);
  set_entry(L, loop, SAROS_LOOP_TASKS, number);
  struct saros_task_slot *slot = &pool->slots[number];
  pool->free_slot = slot->next_free;
  slot->co = co;
  slot->task = lua_touserdata(L, task);
  slot->uses = 1;
  return number;
}

void saros__pool_give(saros_loop_t *loop, uint32_t number, bool reuse) {
  saros_task_pool_t *pool = &loop->tasks;
  struct saros_task_slot *slot = &pool->slots[number];
  clear_entry(loop, SAROS_LOOP_TASKS, number);
  if (reuse && slot->uses < MAX_USES && pool->idle < MAX_IDLE) {
    lua_settop(slot->co, 0);
    pool->idle++;
  } else {
    clear_entry(loop, SAROS_LOOP_COROUTINES, number);
    slot->co = NULL;
  }
  slot->task = NULL;
  slot->next_free = pool->free_slot;
  pool->free_slot = number;
}

saros_task_t *saros__pool_find(const saros_loop_t *loop, uint32_t number, uint64_t task_number) {
  if (number >= loop->tasks.count) return NULL;
  saros_task_t *task = loop->tasks.slots[number].task;
  return task && task->number == task_number ? task : NULL;
}

void saros__pool_free(saros_loop_t *loop) {
  free(loop->tasks.slots);
  loop->tasks = (saros_task_pool_t){.free_slot = SAROS_NO_SLOT};
}
