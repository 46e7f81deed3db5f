/* inspect.h: SIGUSR1 asks a running program what it is doing.
 *
 * Only the launcher wants this, so nothing happens before it has set a function.
 * From then on SIGUSR1 has that function called as a callback of whatever loop
 * runs, and does nothing while none runs. It keeps no loop going, as nothing is
 * scheduled before the signal comes. A handler that the program has itself, by
 * add_signal_handler or otherwise, is never replaced.
 *
 * The signal handler needs to find the loop, so there is one static slot in the
 * process, the runtime whose loops are asked.
 *
 * Threads: set on the thread that runs the state; a signal that lands on another
 * one is passed on.
 */
#ifndef SAROS_LOOP_INSPECT_H
#define SAROS_LOOP_INSPECT_H

#include "loop/loop.h"

/* Called on the loop's thread in the poll, after a wake-up: acts on a SIGUSR1 that came. */
void saros__inspect_check(saros_loop_t *loop);

/* Takes SIGUSR1 again after the program has given its own handler up. */
void saros__inspect_restore(void);

/* The state is being closed: SIGUSR1 has its default meaning again. */
void saros__inspect_close(saros_runtime_t *rt);

void saros__inspect_open(lua_State *L, saros_runtime_t *rt);

#endif
