#include "loop/timers.h"

#include <math.h>

#include "loop/context.h"
#include "loop/errors.h"
#include "loop/handle.h"
#include "loop/origin.h"
#include "structures/hints.h"

typedef struct saros_timer_handle {
  saros_marker_t marker;
  saros_loop_t *loop;
  saros_timer_ref_t ref;
  double when;
  uint32_t loop_id;
  bool cancelled;
} saros_timer_handle_t;

double saros__check_seconds(lua_State *L, saros_runtime_t *rt, int index, const char *what) {
  int is_number;
  double seconds = lua_tonumberx(L, index, &is_number);
  if (!is_number) luaL_checknumber(L, index);
  if (isnan(seconds)) saros__raise(L, rt, "ValueError", "%s must be a number of seconds, not NaN", what);
  return seconds;
}

/* ---- timers that run C functions ---- */

void saros__timer_reserve(lua_State *L, saros_loop_t *loop) {
  if (!saros_timer_heap_reserve(&loop->timers)) luaL_error(L, "not enough memory");
}

saros_timer_ref_t saros__timer_set(saros_loop_t *loop, double when, saros_run_fn run, void *target) {
  return saros_timer_heap_insert(&loop->timers, when, run, target, 0);
}

void saros__timer_cancel(saros_loop_t *loop, saros_timer_ref_t ref) {
  if (saros_timer_heap_find(&loop->timers, ref)) saros_timer_heap_remove(&loop->timers, ref.slot);
}

/* ---- timers that run Lua functions ---- */

/* A slot's function is in one table of the anchor under `slot + 1`, its argument (or the list of several) in
 * another: so the first, which every timer needs, is an array without holes. An entry that was set once stays,
 * as `false`, until its slot is used again: replacing it needs no memory and cannot raise, so that is done on the
 * anchor's own stack. */
static inline lua_Integer key_of(uint32_t slot) {
  return (lua_Integer)slot + 1;
}

static void clear_entry(saros_loop_t *loop, int table, uint32_t slot) {
  lua_pushboolean(loop->anchor, 0);
  lua_rawseti(loop->anchor, table, key_of(slot));
}

static void clear_values(saros_loop_t *loop, uint32_t slot, uint32_t nargs) {
  clear_entry(loop, SAROS_LOOP_TIMERS, slot);
  if (nargs > 0) clear_entry(loop, SAROS_LOOP_ARGUMENTS, slot);
  if (loop->debug) saros__origin_forget(loop, saros__timer_origin(slot));
}

static void push_entry(lua_State *L, saros_loop_t *loop, int table, uint32_t slot) {
  lua_rawgeti(loop->anchor, table, key_of(slot));
  lua_xmove(loop->anchor, L, 1);
}

static saros_timer_ref_t unpack_ref(uintptr_t word) {
  return (saros_timer_ref_t){(uint32_t)(word >> 32), (uint32_t)word};
}

/* Frees a Lua timer's slot and values, unless it was cancelled meanwhile. */
static void finish_timer(saros_loop_t *loop, saros_timer_ref_t ref) {
  saros_timer_t *timer = saros_timer_heap_find(&loop->timers, ref);
  if (!timer) return;
  clear_values(loop, ref.slot, timer->nargs);
  saros_timer_heap_remove(&loop->timers, ref.slot);
}

/* Calls a Lua timer's function. Its slot stays in use meanwhile, for the report if it fails. */
static void run_timer(lua_State *L, saros_loop_t *loop, void *target, uintptr_t ref_word) {
  (void)target;
  saros_timer_ref_t ref = unpack_ref(ref_word);
  uint32_t nargs = loop->timers.slots[ref.slot].nargs;
  if (nargs > 1) luaL_checkstack(L, LUA_MINSTACK + (int)nargs, NULL);
  push_entry(L, loop, SAROS_LOOP_TIMERS, ref.slot);
  if (nargs > 0) push_entry(L, loop, SAROS_LOOP_ARGUMENTS, ref.slot);
  if (nargs > 1) {
    int packed = lua_gettop(L);
    for (uint32_t i = 1; i <= nargs; i++) lua_rawgeti(L, packed, i);
    lua_remove(L, packed);
  }
  lua_call(L, (int)nargs, 0);
  finish_timer(loop, ref);
}

enum { PREFETCH_AHEAD = 12 };

/* Timers that are due together are scattered in memory; a slot may span two lines of the cache. */
static SAROS_ALWAYS_INLINE void prefetch_due(const saros_loop_t *loop) {
  const saros_ready_t *ready = &loop->ready;
  if (ready->current.count - ready->position <= PREFETCH_AHEAD) return;
  saros_timer_ref_t ref = unpack_ref(ready->current.items[ready->position + PREFETCH_AHEAD].extra);
  if (ref.slot >= loop->timers.slot_count) return;
  const char *timer = (const char *)&loop->timers.slots[ref.slot];
  SAROS_PREFETCH(timer);
  SAROS_PREFETCH(timer + sizeof(saros_timer_t) - 1);
}

/* The ready queue's entry for a timer that was due: it may have been cancelled since. */
static void run_due(lua_State *L, saros_loop_t *loop, void *target, uintptr_t ref_word) {
  (void)target;
  prefetch_due(loop);
  saros_timer_t *timer = saros_timer_heap_find(&loop->timers, unpack_ref(ref_word));
  if (!timer) return;
  saros_run_fn run = timer->run;
  void *argument = timer->target;
  if (run != run_timer) saros_timer_heap_remove(&loop->timers, unpack_ref(ref_word).slot);
  run(L, loop, argument, ref_word);
}

bool saros__is_timer(const saros_entry_t *entry) {
  return entry->run == run_due;
}

static void on_due(void *context, uint32_t slot, uint32_t generation) {
  saros_loop_t *loop = context;
  saros_ready_push(&loop->ready, run_due, NULL, (uintptr_t)slot << 32 | generation);
}

void saros__timers_move_due(lua_State *L, saros_loop_t *loop, double now) {
  saros_timer_heap_t *heap = &loop->timers;
  if (heap->count == 0 || heap->nodes[0].when > now) return;
  saros__loop_reserve(L, loop, saros_timer_heap_count_due(heap, now, heap->count));
  saros_timer_heap_take_due(heap, now, on_due, loop);
}

/* Replaces several arguments above index 3 by one table of them; returns how many there were. */
static int pack(lua_State *L) {
  int nargs = lua_gettop(L) - 3;
  if (nargs > 1) {
    lua_createtable(L, nargs, 0);
    lua_insert(L, 4);
    for (int i = nargs; i > 0; i--) lua_rawseti(L, 4, i);
  }
  return nargs;
}

/* May raise: the entry may be a new one. */
static void set_entry(lua_State *L, saros_loop_t *loop, int table, uint32_t slot, int value) {
  saros__loop_push(L, loop, table);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, key_of(slot));
  lua_pop(L, 1);
}

/* Pushes a handle for a timer that is about to be set, or was. */
static saros_timer_handle_t *push_handle(lua_State *L, saros_loop_t *loop, saros_timer_ref_t ref, double when) {
  saros_timer_handle_t *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  *handle = (saros_timer_handle_t){SAROS_MARKER_TIMER_HANDLE, loop, ref, when, loop->id, false};
  saros__push_slot(L, loop->rt, SAROS_SLOT_TIMER_HANDLE);
  lua_setmetatable(L, -2);
  return handle;
}

void saros__describe_timer(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry) {
  saros_timer_ref_t ref = unpack_ref(entry->extra);
  saros_timer_t *timer = saros_timer_heap_find(&loop->timers, ref);
  /* One that cancelled itself has freed its slot, whose deadline is still there. */
  double when = ref.slot < loop->timers.slot_count ? loop->timers.slots[ref.slot].when : 0;
  push_handle(L, loop, ref, when)->cancelled = !timer;
  lua_setfield(L, -2, "handle");
  if (timer) saros__origin_describe(L, loop, saros__timer_origin(ref.slot));
  if (!timer) {
    lua_pushliteral(L, "Exception in callback");
    return;
  }
  lua_pushliteral(L, "Exception in callback ");
  push_entry(L, loop, SAROS_LOOP_TIMERS, ref.slot);
  saros__push_function_name(L, -1);
  lua_remove(L, -2);
  lua_concat(L, 2);
  finish_timer(loop, ref);
}

void saros__push_timer_subject(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry) {
  saros_timer_ref_t ref = unpack_ref(entry->extra);
  const saros_timer_t *timer = saros_timer_heap_find(&loop->timers, ref);
  if (timer && timer->run == run_timer) {
    push_entry(L, loop, SAROS_LOOP_TIMERS, ref.slot);
    saros__context_unbind(L, -1);
    saros__origin_push(L, loop, saros__timer_origin(ref.slot));
  } else {
    lua_pushnil(L);
    lua_pushnil(L);
  }
}

/* Sets the timer for the function at index 3 and the arguments above it; returns its handle. */
static int set_timer(lua_State *L, saros_loop_t *loop, double when) {
  luaL_checkstack(L, 6, NULL);
  saros__context_bind(L, loop->rt, 3);
  int nargs = pack(L);
  bool traced = loop->debug;
  if (traced) {
    saros__origin_trace(L, loop);
    lua_replace(L, 2);
  }
  saros_timer_handle_t *handle = push_handle(L, loop, (saros_timer_ref_t){SAROS_NO_SLOT, 0}, when);
  lua_replace(L, 1);
  /* From here on no finalizer can run, so the slot stays ours. */
  saros__timer_reserve(L, loop);
  uint32_t slot = saros_timer_heap_next_slot(&loop->timers);
  set_entry(L, loop, SAROS_LOOP_TIMERS, slot, 3);
  if (traced) saros__origin_store(L, loop, 2, saros__timer_origin(slot));
  if (nargs > 0) set_entry(L, loop, SAROS_LOOP_ARGUMENTS, slot, 4);
  handle->ref = saros_timer_heap_insert(&loop->timers, when, run_timer, NULL, (uint32_t)nargs);
  lua_settop(L, 1);
  return 1;
}

/* Calls an overridden call_at with the function at index 3 and the arguments above it. */
static int call_at_method(lua_State *L, double when) {
  lua_pushnumber(L, when);
  lua_replace(L, 2);
  lua_getfield(L, 1, "call_at");
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

/*** Schedules a callback for later.
 * A timer never fires early, and equal deadlines fire in the order in which they were set.
 * Mirrors `asyncio.loop.call_later`.
 * @function EventLoop:call_later
 * @tparam number delay seconds from now; zero or less means the next iteration
 * @tparam function fn what to call
 * @param[opt] ... its arguments
 * @treturn TimerHandle a handle with `cancel()`, `cancelled()` and `when()`
 * @raise ValueError if the delay is NaN; RuntimeError if the loop is closed
 */
static int loop_call_later(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  double delay = saros__check_seconds(L, loop->rt, 2, "delay");
  saros__check_callable(L, 3);
  double when = saros__loop_time(L, loop) + delay;
  if (loop->overrides & SAROS_OVERRIDE_CALL_AT) return call_at_method(L, when);
  return set_timer(L, loop, when);
}

/*** Schedules a callback for a point in time. Mirrors `asyncio.loop.call_at`.
 * @function EventLoop:call_at
 * @tparam number when seconds, by `loop:time()`
 * @tparam function fn what to call
 * @param[opt] ... its arguments
 * @treturn TimerHandle a handle with `cancel()`, `cancelled()` and `when()`
 * @raise ValueError if `when` is NaN; RuntimeError if the loop is closed
 */
static int loop_call_at(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  double when = saros__check_seconds(L, loop->rt, 2, "when");
  saros__check_callable(L, 3);
  return set_timer(L, loop, when);
}

/* ---- TimerHandle ---- */

static saros_timer_handle_t *check_handle(lua_State *L) {
  saros_timer_handle_t *handle = saros__test_marker(L, 1, SAROS_MARKER_TIMER_HANDLE);
  if (!handle) luaL_typeerror(L, 1, "TimerHandle");
  return handle;
}

/*** A callback that was scheduled for later: what `call_later` and `call_at` return.
 * Mirrors `asyncio.TimerHandle`.
 * @type TimerHandle
 */

/*** Cancels the timer: its callback will not run. Mirrors `asyncio.TimerHandle.cancel`.
 * @function TimerHandle:cancel
 */
static int timer_cancel(lua_State *L) {
  saros_timer_handle_t *handle = check_handle(L);
  if (handle->cancelled) return 0;
  saros_loop_t *loop = handle->loop;
  handle->cancelled = true;
  if (loop->id != handle->loop_id) return 0;
  const saros_timer_t *timer = saros_timer_heap_find(&loop->timers, handle->ref);
  if (!timer) return 0;
  clear_values(loop, handle->ref.slot, timer->nargs);
  saros_timer_heap_remove(&loop->timers, handle->ref.slot);
  return 0;
}

/*** Tells whether the timer was cancelled; true also after it fired.
 * Mirrors `asyncio.TimerHandle.cancelled`.
 * @function TimerHandle:cancelled
 * @treturn boolean
 */
static int timer_cancelled(lua_State *L) {
  lua_pushboolean(L, check_handle(L)->cancelled);
  return 1;
}

/*** The timer's deadline. Mirrors `asyncio.TimerHandle.when`.
 * @function TimerHandle:when
 * @treturn number seconds, by `loop:time()`
 */
static int timer_when(lua_State *L) {
  lua_pushnumber(L, check_handle(L)->when);
  return 1;
}

static int timer_tostring(lua_State *L) {
  saros_timer_handle_t *handle = check_handle(L);
  lua_pushfstring(L, "TimerHandle: %p when=%f%s", (void *)handle, handle->when,
                  handle->cancelled ? " (cancelled)" : "");
  return 1;
}

/* pending_timers(loop) -> a list of {when=, callback=}, in no order: the timers that call Lua functions, each with
 * the name of its function. For the Lua layer. */
static int pending_timers(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  lua_newtable(L);
  lua_Integer count = 0;
  for (size_t i = 0; i < loop->timers.count; i++) {
    saros_timer_node_t node = loop->timers.nodes[i];
    if (loop->timers.slots[node.slot].run != run_timer) continue;
    push_entry(L, loop, SAROS_LOOP_TIMERS, node.slot);
    lua_createtable(L, 0, 2);
    saros__push_function_name(L, -2);
    lua_setfield(L, -2, "callback");
    lua_pushnumber(L, node.when);
    lua_setfield(L, -2, "when");
    lua_rawseti(L, 2, ++count);
    lua_settop(L, 2);
  }
  return 1;
}

static const luaL_Reg functions[] = {{"pending_timers", pending_timers}, {NULL, NULL}};

static const luaL_Reg loop_functions[] = {
    {"call_later", loop_call_later}, {"call_at", loop_call_at}, {NULL, NULL}};

static const luaL_Reg methods[] = {
    {"cancel", timer_cancel}, {"cancelled", timer_cancelled}, {"when", timer_when}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", timer_tostring}, {NULL, NULL}};

void saros__timers_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__new_class(L, rt, "TimerHandle", methods, metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_TIMER_HANDLE);
}

void saros__timers_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, loop_functions);
}
