/* listener.h: sockets that accept connections.
 *
 * A listener is one block of memory, as a connection is: its userdata, which the
 * Lua layer's Server keeps, points to it, and is anchored on the loop while it
 * is open. For each connection the function given to start() is called in the
 * poll, protected, with the new transport.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_LISTENER_H
#define SAROS_IO_LISTENER_H

#include "io/io.h"

#define SAROS_MARKER_LISTENER SAROS_MARKER('L', 'i')

/* The loop closes: closes all listeners. */
void saros__listeners_close(saros_io_t *io);

/* Adds the class, and bind_listener to the module table on top. */
void saros__listener_open(lua_State *L, saros_runtime_t *rt);

#endif
