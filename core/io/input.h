/* input.h: what a connection receives.
 *
 * Reading happens in the poll callback: one system call into the loop's buffer,
 * from which the Lua string is made, whether it goes to a protocol or to a task
 * that waits in a stream's read.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_INPUT_H
#define SAROS_IO_INPUT_H

#include "io/connection.h"

/* libuv's callback for all connections. */
void saros__input_on_poll(uv_poll_t *poll, int status, int events);

#endif
