/* limit.h: a limit in real time for a loop, whatever its own clock is.
 *
 * A spec on a virtual clock may turn for ever in no time, or wait for ever for a
 * socket: neither ends by a timer of the loop. The limit is a uv_timer, which libuv
 * looks at in every poll, and those are made even while callbacks are ready.
 *
 * Ownership: one for each loop at most, on its own memory, freed in its close
 * callback; its function is anchored.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_LIMIT_H
#define SAROS_LOOP_LIMIT_H

#include "loop/loop.h"

/* The loop closes. */
void saros__limit_close(saros_loop_t *loop);

/* Adds the functions for the Lua layer to the module table on top. */
void saros__limit_open(lua_State *L, saros_runtime_t *rt);

#endif
