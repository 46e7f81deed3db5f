/* lookup.h: names to addresses and back, on libuv's threads.
 *
 * A task waits for the answer, which the callback leaves on the stack of its
 * coroutine: a value, or an error code. A look-up that is under way in the
 * system's resolver cannot be stopped; a task that is cancelled goes on at once,
 * and the answer is thrown away when it comes.
 *
 * Ownership: a look-up is freed in libuv's callback and nowhere else (but see
 * `withdraw`).
 * Threads: the owning loop's thread only; the resolver's threads see nothing of this.
 */
#ifndef SAROS_IO_LOOKUP_H
#define SAROS_IO_LOOKUP_H

#include "io/io.h"

/* The loop closes: nobody waits for the answers any more. */
void saros__lookups_cancel(saros_io_t *io);

/* Adds look_up_host and look_up_address to the module table on top. */
void saros__lookup_functions(lua_State *L, saros_runtime_t *rt);

#endif
