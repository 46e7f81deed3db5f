#include "loop/clock.h"

#include <math.h>

#include "loop/class.h"
#include "loop/errors.h"
#include "loop/handle.h"
#include "loop/loop.h"

/* ---- reading ---- */

double saros__clock_now(saros_loop_t *loop) {
  saros_clock_t *clock = &loop->clock;
  bool follows = !clock->manual && saros__loop_outstanding(loop) > 0;
  if (!follows && !clock->following) return clock->now;
  uint64_t real = saros__now_ns();
  if (!clock->following) clock->following_since = real;
  double now = clock->now + (double)(real - clock->following_since) * 1e-9;
  if (!follows) clock->now = now;
  clock->following = follows;
  return now;
}

double saros__clock_wall(saros_loop_t *loop) {
  const saros_clock_t *clock = &loop->clock;
  return clock->wall + (saros__clock_now(loop) - clock->wall_at);
}

static void set_wall(saros_loop_t *loop, double wall) {
  loop->clock.wall_at = saros__clock_now(loop);
  loop->clock.wall = wall;
}

/* ---- moving ---- */

/* Never back, and not while it follows real time: that has gone further by itself. */
static void move_to(saros_clock_t *clock, double when) {
  if (!clock->following && when > clock->now) clock->now = when;
}

/* What the clock must show for the nearest timer to be due; HUGE_VAL: there is none, or it will never be.
 * `now` is the loop's own time, which a class may have overridden. */
static double nearest_deadline(const saros_loop_t *loop, double now) {
  if (loop->timers.count == 0) return HUGE_VAL;
  double when = loop->timers.nodes[0].when, shown = loop->clock.now;
  if (!(loop->overrides & SAROS_OVERRIDE_TIME)) return when;
  double next = shown + (when - now);
  return next > shown ? next : nextafter(shown, HUGE_VAL); /* what is left is less than a step */
}

static bool has_due(const saros_loop_t *loop, double now) {
  return loop->timers.count > 0 && loop->timers.nodes[0].when <= now;
}

/* The advance is over: schedules the function that waited for it. */
static void arrive(lua_State *L, saros_loop_t *loop) {
  saros_clock_t *clock = &loop->clock;
  move_to(clock, clock->target);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  saros__loop_anchored(L, loop, &clock->target);
  saros__call_soon(L, loop, 1);
  clock->advancing = false;
  saros__loop_release(L, loop, &clock->target);
}

/* The Lua layer tells what waits. */
static void raise_deadlock(lua_State *L, saros_loop_t *loop) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  saros__loop_anchored(L, loop, &loop->clock);
  saros__push_loop(L, loop);
  lua_call(L, 1, 1);
  saros__raise(L, loop->rt, "RuntimeError", "%s", luaL_checkstring(L, -1));
}

bool saros__clock_move(lua_State *L, saros_loop_t *loop) {
  saros_clock_t *clock = &loop->clock;
  double now = saros__loop_time(L, loop);
  if (has_due(loop, now)) return true;
  double next = nearest_deadline(loop, now);
  if (clock->advancing) {
    if (next > clock->target) {
      arrive(L, loop);
    } else {
      move_to(clock, next);
    }
    return true;
  }
  if (saros__loop_outstanding(loop) > 0) return false;
  if (clock->manual || next == HUGE_VAL) raise_deadlock(L, loop);
  move_to(clock, next);
  return true;
}

/* ---- for the Lua layer ---- */

static saros_loop_t *check_virtual(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  if (!loop->clock.is_virtual) luaL_argerror(L, 1, "the loop's clock is not virtual");
  return loop;
}

/* make_clock_virtual(loop, wall, manual, describe): from now on the loop's time begins at 0, its wall clock at
 * `wall`. `describe(loop)` returns the message of the error that is raised when nothing can happen. */
static int make_clock_virtual(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  double wall = luaL_checknumber(L, 2);
  bool manual = lua_toboolean(L, 3);
  luaL_checktype(L, 4, LUA_TFUNCTION);
  lua_settop(L, 4);
  saros__loop_anchor(L, loop, &loop->clock);
  loop->clock = (saros_clock_t){.is_virtual = true, .manual = manual, .wall = wall};
  saros__class_look(L, loop, 1);
  return 0;
}

/* set_manual_clock(loop, manual) */
static int set_manual_clock(lua_State *L) {
  saros_loop_t *loop = check_virtual(L);
  loop->clock.now = saros__clock_now(loop);
  loop->clock.following = false;
  loop->clock.manual = lua_toboolean(L, 2);
  return 0;
}

/* has_manual_clock(loop) */
static int has_manual_clock(lua_State *L) {
  lua_pushboolean(L, check_virtual(L)->clock.manual);
  return 1;
}

/* set_wall_clock(loop, seconds) */
static int set_wall_clock(lua_State *L) {
  saros_loop_t *loop = check_virtual(L);
  set_wall(loop, luaL_checknumber(L, 2));
  return 0;
}

/* begin_advance(loop, seconds, fn): the clock moves by `seconds`; then, when all that was due has run and
 * nothing is ready, `fn` is scheduled. */
static int begin_advance(lua_State *L) {
  saros_loop_t *loop = check_virtual(L);
  double seconds = luaL_checknumber(L, 2);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  if (loop->clock.advancing) {
    return saros__raise(L, loop->rt, "RuntimeError", "the clock is being advanced already");
  }
  lua_settop(L, 3);
  saros__loop_anchor(L, loop, &loop->clock.target);
  loop->clock.target = saros__clock_now(loop) + seconds;
  loop->clock.advancing = true;
  return 0;
}

/* end_advance(loop): gives up an advance that is under way; the clock stays where it is. */
static int end_advance(lua_State *L) {
  saros_loop_t *loop = check_virtual(L);
  loop->clock.advancing = false;
  saros__loop_release(L, loop, &loop->clock.target);
  return 0;
}

static const luaL_Reg functions[] = {{"make_clock_virtual", make_clock_virtual},
                                     {"set_manual_clock", set_manual_clock},
                                     {"has_manual_clock", has_manual_clock},
                                     {"set_wall_clock", set_wall_clock},
                                     {"begin_advance", begin_advance},
                                     {"end_advance", end_advance},
                                     {NULL, NULL}};

void saros__clock_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
