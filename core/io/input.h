/* input.h: what a connection receives.
 *
 * For a protocol it is received in the poll callback: one system call into the
 * loop's buffer, a Lua string, a call. For a stream's task that waits it is
 * received in the turn of the task, see reader.h.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_INPUT_H
#define SAROS_IO_INPUT_H

#include "io/connection.h"

/* libuv's callback for all connections. */
void saros__input_on_poll(uv_poll_t *poll, int status, int events);

/* The connection is destroyed: it will not receive when its turn comes. */
void saros__input_unqueue(saros_connection_t *connection);

#endif
