/* timed.h: how entries of the ready queue run in debug mode: measured, and logged if they took long.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_TIMED_H
#define SAROS_LOOP_TIMED_H

#include "loop/loop.h"

/* Runs the entry that was just taken off the ready queue. What it raises is reported, a KeyboardInterrupt
 * raised. */
void saros__run_timed(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry);

#endif
