/* origin.h: where callbacks were scheduled, in debug mode.
 *
 * A traceback for each callback and timer that was scheduled while debug mode was
 * on, until it has run or was cancelled. They are in a table on the loop's anchor,
 * made on first use and dropped when debug mode is switched off: without it
 * nothing here is called.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_ORIGIN_H
#define SAROS_LOOP_ORIGIN_H

#include "loop/loop.h"

/* The key of a callback is its sequence number, that of a timer is negative. */
static inline lua_Integer saros__timer_origin(uint32_t slot) {
  return -(lua_Integer)slot - 1;
}

/* Pushes a traceback of the caller. It makes everything that saros__origin_store needs. */
void saros__origin_trace(lua_State *L, saros_loop_t *loop);

/* Keeps the traceback at `index`. May raise, but runs no finalizer. */
void saros__origin_store(lua_State *L, saros_loop_t *loop, int index, lua_Integer key);

/* Pushes a traceback, or nil. */
void saros__origin_push(lua_State *L, saros_loop_t *loop, lua_Integer key);

/* Adds `source_traceback` to the exception handler's context on top, if it is known. */
void saros__origin_describe(lua_State *L, saros_loop_t *loop, lua_Integer key);

/* Forgets one, or all. Cannot raise. */
void saros__origin_forget(saros_loop_t *loop, lua_Integer key);
void saros__origin_forget_all(saros_loop_t *loop);

#endif
