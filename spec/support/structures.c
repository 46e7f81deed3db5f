/* structures.c: the core's pure structures as Lua objects, so that specs can compare them with models
 * written in Lua. The sources themselves are included: the core exports no symbols.
 *
 *   heap() with insert(when) -> slot, generation; find(slot, generation) -> deadline or nil;
 *          remove(slot); take_due(now) -> list of slots; count_due(now, limit); next_slot(); count(); used()
 *   ready() with push(value) -> sequence; begin(); next() -> value or nil; find(sequence) -> value or nil;
 *          cancel(sequence); count(); interrupted(). A cancelled entry's value is 0.
 *   buffer() with append(string); consume(n); reserve(n) -> boolean; data() -> string; capacity()
 */
#include "../../core/structures/buffer.c"
/* Each has a `grow`, a `FIRST_CAPACITY` and the like of its own. */
#define FIRST_CAPACITY READY_FIRST_CAPACITY
#include "../../core/structures/ready.c"
#undef FIRST_CAPACITY
#define FIRST_CAPACITY HEAP_FIRST_CAPACITY
#include "../../core/structures/timer_heap.c"

#include <lauxlib.h>
#include <lua.h>

/* ---- heap ---- */

static saros_timer_heap_t *check_heap(lua_State *L) {
  return luaL_checkudata(L, 1, "structures.heap");
}

static uint32_t check_word(lua_State *L, int index) {
  return (uint32_t)luaL_checkinteger(L, index);
}

static int heap_insert(lua_State *L) {
  saros_timer_heap_t *heap = check_heap(L);
  double when = luaL_checknumber(L, 2);
  if (!saros_timer_heap_reserve(heap)) return luaL_error(L, "not enough memory");
  saros_timer_ref_t ref = saros_timer_heap_insert(heap, when, NULL, NULL, 0);
  lua_pushinteger(L, ref.slot);
  lua_pushinteger(L, ref.generation);
  return 2;
}

static int heap_find(lua_State *L) {
  saros_timer_ref_t ref = {check_word(L, 2), check_word(L, 3)};
  saros_timer_t *timer = saros_timer_heap_find(check_heap(L), ref);
  if (!timer) return 0;
  lua_pushnumber(L, timer->when);
  return 1;
}

static int heap_remove(lua_State *L) {
  saros_timer_heap_remove(check_heap(L), check_word(L, 2));
  return 0;
}

static void append_slot(void *context, uint32_t slot, uint32_t generation) {
  lua_State *L = context;
  (void)generation;
  lua_pushinteger(L, slot);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static int heap_take_due(lua_State *L) {
  saros_timer_heap_t *heap = check_heap(L);
  double now = luaL_checknumber(L, 2);
  lua_newtable(L);
  saros_timer_heap_take_due(heap, now, append_slot, L);
  return 1;
}

static int heap_count_due(lua_State *L) {
  size_t limit = (size_t)luaL_checkinteger(L, 3);
  lua_pushinteger(L, (lua_Integer)saros_timer_heap_count_due(check_heap(L), luaL_checknumber(L, 2), limit));
  return 1;
}

static int heap_next_slot(lua_State *L) {
  saros_timer_heap_t *heap = check_heap(L);
  if (!saros_timer_heap_reserve(heap)) return luaL_error(L, "not enough memory");
  lua_pushinteger(L, saros_timer_heap_next_slot(heap));
  return 1;
}

static int heap_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_heap(L)->count);
  return 1;
}

static int heap_used(lua_State *L) {
  lua_pushinteger(L, check_heap(L)->used);
  return 1;
}

static int heap_gc(lua_State *L) {
  saros_timer_heap_free(check_heap(L));
  return 0;
}

static const luaL_Reg heap_methods[] = {
    {"insert", heap_insert},       {"find", heap_find},           {"remove", heap_remove},
    {"take_due", heap_take_due},   {"count_due", heap_count_due}, {"next_slot", heap_next_slot},
    {"count", heap_count},         {"used", heap_used},           {"__gc", heap_gc},
    {NULL, NULL}};

static int new_heap(lua_State *L) {
  saros_timer_heap_init(lua_newuserdatauv(L, sizeof(saros_timer_heap_t), 0));
  luaL_setmetatable(L, "structures.heap");
  return 1;
}

/* ---- ready ---- */

static saros_ready_t *check_ready(lua_State *L) {
  return luaL_checkudata(L, 1, "structures.ready");
}

static int ready_push(lua_State *L) {
  saros_ready_t *ready = check_ready(L);
  uintptr_t value = (uintptr_t)luaL_checkinteger(L, 2);
  if (!saros_ready_reserve(ready, 1)) return luaL_error(L, "not enough memory");
  lua_pushinteger(L, (lua_Integer)saros_ready_push(ready, NULL, NULL, value));
  return 1;
}

static int ready_begin(lua_State *L) {
  lua_pushboolean(L, saros_ready_begin(check_ready(L)));
  return 1;
}

static int ready_next(lua_State *L) {
  saros_ready_t *ready = check_ready(L);
  if (ready->position == ready->current.count) return 0;
  lua_pushinteger(L, (lua_Integer)ready->current.items[ready->position++].extra);
  return 1;
}

static int ready_find(lua_State *L) {
  saros_entry_t *entry = saros_ready_find(check_ready(L), (uint64_t)luaL_checkinteger(L, 2));
  if (!entry) return 0;
  lua_pushinteger(L, (lua_Integer)entry->extra);
  return 1;
}

static int ready_cancel(lua_State *L) {
  saros_entry_t *entry = saros_ready_find(check_ready(L), (uint64_t)luaL_checkinteger(L, 2));
  if (entry) entry->extra = 0;
  return 0;
}

static int ready_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)saros_ready_count(check_ready(L)));
  return 1;
}

static int ready_interrupted(lua_State *L) {
  lua_pushboolean(L, saros_ready_interrupted(check_ready(L)));
  return 1;
}

static int ready_gc(lua_State *L) {
  saros_ready_free(check_ready(L));
  return 0;
}

static const luaL_Reg ready_methods[] = {
    {"push", ready_push},     {"begin", ready_begin}, {"next", ready_next},
    {"find", ready_find},     {"cancel", ready_cancel}, {"count", ready_count},
    {"interrupted", ready_interrupted}, {"__gc", ready_gc}, {NULL, NULL}};

static int new_ready(lua_State *L) {
  saros_ready_init(lua_newuserdatauv(L, sizeof(saros_ready_t), 0));
  luaL_setmetatable(L, "structures.ready");
  return 1;
}

/* ---- buffer ---- */

static saros_buffer_t *check_buffer(lua_State *L) {
  return luaL_checkudata(L, 1, "structures.buffer");
}

static int buffer_append(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  lua_pushboolean(L, saros_buffer_append(check_buffer(L), bytes, n));
  return 1;
}

static int buffer_consume(lua_State *L) {
  saros_buffer_consume(check_buffer(L), (size_t)luaL_checkinteger(L, 2));
  return 0;
}

static int buffer_reserve(lua_State *L) {
  lua_pushboolean(L, saros_buffer_reserve(check_buffer(L), (size_t)luaL_checkinteger(L, 2)));
  return 1;
}

static int buffer_data(lua_State *L) {
  saros_buffer_t *buffer = check_buffer(L);
  lua_pushlstring(L, buffer->memory ? saros_buffer_data(buffer) : "", saros_buffer_size(buffer));
  return 1;
}

static int buffer_capacity(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_buffer(L)->capacity);
  return 1;
}

static int buffer_gc(lua_State *L) {
  saros_buffer_free(check_buffer(L));
  return 0;
}

static const luaL_Reg buffer_methods[] = {
    {"append", buffer_append}, {"consume", buffer_consume},   {"reserve", buffer_reserve},
    {"data", buffer_data},     {"capacity", buffer_capacity}, {"__gc", buffer_gc},
    {NULL, NULL}};

static int new_buffer(lua_State *L) {
  saros_buffer_init(lua_newuserdatauv(L, sizeof(saros_buffer_t), 0));
  luaL_setmetatable(L, "structures.buffer");
  return 1;
}

/* ---- the module ---- */

static void add_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static const luaL_Reg functions[] = {
    {"heap", new_heap}, {"ready", new_ready}, {"buffer", new_buffer}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_spec_support_structures(lua_State *L);

int luaopen_spec_support_structures(lua_State *L) {
  add_class(L, "structures.heap", heap_methods);
  add_class(L, "structures.ready", ready_methods);
  add_class(L, "structures.buffer", buffer_methods);
  luaL_newlib(L, functions);
  return 1;
}
