/* clock.h: a loop's clock when it is virtual: saros.testing's.
 *
 * A virtual clock moves when the loop would wait: to the nearest deadline, at
 * once. It moves only when nothing is ready, so whatever can run runs first.
 *   - While something is outstanding (loop.h), nobody knows how much time will
 *     pass: the clock follows real time, and the loop waits as any other does.
 *   - During an advance the clock moves from deadline to deadline up to a target,
 *     where a function is scheduled, and waits for nothing.
 *   - A manual clock moves in advances alone.
 * Where it cannot move and nothing is outstanding, waiting would last for ever: a
 * RuntimeError leaves the loop.
 *
 * Why it is in the core: a loop class in Lua could override `time` and `run_once`,
 * but not look before the loop waits, and its iterations would cost several times
 * as much. Here a real loop pays nothing: `overrides`, which it looks at before it
 * reads the clock or waits, has a bit for the virtual clock as well. An overridden
 * `time` still counts: the virtual clock is then what its super call returns, and
 * moves by what is left until the deadline.
 *
 * A jump sets the clock to the very deadline, so nothing adds up; while it follows
 * real time, it is the time at which that began plus what has passed since.
 *
 * Ownership: embedded in the loop. The functions that Lua gave are anchored.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_CLOCK_H
#define SAROS_LOOP_CLOCK_H

#include "loop/runtime.h"

typedef struct saros_clock {
  bool is_virtual;
  bool manual;          /* moves in advances alone */
  bool following;       /* real time, since `following_since` */
  bool advancing;       /* to `target` */
  double now;           /* seconds; while following, the time when that began */
  uint64_t following_since;
  double target;
  double wall, wall_at; /* the wall clock showed `wall` seconds at the time `wall_at` */
} saros_clock_t;

/* The time of a loop whose clock is virtual, in seconds; an overridden `time` does not count. */
double saros__clock_now(saros_loop_t *loop);

/* Its wall clock, in seconds since the epoch. */
double saros__clock_wall(saros_loop_t *loop);

/* Nothing is ready: moves the clock if it can. False: something is outstanding, the loop must wait for it.
 * Raises a RuntimeError if waiting would last for ever, and what an overridden `time` raises. */
bool saros__clock_move(lua_State *L, saros_loop_t *loop);

/* Adds the functions for the Lua layer to the module table on top. */
void saros__clock_open(lua_State *L, saros_runtime_t *rt);

#endif
