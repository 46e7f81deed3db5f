#include "task/future.h"

#include <string.h>

#include "loop/errors.h"
#include "loop/handle.h"
#include "task/gather.h"
#include "task/report.h"
#include "task/task.h"

/* ---- making and finding ---- */

saros_future_t *saros__test_future(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) < sizeof(saros_future_t)) return NULL;
  saros_future_t *future = lua_touserdata(L, index);
  bool is = future->marker == SAROS_MARKER_FUTURE || future->marker == SAROS_MARKER_TASK;
  return is ? future : NULL;
}

saros_future_t *saros__check_future(lua_State *L, int index) {
  saros_future_t *future = saros__test_future(L, index);
  if (!future) luaL_typeerror(L, index, "Future");
  return future;
}

void saros__future_init(saros_future_t *future, saros_loop_t *loop, saros_marker_t marker) {
  *future = (saros_future_t){.marker = marker, .loop = loop, .loop_id = loop->id};
}

void saros__future_trace(lua_State *L, int index, saros_future_t *future) {
  index = lua_absindex(L, index);
  saros__future_extras(L, index, future);
  saros__push_traceback(L, L, 1);
  lua_setfield(L, -2, "source_traceback");
  lua_pop(L, 1);
}

saros_future_t *saros__future_new(lua_State *L, saros_loop_t *loop) {
  saros_future_t *future = lua_newuserdatauv(L, sizeof *future, SAROS_UV_EXTRAS);
  saros__future_init(future, loop, SAROS_MARKER_FUTURE);
  saros__push_slot(L, loop->rt, SAROS_SLOT_FUTURE);
  lua_setmetatable(L, -2);
  if (loop->debug) saros__future_trace(L, -1, future);
  return future;
}

/* ---- extras ---- */

void saros__future_extras(lua_State *L, int index, saros_future_t *future) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 6, NULL);
  if (future->has_extras) {
    lua_getiuservalue(L, index, SAROS_UV_EXTRAS);
    return;
  }
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, SAROS_UV_EXTRAS);
  future->has_extras = true;
}

void saros__future_extra(lua_State *L, int index, saros_future_t *future, const char *field) {
  if (!future->has_extras) {
    lua_pushnil(L);
    return;
  }
  lua_getiuservalue(L, index, SAROS_UV_EXTRAS);
  lua_getfield(L, -1, field);
  lua_remove(L, -2);
}

/* ---- waiters ---- */

/* Makes room for one more waiter after the first, in a new block in the extras. */
static void grow_waiters(lua_State *L, int index, saros_future_t *future) {
  uint32_t capacity = future->more_capacity ? future->more_capacity * 2 : 4;
  saros__future_extras(L, index, future);
  saros_waiter_t *more = lua_newuserdatauv(L, capacity * sizeof *more, 0);
  lua_setfield(L, -2, "waiters");
  lua_pop(L, 1);
  /* The old block is garbage from here on, but nothing has allocated since. */
  if (future->waiter_count > 1) {
    memcpy(more, future->more, (future->waiter_count - 1) * sizeof *more);
  }
  future->more = more;
  future->more_capacity = capacity;
}

void saros__future_add_waiter(lua_State *L, int index, saros_future_t *future, saros_waiter_fn wake,
                              void *target) {
  if (future->waiter_count == 0) {
    future->first = (saros_waiter_t){wake, target};
  } else {
    if (future->waiter_count - 1 == future->more_capacity) {
      grow_waiters(L, lua_absindex(L, index), future);
    }
    future->more[future->waiter_count - 1] = (saros_waiter_t){wake, target};
  }
  future->waiter_count++;
}

static saros_waiter_t *waiter_at(saros_future_t *future, uint32_t i) {
  return i == 0 ? &future->first : &future->more[i - 1];
}

bool saros__future_has_waiter(saros_future_t *future, saros_waiter_fn wake, const void *target) {
  for (uint32_t i = 0; i < future->waiter_count; i++) {
    const saros_waiter_t *waiter = waiter_at(future, i);
    if (waiter->wake == wake && waiter->target == target) return true;
  }
  return false;
}

int saros__future_remove_waiter(saros_future_t *future, saros_waiter_fn wake, void *target) {
  uint32_t kept = 0, count = future->waiter_count;
  for (uint32_t i = 0; i < count; i++) {
    saros_waiter_t *waiter = waiter_at(future, i);
    if (waiter->wake == wake && waiter->target == target) continue;
    *waiter_at(future, kept++) = *waiter;
  }
  future->waiter_count = kept;
  return (int)(count - kept);
}

/* Schedules all waiters of the future, which is done. The list is detached first: an overridden
 * call_soon may run anything. */
static void wake_waiters(lua_State *L, int index, saros_future_t *future) {
  uint32_t count = future->waiter_count;
  saros_loop_t *loop = saros__future_loop(future);
  future->waiter_count = 0;
  if (count == 0 || !loop) return;
  saros_waiter_t first = future->first, *more = future->more;
  if (more) {
    saros__future_extra(L, index, future, "waiters"); /* stays on the stack while it is read */
    future->more = NULL;
    future->more_capacity = 0;
  }
  first.wake(L, loop, future, index, first.target);
  for (uint32_t i = 1; i < count; i++) {
    saros__loop_reserve(L, loop, 1);
    more[i - 1].wake(L, loop, future, index, more[i - 1].target);
  }
  if (more) lua_pop(L, 1);
}

/* Room for the waiters, so that completing cannot fail half-way. */
static void reserve_waiters(lua_State *L, saros_future_t *future) {
  if (future->waiter_count == 0) return;
  luaL_checkstack(L, 8, NULL);
  saros_loop_t *loop = saros__future_loop(future);
  if (loop) saros__loop_reserve(L, loop, future->waiter_count);
}

void saros__wake_callback(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index,
                          void *target) {
  if (loop->closed) return;
  (void)future;
  lua_Integer key = (lua_Integer)(uintptr_t)target;
  lua_getiuservalue(L, index, SAROS_UV_EXTRAS);
  lua_rawgeti(L, -1, key);
  lua_pushnil(L);
  lua_rawseti(L, -3, key); /* the queue keeps it from here on */
  lua_remove(L, -2);
  lua_pushvalue(L, index);
  saros__schedule_call(L, loop, 2);
}

/* ---- completing ---- */

/* Moves the results after the first into the extras. */
static void store_more_results(lua_State *L, int index, saros_future_t *future, int n) {
  lua_createtable(L, n, 0);
  lua_insert(L, -n - 1);
  for (int i = n; i > 0; i--) lua_rawseti(L, -i - 1, i);
  saros__future_extras(L, index, future);
  lua_insert(L, -2);
  lua_setfield(L, -2, "results");
  lua_pop(L, 1);
}

void saros__future_set_results(lua_State *L, int index, saros_future_t *future, int n) {
  index = lua_absindex(L, index);
  reserve_waiters(L, future);
  if (n > 1) store_more_results(L, index, future, n - 1);
  if (n > 0) lua_setiuservalue(L, index, SAROS_UV_VALUE);
  future->nresults = (uint32_t)n;
  future->state = SAROS_RESULT;
  wake_waiters(L, index, future);
}

void saros__future_set_error(lua_State *L, int index, saros_future_t *future) {
  index = lua_absindex(L, index);
  reserve_waiters(L, future);
  saros_runtime_t *rt = future->loop->rt;
  saros__push_slot(L, rt, SAROS_SLOT_TRACEBACK);
  lua_pushnil(L);
  saros__store_slot(L, rt, SAROS_SLOT_TRACEBACK);
  struct saros_report *report = saros__report_new(L, index, future);
  lua_setiuservalue(L, index, SAROS_UV_VALUE);
  future->state = SAROS_FAILED;
  if (saros__future_loop(future)) saros__report_arm(future, report);
  wake_waiters(L, index, future);
}

void saros__future_set_cancelled(lua_State *L, int index, saros_future_t *future) {
  index = lua_absindex(L, index);
  reserve_waiters(L, future);
  lua_setiuservalue(L, index, SAROS_UV_VALUE);
  future->state = SAROS_CANCELLED;
  wake_waiters(L, index, future);
}

bool saros__future_cancel(lua_State *L, int index, saros_future_t *future, int message) {
  return saros__future_cancel_along(L, index, future, message, NULL);
}

bool saros__future_cancel_along(lua_State *L, int index, saros_future_t *future, int message,
                                const saros_cancel_path_t *path) {
  index = lua_absindex(L, index);
  if (message) message = lua_absindex(L, message);
  if (future->marker == SAROS_MARKER_TASK) {
    return saros__task_cancel(L, index, (saros_task_t *)future, message, path);
  }
  saros__future_silence(future);
  if (saros__future_done(future)) return false;
  if (future->gathering) return saros__gather_cancel(L, index, future, message, path);
  if (message) {
    luaL_checkstack(L, 6, NULL);
    saros__future_extras(L, index, future);
    lua_pushvalue(L, message);
    lua_setfield(L, -2, "cancel_message");
    lua_pop(L, 1);
  }
  lua_pushnil(L);
  saros__future_set_cancelled(L, index, future);
  return true;
}

/* ---- reading ---- */

void saros__future_silence(saros_future_t *future) {
  saros__report_disarm(future);
}

void saros__future_push_error(lua_State *L, int index, saros_future_t *future) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 8, NULL);
  saros__future_silence(future);
  lua_getiuservalue(L, index, SAROS_UV_VALUE);
  if (future->state != SAROS_CANCELLED || !lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  saros__future_extra(L, index, future, "cancel_message");
  saros__push_cancelled(L, future->loop->rt, lua_isnil(L, -1) ? 0 : lua_gettop(L));
  lua_remove(L, -2);
  lua_pushvalue(L, -1); /* everybody gets the same object */
  lua_setiuservalue(L, index, SAROS_UV_VALUE);
}

int saros__future_push_results(lua_State *L, int index, saros_future_t *future) {
  index = lua_absindex(L, index);
  if (future->state != SAROS_RESULT) {
    saros__future_push_error(L, index, future);
    return lua_error(L);
  }
  int n = (int)future->nresults;
  if (n == 0) return 0;
  luaL_checkstack(L, n + 2, "too many results");
  lua_getiuservalue(L, index, SAROS_UV_VALUE);
  if (n > 1) {
    saros__future_extra(L, index, future, "results");
    int more = lua_gettop(L);
    for (int i = 1; i < n; i++) lua_rawgeti(L, more, i);
    lua_remove(L, more);
  }
  return n;
}
