#include "thread/pending.h"

#include <stddef.h>

#include "loop/errors.h"

static saros_pending_t *of_guest(saros_guest_t *guest) {
  return (saros_pending_t *)((char *)guest - offsetof(saros_pending_t, guest));
}

static void free_pending(saros_pending_t *pending) {
  saros__shared_unref(saros__mailbox_shared(pending->home));
  pending->class->free(pending);
}

/* ---- the future ---- */

saros_future_t *saros__pending_future(lua_State *L, saros_loop_t *loop) {
  saros_future_t *future = saros__future_new(L, loop);
  lua_pushvalue(L, -1);
  saros__loop_anchor(L, loop, future);
  return future;
}

void saros__pending_keep_no_more(lua_State *L, saros_loop_t *loop, saros_future_t *future) {
  saros__loop_release(L, loop, future);
}

/* The waiter of every such future. */
static void on_done(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index, void *target) {
  (void)future;
  (void)index;
  saros_pending_t *pending = target;
  pending->future = NULL;
  saros__pending_keep_no_more(L, loop, future);
  if (pending->class->abandoned) pending->class->abandoned(pending);
}

/* ---- out and back ---- */

/* The loop closes. */
static void leave(saros_guest_t *guest) {
  saros_pending_t *pending = of_guest(guest);
  if (pending->future) saros__future_remove_waiter(pending->future, on_done, pending);
  pending->future = NULL;
  if (pending->class->returned) pending->class->returned(NULL, NULL, pending);
}

/* Arguments: the block, the future. Results: those of the future. */
static int take_results(lua_State *L) {
  saros_pending_t *pending = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return pending->class->settle(L, pending->future->loop, pending);
}

/* Argument: the block. Completes its future. */
static int complete(lua_State *L) {
  saros_pending_t *pending = lua_touserdata(L, 1);
  saros_future_t *future = pending->future;
  saros_loop_t *loop = future->loop;
  saros__loop_anchored(L, loop, future);
  saros__pending_keep_no_more(L, loop, future);
  saros__future_remove_waiter(future, on_done, pending);
  lua_pushcfunction(L, take_results);
  lua_pushlightuserdata(L, pending);
  if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK) {
    saros__future_set_results(L, 2, future, lua_gettop(L) - 2);
  } else if (saros__is_error(L, loop->rt, -1, SAROS_SLOT_CANCELLED)) {
    saros__future_set_cancelled(L, 2, future);
  } else {
    saros__future_set_error(L, 2, future);
  }
  return 0;
}

static void come_back(lua_State *L, saros_loop_t *loop, saros_pending_t *pending) {
  saros__mailbox_exit(pending->home, &pending->guest);
  saros__mailbox_expect(pending->home, -1);
  saros__loop_unref(loop);
  if (pending->class->returned) pending->class->returned(L, loop, pending);
}

static void arrive(saros_loop_t *loop, saros_parcel_t *parcel) {
  saros_pending_t *pending = (saros_pending_t *)parcel;
  if (loop) {
    if (pending->future) saros__loop_protect(loop, complete, pending, "Exception while a job is completed");
    come_back(loop->L, loop, pending);
  }
  free_pending(pending);
}

void saros__pending_begin(lua_State *L, saros_loop_t *loop, saros_pending_t *pending, int index,
                          saros_future_t *future) {
  pending->parcel.arrive = arrive;
  pending->guest.leave = leave;
  pending->future = future;
  pending->home = loop->mailbox;
  saros__shared_ref(saros__mailbox_shared(pending->home));
  saros__mailbox_enter(pending->home, &pending->guest);
  saros__mailbox_expect(pending->home, 1);
  saros__loop_ref(loop);
  saros__future_add_waiter(L, index, future, on_done, pending); /* the first one needs no memory */
}

void saros__pending_deliver(saros_pending_t *pending) {
  saros__mailbox_deliver(pending->home, &pending->parcel);
}
