/* connect.h: sockets that connect to somewhere.
 *
 * The pieces of which the Lua layer makes connections (lua/saros/connect.lua):
 * a transport with an unconnected socket, binding it, connecting it. Whoever
 * made such a transport aborts it if one of these raises.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_CONNECT_H
#define SAROS_IO_CONNECT_H

#include "io/connection.h"

/* In the poll callback: the socket that a task connects has an answer. */
void saros__connect_ready(saros_connection_t *connection);

/* Adds open_socket, bind_socket and connect_socket to the module table on top. */
void saros__connect_functions(lua_State *L, saros_runtime_t *rt);

#endif
