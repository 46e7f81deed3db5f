#include "thread/pending.h"

#include "loop/errors.h"

/* ---- the future ---- */

/* A slot has a future or, when it is free, the number of the next free one; 0 ends that list. By number, because a
 * table of addresses grows slow with thousands of them. */

/* Pops a value into a slot; a new one is made of the number 0. May raise then. */
static uint32_t take_slot(lua_State *L, saros_loop_t *loop) {
  saros__loop_push(L, loop, SAROS_LOOP_PENDING);
  if (lua_isnil(L, -1)) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    saros__loop_store(L, loop, SAROS_LOOP_PENDING);
    lua_replace(L, -2);
  }
  uint32_t slot = loop->free_pending;
  if (slot > 0) {
    lua_rawgeti(L, -1, slot);
    loop->free_pending = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
  } else {
    slot = loop->pending_slots + 1;
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, slot);
    loop->pending_slots = slot;
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, slot);
  lua_pop(L, 1);
  return slot;
}

saros_future_t *saros__pending_future(lua_State *L, saros_loop_t *loop, uint32_t *slot) {
  luaL_checkstack(L, 8, NULL);
  saros__mailbox(L, loop);
  saros_future_t *future = saros__future_new(L, loop);
  lua_pushvalue(L, -1);
  *slot = take_slot(L, loop);
  return future;
}

void saros__pending_drop(lua_State *L, saros_loop_t *loop, uint32_t slot) {
  saros__loop_push(L, loop, SAROS_LOOP_PENDING);
  lua_pushinteger(L, loop->free_pending);
  lua_rawseti(L, -2, slot);
  lua_pop(L, 1);
  loop->free_pending = slot;
}

void saros__pending_push(lua_State *L, const saros_pending_t *pending) {
  saros__loop_push(L, pending->future->loop, SAROS_LOOP_PENDING);
  lua_rawgeti(L, -1, pending->slot);
  lua_replace(L, -2);
}

/* The waiter of every such future. */
static void on_done(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index, void *target) {
  (void)future;
  (void)index;
  saros_pending_t *pending = target;
  pending->future = NULL;
  saros__pending_drop(L, loop, pending->slot);
  if (pending->class->abandoned) pending->class->abandoned(pending);
}

/* ---- out and back ---- */

/* The loop closes. */
static void leave(saros_guest_t *guest) {
  saros_pending_t *pending = (saros_pending_t *)guest;
  if (pending->future) saros__future_remove_waiter(pending->future, on_done, pending);
  pending->future = NULL;
  if (pending->class->returned) pending->class->returned(NULL, NULL, pending);
}

/* Argument: the block. Results: those of the future. */
static int take_results(lua_State *L) {
  saros_pending_t *pending = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return pending->class->settle(L, pending->future->loop, pending);
}

/* Completes the future at index 2 with the error on top. */
static void complete_with_error(lua_State *L, saros_future_t *future) {
  if (saros__is_error(L, future->loop->rt, -1, SAROS_SLOT_CANCELLED)) {
    saros__future_set_cancelled(L, 2, future);
  } else {
    saros__future_set_error(L, 2, future);
  }
}

/* Argument: the block. Completes its future. */
static int complete(lua_State *L) {
  saros_pending_t *pending = lua_touserdata(L, 1);
  saros_future_t *future = pending->future;
  saros__pending_push(L, pending);
  saros__future_remove_waiter(future, on_done, pending);
  if (pending->is_plain) {
    saros__future_set_results(L, 2, future, pending->class->settle(L, future->loop, pending));
    return 0;
  }
  lua_pushcfunction(L, take_results);
  lua_pushlightuserdata(L, pending);
  if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK) {
    saros__future_set_results(L, 2, future, lua_gettop(L) - 2);
  } else {
    complete_with_error(L, future);
  }
  return 0;
}

/* Argument: the block, whose future could not be completed. */
static int complete_without_memory(lua_State *L) {
  saros_pending_t *pending = lua_touserdata(L, 1);
  saros__pending_push(L, pending);
  lua_pushliteral(L, "not enough memory");
  complete_with_error(L, pending->future);
  return 0;
}

/* Completes its future without a protected call, if nothing needs memory: nobody is to be woken either. Else false. */
static bool complete_barely(saros_loop_t *loop, saros_pending_t *pending) {
  saros_future_t *future = pending->future;
  lua_State *L = loop->L;
  if (!pending->is_bare || future->waiter_count > 1 || !lua_checkstack(L, 2 * LUA_MINSTACK)) return false;
  saros__pending_push(L, pending);
  int index = lua_gettop(L);
  saros__future_remove_waiter(future, on_done, pending);
  saros__future_set_results(L, index, future, pending->class->settle(L, loop, pending));
  lua_settop(L, index - 1);
  return true;
}

/* The loop keeps the future until it is complete. */
static void settle(saros_loop_t *loop, saros_pending_t *pending) {
  static const char message[] = "Exception while a job is completed";
  saros_future_t *future = pending->future;
  if (!complete_barely(loop, pending)) saros__loop_protect(loop, complete, pending, message);
  if (!saros__future_done(future)) saros__loop_protect(loop, complete_without_memory, pending, message);
  saros__pending_drop(loop->L, loop, pending->slot);
}

static void arrive(saros_loop_t *loop, saros_parcel_t *parcel) {
  saros_pending_t *pending = saros__pending_of(parcel);
  if (loop) {
    if (pending->future) settle(loop, pending);
    saros__mailbox_exit(loop->mailbox, &pending->guest);
    saros__mailbox_expect(loop->mailbox, -1);
    saros__loop_unref(loop);
    if (pending->class->returned) pending->class->returned(loop->L, loop, pending);
  }
  pending->class->free(pending);
}

void saros__pending_begin(lua_State *L, saros_loop_t *loop, saros_pending_t *pending, int index,
                          uint32_t slot) {
  saros_future_t *future = lua_touserdata(L, index);
  pending->parcel.arrive = arrive;
  pending->guest.leave = leave;
  pending->future = future;
  pending->slot = slot;
  pending->is_plain = pending->is_bare = false;
  pending->home = loop->mailbox;
  saros__mailbox_ref(pending->home);
  saros__mailbox_enter(pending->home, &pending->guest);
  saros__mailbox_expect(pending->home, 1);
  saros__loop_ref(loop);
  saros__future_add_waiter(L, index, future, on_done, pending); /* the first one needs no memory */
}

bool saros__pending_deliver(saros_pending_t *pending) {
  return saros__mailbox_deliver(pending->home, &pending->parcel);
}
