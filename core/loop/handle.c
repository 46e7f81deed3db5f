#include "loop/handle.h"

#include "loop/context.h"
#include "loop/errors.h"
#include "loop/origin.h"

/* The top bit of `sequence` says that the handle was cancelled: handles are made by the
 * million, and three words fit a smaller block than four. */
#define CANCELLED ((uint64_t)1 << 63)

typedef struct saros_handle {
  saros_marker_t marker;
  saros_loop_t *loop;
  uint64_t sequence;
} saros_handle_t;

/* ---- scheduling ---- */

void saros__pack_call(lua_State *L, int first) {
  int n = lua_gettop(L) - first + 1;
  luaL_checkstack(L, 2, NULL);
  lua_createtable(L, n, 1);
  lua_insert(L, first);
  for (int i = n; i > 0; i--) lua_rawseti(L, first, i);
  lua_pushinteger(L, n);
  lua_setfield(L, first, "n");
}

int saros__unpack_call(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_getfield(L, index, "n");
  int n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, n, "too many arguments");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, index, i);
  return n;
}

/* Makes the call that is packed in upvalue 2. */
static int call_packed(lua_State *L) {
  lua_settop(L, 0);
  lua_call(L, saros__unpack_call(L, lua_upvalueindex(2)) - 1, 0);
  return 0;
}

int saros__pack_arguments(lua_State *L, saros_runtime_t *rt, int n) {
  if (n <= SAROS_MAX_VALUES) return n;
  saros__pack_call(L, lua_gettop(L) - n + 1);
  saros__push_slot(L, rt, SAROS_SLOT_RUNTIME);
  lua_insert(L, -2);
  lua_pushcclosure(L, call_packed, 2);
  return 1;
}

static void run_callback(lua_State *L, saros_loop_t *loop, void *target, uintptr_t packed) {
  (void)target;
  lua_State *stack = saros__values_stack(&loop->values, packed);
  int slot = saros__values_slot(packed), n = saros__values_count(packed);
  if (!lua_checkstack(L, n + LUA_MINSTACK) || !lua_checkstack(stack, n)) {
    luaL_error(L, "not enough memory");
  }
  for (int i = 0; i < n; i++) lua_pushvalue(stack, slot + i);
  lua_xmove(stack, L, n);
  lua_call(L, n - 1, 0);
}

bool saros__is_callback(const saros_entry_t *entry) {
  return entry->run == run_callback;
}

/* The sequence number of the next entry. */
static lua_Integer next_sequence(const saros_loop_t *loop) {
  return (lua_Integer)(loop->ready.incoming.first + loop->ready.incoming.count);
}

uint64_t saros__call_soon(lua_State *L, saros_loop_t *loop, int n) {
  n = saros__pack_arguments(L, loop->rt, n);
  bool traced = loop->debug;
  if (traced) {
    saros__origin_trace(L, loop);
    lua_insert(L, -n - 1);
  }
  lua_State *stack = saros__values_grow(L, &loop->values, loop->anchor, SAROS_LOOP_VALUES, n);
  if (!stack) luaL_error(L, "not enough memory");
  saros__loop_reserve(L, loop, 1);
  if (traced) saros__origin_store(L, loop, -n - 1, next_sequence(loop));
  int slot = lua_gettop(stack) + 1;
  lua_xmove(L, stack, n);
  if (traced) lua_pop(L, 1);
  return saros_ready_push(&loop->ready, run_callback, NULL,
                          saros__values_pack(loop->values.filling, slot, n));
}

void saros__schedule_call(lua_State *L, saros_loop_t *loop, int n) {
  if (!(loop->overrides & SAROS_OVERRIDE_CALL_SOON)) {
    saros__call_soon(L, loop, n);
    return;
  }
  luaL_checkstack(L, 4, NULL);
  /* The method would bind it to the context of whoever schedules it. */
  if (loop->rt->has_context) saros__context_bind_empty(L, loop->rt, -n);
  saros__push_loop(L, loop);
  lua_getfield(L, -1, "call_soon");
  lua_insert(L, -n - 2);
  lua_insert(L, -n - 1);
  lua_call(L, n + 1, 0);
}

void saros__push_handle(lua_State *L, saros_loop_t *loop, uint64_t sequence) {
  saros_handle_t *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  *handle = (saros_handle_t){SAROS_MARKER_HANDLE, loop, sequence};
  saros__push_slot(L, loop->rt, SAROS_SLOT_HANDLE);
  lua_setmetatable(L, -2);
}

void saros__push_function_name(lua_State *L, int index) {
  lua_pushvalue(L, index);
  saros__context_unbind(L, -1);
  index = lua_gettop(L);
  lua_Debug ar = {.what = "C"};
  if (lua_type(L, index) == LUA_TFUNCTION) {
    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &ar);
  }
  if (*ar.what == 'C') {
    luaL_tolstring(L, index, NULL);
  } else {
    lua_pushfstring(L, "function <%s:%d>", ar.short_src, ar.linedefined);
  }
  lua_remove(L, index);
}

void saros__describe_callback(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry,
                              uint64_t sequence) {
  saros__push_handle(L, loop, sequence);
  lua_setfield(L, -2, "handle");
  saros__origin_describe(L, loop, (lua_Integer)sequence);
  lua_State *stack = saros__values_stack(&loop->values, entry->extra);
  lua_pushliteral(L, "Exception in callback ");
  lua_pushvalue(stack, saros__values_slot(entry->extra));
  lua_xmove(stack, L, 1);
  saros__push_function_name(L, -1);
  lua_remove(L, -2);
  lua_concat(L, 2);
}

/* ---- Lua ---- */

/* call_soon in debug mode. */
static int call_soon_traced(lua_State *L, saros_loop_t *loop) {
  int n = lua_gettop(L) - 1;
  saros__push_handle(L, loop, 0);
  saros_handle_t *handle = lua_touserdata(L, -1);
  lua_replace(L, 1);
  handle->sequence = saros__call_soon(L, loop, n);
  return 1;
}

/*** Schedules a callback for the next iteration of the loop.
 * Callbacks run in the order in which they were scheduled. Mirrors `asyncio.loop.call_soon`.
 * @function EventLoop:call_soon
 * @tparam function fn what to call
 * @param[opt] ... its arguments
 * @treturn Handle a handle with `cancel()` and `cancelled()`
 * @raise RuntimeError if the loop is closed
 */
static int loop_call_soon(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros__check_callable(L, 2);
  saros__context_bind(L, loop->rt, 2);
  if (loop->debug) return call_soon_traced(L, loop);
  int n = saros__pack_arguments(L, loop->rt, lua_gettop(L) - 1);
  /* The allocations come first: after them nothing can fail, and no finalizer can run between. */
  saros__push_handle(L, loop, 0);
  saros_handle_t *handle = lua_touserdata(L, -1);
  lua_State *stack = saros__values_grow(L, &loop->values, loop->anchor, SAROS_LOOP_VALUES, n);
  if (!stack || !saros_ready_reserve(&loop->ready, 1)) return luaL_error(L, "not enough memory");
  lua_replace(L, 1);
  int slot = lua_gettop(stack) + 1;
  lua_xmove(L, stack, n);
  handle->sequence = saros_ready_push(&loop->ready, run_callback, NULL,
                                      saros__values_pack(loop->values.filling, slot, n));
  return 1;
}

static saros_handle_t *check_handle(lua_State *L) {
  saros_handle_t *handle = saros__test_marker(L, 1, SAROS_MARKER_HANDLE);
  if (!handle) luaL_typeerror(L, 1, "Handle");
  return handle;
}

/*** A callback that was scheduled: what `call_soon` returns. Mirrors `asyncio.Handle`.
 * @type Handle
 */

/*** Cancels the callback: it will not run, even if it is due in this iteration.
 * Mirrors `asyncio.Handle.cancel`.
 * @function Handle:cancel
 */
static int handle_cancel(lua_State *L) {
  saros_handle_t *handle = check_handle(L);
  if (!(handle->sequence & CANCELLED)) {
    saros_entry_t *entry = saros_ready_find(&handle->loop->ready, handle->sequence);
    if (entry) {
      entry->run = NULL;
      if (handle->loop->debug) saros__origin_forget(handle->loop, (lua_Integer)handle->sequence);
    }
    handle->sequence |= CANCELLED;
  }
  return 0;
}

/*** Tells whether the handle was cancelled; true also after its callback ran.
 * Mirrors `asyncio.Handle.cancelled`.
 * @function Handle:cancelled
 * @treturn boolean
 */
static int handle_cancelled(lua_State *L) {
  lua_pushboolean(L, (check_handle(L)->sequence & CANCELLED) != 0);
  return 1;
}

static int handle_tostring(lua_State *L) {
  saros_handle_t *handle = check_handle(L);
  lua_pushfstring(L, "Handle: %p%s", (void *)handle,
                  handle->sequence & CANCELLED ? " (cancelled)" : "");
  return 1;
}

static const luaL_Reg loop_functions[] = {
    {"call_soon", loop_call_soon}, {NULL, NULL}};

static const luaL_Reg methods[] = {
    {"cancel", handle_cancel}, {"cancelled", handle_cancelled}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", handle_tostring}, {NULL, NULL}};

void saros__handle_open(lua_State *L, saros_runtime_t *rt) {
  saros__new_class(L, rt, "Handle", methods, metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_HANDLE);
}

void saros__handle_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, loop_functions);
}
