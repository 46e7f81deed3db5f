#include "loop/timed.h"

#include "loop/context.h"
#include "loop/errors.h"
#include "loop/failure.h"
#include "loop/handle.h"
#include "loop/origin.h"
#include "loop/timers.h"

/* What is pushed for an entry: its kind, what it is about, and a traceback of where a callback was scheduled
 * or of where a step begins. */
enum { SUBJECT_VALUES = 3 };

static void push_subject(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry, lua_Integer sequence) {
  if (saros__is_callback(entry)) {
    lua_State *stack = saros__values_stack(&loop->values, entry->extra);
    lua_pushliteral(L, "callback");
    lua_pushvalue(stack, saros__values_slot(entry->extra));
    lua_xmove(stack, L, 1);
    saros__context_unbind(L, -1);
    saros__origin_push(L, loop, sequence);
  } else if (saros__is_timer(entry)) {
    lua_pushliteral(L, "callback");
    saros__push_timer_subject(L, loop, entry);
  } else {
    lua_pushliteral(L, "step");
    if (loop->rt->push_step_task(L, entry)) return;
    lua_pushnil(L);
    lua_pushnil(L);
  }
}

/* Arguments: the loop, the entry. */
static int run_entry(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 1);
  const saros_entry_t *entry = lua_touserdata(L, 2);
  lua_settop(L, 0);
  luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
  entry->run(L, loop, entry->target, entry->extra);
  return 0;
}

/* Reports what the entry raised, now, so that an entry that fails is measured as well. */
static void run_reported(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry) {
  saros__push_handler(L, loop->rt);
  int handler = lua_gettop(L);
  lua_pushcfunction(L, run_entry);
  lua_pushlightuserdata(L, loop);
  lua_pushlightuserdata(L, (void *)entry);
  if (lua_pcall(L, 2, 0, handler) != LUA_OK) {
    loop->in_entry = false;
    saros__report_entry(L, loop);
    loop->in_entry = true;
  }
  lua_settop(L, handler - 1);
}

/* The subject's values are at `subject`. */
static void log_if_slow(lua_State *L, saros_loop_t *loop, int subject, double took) {
  saros__push_loop(L, loop);
  int index = lua_gettop(L);
  lua_getfield(L, index, "slow_callback_duration");
  if (!lua_isnumber(L, -1) || took < lua_tonumber(L, -1)) return;
  if (lua_getfield(L, index, "_slow_callback") != LUA_TFUNCTION) return;
  lua_pushvalue(L, index);
  lua_pushnumber(L, took);
  for (int i = 0; i < SUBJECT_VALUES; i++) lua_pushvalue(L, subject + i);
  lua_call(L, 2 + SUBJECT_VALUES, 0);
}

void saros__run_timed(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry) {
  lua_Integer sequence = (lua_Integer)(loop->ready.current.first + loop->ready.position - 1);
  int top = lua_gettop(L);
  luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
  push_subject(L, loop, entry, sequence);
  uint64_t begin = saros__now_ns();
  run_reported(L, loop, entry);
  double took = (double)(saros__now_ns() - begin) * 1e-9;
  saros__origin_forget(loop, sequence);
  log_if_slow(L, loop, top + 1, took);
  lua_settop(L, top);
}
