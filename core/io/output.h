/* output.h: what a connection sends.
 *
 * Small writes are collected and leave in one system call before the next poll.
 * A write that is large, or that would carry the collected bytes over the high
 * water mark, is sent at once together with what was collected, straight from
 * the Lua string; only what the system does not take is copied. So a program
 * sees the buffer sizes and the pauses that asyncio would show, which sends
 * every write at once.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_OUTPUT_H
#define SAROS_IO_OUTPUT_H

#include "io/connection.h"

/* Writes the bytes. Tells the protocol to pause above the high water mark. May raise "not enough memory"
 * (and then nothing was written) or a KeyboardInterrupt. */
void saros__output_write(lua_State *L, saros_connection_t *connection, const char *bytes,
                         size_t size);

/* Sends what was collected, unless the system took no more last time. */
void saros__output_flush(saros_connection_t *connection);

/* The system takes more again. In poll callbacks. */
void saros__output_resume(saros_connection_t *connection);

/* Tells the protocol to pause if there is too much. */
void saros__output_check_pause(lua_State *L, saros_connection_t *connection);

#endif
