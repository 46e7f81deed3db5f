#include <math.h>

#include "loop/class.h"
#include "loop/context.h"
#include "loop/errors.h"
#include "loop/failure.h"
#include "loop/handle.h"
#include "loop/interrupt.h"
#include "loop/loop.h"
#include "loop/timed.h"
#include "loop/timers.h"
#include "structures/hints.h"

/* How long the poll for I/O may be skipped while callbacks are ready. Ticks are those of cheap_ticks:
 * 100 microseconds at the slowest clock there is, less at faster ones. */
enum { MAX_SKIPPED_POLLS = 61, MAX_SKIPPED_TICKS = 100000 };

/* Deadlines later than this many seconds are as good as never: nanoseconds must fit. */
#define FAR_FUTURE 9e9

/* ---- one iteration ---- */

/* Runs what is left of the current entries. An error leaves `in_entry` set: see resume_iteration. */
static SAROS_ALWAYS_INLINE void run_entries(lua_State *L, saros_loop_t *loop) {
  saros_ready_t *ready = &loop->ready;
  luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
  loop->iterating = loop->in_entry = true;
  while (ready->position < ready->current.count) {
    saros_entry_t entry = ready->current.items[ready->position++];
    if (!entry.run) continue;
    if (loop->rt->has_context) saros__context_clear(loop->rt); /* of the entry before */
    if (loop->debug) {
      saros__run_timed(L, loop, &entry);
    } else {
      entry.run(L, loop, entry.target, entry.extra);
    }
  }
  loop->iterating = loop->in_entry = false;
  if (loop->rt->has_context) saros__context_clear(loop->rt);
  if (loop->values.count > 0) saros__values_drained(&loop->values);
}

static SAROS_ALWAYS_INLINE void begin_entries(lua_State *L, saros_loop_t *loop) {
  if (!saros_ready_begin(&loop->ready)) luaL_error(L, "not enough memory");
  if (loop->values.count > 0) saros__values_swap(&loop->values);
  loop->callbacks += loop->ready.current.count - loop->ready.position;
}

/* When the poll must end, in nanoseconds of the monotonic clock; UINT64_MAX: whenever something happens. */
static uint64_t nearest_deadline(lua_State *L, saros_loop_t *loop) {
  if (loop->timers.count == 0 || loop->clock.manual) return UINT64_MAX;
  double when = loop->timers.nodes[0].when;
  if (loop->overrides & (SAROS_OVERRIDE_TIME | SAROS_OVERRIDE_CLOCK)) {
    double left = when - saros__loop_time(L, loop);
    when = saros__now() + (left > 0 ? left : 0);
  }
  if (!(when < FAR_FUTURE)) return UINT64_MAX;
  return when > 0 ? (uint64_t)ceil(when * 1e9) + 1 : 1;
}

static void run_uv(saros_loop_t *loop, uv_run_mode mode) {
  loop->polling = true;
  uv_run(&loop->uv, mode);
  loop->polling = false;
}

/* Takes in what has happened outside, without waiting for more. */
static void look_outside(saros_loop_t *loop) {
  if (loop->mailbox) loop->collect(loop);
  run_uv(loop, UV_RUN_NOWAIT);
}

static bool must_go_on(const saros_loop_t *loop) {
  return !loop->stopping && !(loop->until_idle && saros__loop_is_idle(loop));
}

/* A virtual clock moves instead of waiting, once all that has happened outside had its turn. False: the loop
 * must wait. */
static bool move_clock(lua_State *L, saros_loop_t *loop) {
  loop->iterating = true;
  look_outside(loop);
  loop->iterating = false;
  if (saros_ready_count(&loop->ready) > 0 || loop->has_error || loop->dirty || !must_go_on(loop)) return true;
  return saros__clock_move(L, loop);
}

/* Waits for events until the nearest deadline. */
static void wait_for_events(lua_State *L, saros_loop_t *loop) {
  if (loop->overrides & SAROS_OVERRIDE_CLOCK && move_clock(L, loop)) return;
  uint64_t deadline = nearest_deadline(L, loop), begin = saros__now_ns();
  loop->iterating = true;
  if (deadline <= begin) {
    look_outside(loop);
    return;
  }
  if (loop->mailbox && loop->linger(loop, deadline)) {
    run_uv(loop, UV_RUN_NOWAIT);
    return;
  }
  if (deadline != UINT64_MAX) saros__alarm_set(&loop->alarm, deadline);
  run_uv(loop, UV_RUN_ONCE);
  if (loop->mailbox) loop->wake_up(loop);
  loop->idle_ns += saros__now_ns() - begin;
}

/* A clock that is only good for noticing that time has passed, but costs less than half of a real one:
 * it bounds how long the poll is skipped. */
static uint64_t cheap_ticks(void) {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_ia32_rdtsc();
#else
  return saros__now_ns();
#endif
}

/* Polls for I/O, or skips it while callbacks are ready and the last poll is not long ago. */
static SAROS_ALWAYS_INLINE void poll_events(lua_State *L, saros_loop_t *loop) {
  if (loop->dirty) {
    loop->iterating = true;
    loop->before_poll(loop);
  }
  if (saros_ready_count(&loop->ready) == 0 && !loop->stopping) {
    wait_for_events(L, loop);
  } else {
    if (loop->polls_skipped < MAX_SKIPPED_POLLS &&
        cheap_ticks() - loop->polled_at < MAX_SKIPPED_TICKS) {
      loop->polls_skipped++;
      return;
    }
    loop->iterating = true;
    look_outside(loop);
  }
  loop->polls_skipped = 0;
  loop->polled_at = cheap_ticks();
}

static void count_lag(saros_loop_t *loop, double lag) {
  static const double bounds[SAROS_LAG_BUCKETS] = SAROS_LAG_BOUNDS;
  int bucket = 0;
  while (lag > bounds[bucket]) bucket++;
  loop->lag[bucket]++;
}

static SAROS_ALWAYS_INLINE void move_timers(lua_State *L, saros_loop_t *loop) {
  if (loop->timers.count == 0) return;
  double now = saros__loop_time(L, loop);
  if (loop->timers.count == 0 || loop->timers.nodes[0].when > now) return;
  count_lag(loop, now - loop->timers.nodes[0].when);
  saros__timers_move_due(L, loop, now);
}

/* One iteration. Errors of callbacks leave it, and it is finished by resume_iteration. */
static SAROS_ALWAYS_INLINE void iterate(lua_State *L, saros_loop_t *loop) {
  loop->L = L;
  loop->iterations++;
  poll_events(L, loop);
  loop->iterating = false;
  saros__raise_kept_error(L, loop);
  move_timers(L, loop);
  begin_entries(L, loop);
  run_entries(L, loop);
}

/* Argument: the loop. Finishes an iteration that an error left. */
static int resume_entries(lua_State *L) {
  run_entries(L, lua_touserdata(L, 1));
  return 0;
}

/* A protected call of an iteration failed, with the error on top: reports what a callback raised and
 * finishes the iteration. What is no callback's error is raised again. */
static void resume_iteration(lua_State *L, saros_loop_t *loop) {
  do {
    if (!loop->in_entry) lua_error(L);
    loop->in_entry = false;
    saros__report_entry(L, loop);
    lua_pushcfunction(L, resume_entries);
    lua_pushlightuserdata(L, loop);
  } while (lua_pcall(L, 1, 0, FRAME_HANDLER) != LUA_OK);
}

/* ---- running ---- */

bool saros__loop_is_idle(const saros_loop_t *loop) {
  return saros_ready_count(&loop->ready) == 0 && loop->timers.count <= loop->background &&
         loop->tasks.live <= loop->background && loop->active_io == 0;
}

void saros__check_not_running(lua_State *L, saros_loop_t *loop) {
  if (loop->running) saros__raise(L, loop->rt, "RuntimeError", "This event loop is already running");
  if (loop->rt->running) {
    saros__raise(L, loop->rt, "RuntimeError",
                 "Cannot run the event loop while another loop is running");
  }
}

void saros__loop_enter(lua_State *L, saros_loop_t *loop, int index) {
  lua_pushvalue(L, index);
  saros__store_slot(L, loop->rt, SAROS_SLOT_LOOP);
  loop->rt->running = loop;
  loop->running = true;
  loop->L = L;
  loop->thread = (uint64_t)(uintptr_t)uv_thread_self();
  loop->started_ns = saros__now_ns();
  loop->polls_skipped = MAX_SKIPPED_POLLS; /* begin with a poll */
  saros__interrupt_enter(loop);
}

void saros__loop_leave(saros_loop_t *loop) {
  saros__interrupt_leave(loop);
  lua_pushnil(loop->rt->anchor);
  lua_replace(loop->rt->anchor, SAROS_SLOT_LOOP);
  loop->run_ns += saros__now_ns() - loop->started_ns;
  loop->rt->running = NULL;
  loop->rt->eager_depth = 0; /* an interrupt may have left some */
  loop->running = loop->stopping = loop->until_idle = false;
  loop->iterating = loop->in_entry = false;
  loop->L = NULL;
}

/* Arguments: the loop, the message handler. Iterates for as long as it can: one protected call serves until
 * a callback fails. */
static int iterate_many(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, FRAME_LOOP);
  do {
    iterate(L, loop);
    saros__class_refresh(L, loop, FRAME_LOOP);
  } while (must_go_on(loop) && !(loop->overrides & SAROS_OVERRIDE_RUN_ONCE));
  return 0;
}

/* The frame's loop iterates, once or for as long as it can. */
static void iterate_protected(lua_State *L, saros_loop_t *loop, lua_CFunction f) {
  lua_pushcfunction(L, f);
  lua_pushvalue(L, FRAME_LOOP);
  lua_pushvalue(L, FRAME_HANDLER);
  if (lua_pcall(L, 2, 0, FRAME_HANDLER) != LUA_OK) resume_iteration(L, loop);
}

/* Argument: the loop. Runs until it is stopped. */
static int run_until_stopped(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, FRAME_LOOP);
  saros__push_handler(L, loop->rt);
  if (loop->until_idle && saros__loop_is_idle(loop)) return 0;
  do {
    saros__class_refresh(L, loop, FRAME_LOOP);
    if (loop->overrides & SAROS_OVERRIDE_RUN_ONCE) {
      lua_getfield(L, FRAME_LOOP, "run_once");
      lua_pushvalue(L, FRAME_LOOP);
      lua_call(L, 1, 0);
    } else {
      iterate_protected(L, loop, iterate_many);
    }
  } while (must_go_on(loop));
  return 0;
}

/* Calls `body` with the loop at `index`, which was entered, and leaves the loop whatever happens. */
static void run_entered(lua_State *L, saros_loop_t *loop, int index, lua_CFunction body) {
  index = lua_absindex(L, index);
  saros__push_handler(L, loop->rt);
  int handler = lua_gettop(L);
  saros__push_slot(L, loop->rt, SAROS_SLOT_CONTEXT); /* the caller's, for afterwards */
  saros__context_clear(loop->rt);
  lua_pushcfunction(L, body);
  lua_pushvalue(L, index);
  int status = lua_pcall(L, 1, 0, handler);
  saros__loop_leave(loop);
  lua_pushvalue(L, handler + 1);
  saros__context_set(L, loop->rt);
  if (status != LUA_OK) lua_error(L);
  lua_settop(L, handler - 1);
}

static void run_inside(lua_State *L, saros_loop_t *loop, int index, lua_CFunction body) {
  saros__check_not_running(L, loop);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  saros__loop_enter(L, loop, index);
  run_entered(L, loop, index, body);
}

void saros__loop_go_on(lua_State *L, saros_loop_t *loop, int index) {
  loop->L = L;
  loop->iterating = false;
  loop->until_idle = true;
  run_entered(L, loop, index, run_until_stopped);
}

void saros__loop_run(lua_State *L, saros_loop_t *loop, int index, bool until_idle) {
  saros__check_not_running(L, loop);
  loop->until_idle = until_idle;
  run_inside(L, loop, index, run_until_stopped);
}

/*** Runs the loop until `stop()`. Mirrors `asyncio.loop.run_forever`.
 * @function EventLoop:run_forever
 * @raise RuntimeError if the loop is closed, or a loop is already running; KeyboardInterrupt
 */
static int loop_run_forever(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros__loop_run(L, loop, 1, false);
  return 0;
}

/*** Runs the loop until `stop()`, or until nothing is left: no callback, timer, task, or I/O.
 * Signal handlers alone do not keep it going. Not in asyncio.
 * @function EventLoop:run
 * @raise RuntimeError if the loop is closed, or a loop is already running; KeyboardInterrupt
 */
static int loop_run(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros__loop_run(L, loop, 1, true);
  return 0;
}

/* Arguments: the loop, the message handler. */
static int iterate_once(lua_State *L) {
  iterate(L, saros__check_loop(L, FRAME_LOOP));
  return 0;
}

/* Argument: the loop. */
static int run_one(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, FRAME_LOOP);
  saros__push_handler(L, loop->rt);
  iterate_protected(L, loop, iterate_once);
  return 0;
}

/*** Runs one iteration: polls for I/O, moves the timers that are due, runs what was ready.
 * A loop class overrides it to see every iteration.
 * @function EventLoop:run_once
 * @raise RuntimeError if the loop is closed, or an iteration is under way
 */
static int loop_run_once(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  lua_settop(L, 1);
  if (!loop->running) {
    run_inside(L, loop, 1, run_one);
    return 0;
  }
  if (loop->iterating) {
    return saros__raise(L, loop->rt, "RuntimeError", "This event loop is already running");
  }
  return run_one(L);
}

static const luaL_Reg methods[] = {{"run_forever", loop_run_forever},
                                   {"run", loop_run},
                                   {"run_once", loop_run_once},
                                   {NULL, NULL}};

void saros__iteration_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, methods);
}
