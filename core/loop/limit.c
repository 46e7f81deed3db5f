#include "loop/limit.h"

#include <stdlib.h>

#include "loop/errors.h"
#include "loop/handle.h"

/* Longer than anybody will wait: milliseconds must fit. */
#define LONGEST 1e9

typedef struct saros_limit {
  uv_timer_t timer; /* first: freed through it */
  saros_loop_t *loop;
} saros_limit_t;

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

void saros__limit_close(saros_loop_t *loop) {
  if (!loop->limit) return;
  uv_close((uv_handle_t *)&loop->limit->timer, on_closed);
  loop->limit = NULL;
}

/* Argument: the limit. */
static int schedule(lua_State *L) {
  saros_limit_t *limit = lua_touserdata(L, 1);
  saros__loop_anchored(L, limit->loop, limit);
  saros__call_soon(L, limit->loop, 1);
  return 0;
}

/* libuv 1.44 in UV_RUN_ONCE runs a timer that is due on entry and then waits without limit: stopping the run
 * makes it return. */
static void on_limit(uv_timer_t *timer) {
  saros_limit_t *limit = (saros_limit_t *)timer;
  saros__loop_protect(limit->loop, schedule, limit, "Exception in a time limit");
  uv_stop(timer->loop);
}

/* clear_limit(loop) */
static int clear_limit(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  if (!loop->limit) return 0;
  saros__loop_release(L, loop, loop->limit);
  saros__limit_close(loop);
  return 0;
}

/* set_limit(loop, seconds, fn): calls `fn` after `seconds` of real time, in which the loop need not run;
 * replaces the limit that was set before. */
static int set_limit(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  double seconds = luaL_checknumber(L, 2);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 3);
  clear_limit(L);
  saros_limit_t *limit = malloc(sizeof *limit);
  if (!limit) return luaL_error(L, "not enough memory");
  int code = uv_timer_init(&loop->uv, &limit->timer);
  if (code < 0) {
    free(limit);
    return saros__raise_os_error(L, loop->rt, code, "cannot set a time limit");
  }
  limit->loop = loop;
  loop->limit = limit;
  lua_pushvalue(L, 3);
  saros__loop_anchor(L, loop, limit);
  uv_update_time(&loop->uv);
  uv_timer_start(&limit->timer, on_limit, (uint64_t)((seconds < LONGEST ? seconds : LONGEST) * 1e3), 0);
  return 0;
}

static const luaL_Reg functions[] = {
    {"set_limit", set_limit}, {"clear_limit", clear_limit}, {NULL, NULL}};

void saros__limit_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
