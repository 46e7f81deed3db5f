/* protocol.h: calls of a protocol's methods.
 *
 * Any table serves as a protocol and may lack methods. An error in one goes to
 * the exception handler with `protocol` and `transport` in its context; where
 * asyncio does so, it also ends the connection.
 *
 * Those for poll callbacks enter Lua themselves; the others are called with a
 * state that is running, and raise nothing but KeyboardInterrupt.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_PROTOCOL_H
#define SAROS_IO_PROTOCOL_H

#include "io/connection.h"

/* ---- in poll callbacks ---- */

/* Runs `f` with the light userdata `context` in protected mode; an error is reported with `message` and
 * ends the connection. Returns whether there was none. */
bool saros__protocol_protect(saros_connection_t *connection, lua_CFunction f, void *context,
                             const char *message);

/* protocol:data_received(bytes) */
void saros__protocol_data(saros_connection_t *connection, const char *bytes, size_t size);
/* protocol:eof_received(); closes the connection unless it returns true. */
void saros__protocol_eof(saros_connection_t *connection);
/* protocol:resume_writing() */
void saros__protocol_resume(saros_connection_t *connection);

/* ---- with a running state ---- */

/* protocol:pause_writing() */
void saros__protocol_pause(lua_State *L, saros_connection_t *connection);
/* protocol:connection_made(transport) */
void saros__protocol_made(lua_State *L, saros_connection_t *connection);
/* Calls `stage` with the connection as a light userdata. An error is reported and left there, but a
 * KeyboardInterrupt is returned on top of L: true. */
bool saros__protocol_attempt(lua_State *L, saros_connection_t *connection, lua_CFunction stage,
                             const char *message);

/* Calls a method with the arguments on top, in the context of the connection. For calls by the loop: one by a
 * task is in the task's context. */
void saros__protocol_call(lua_State *L, saros_connection_t *connection, int nargs, int nresults);

/* Pushes the protocol, nil if there is none. Pushes its method and itself; or nothing: false. */
void saros__protocol_push(lua_State *L, saros_connection_t *connection);
bool saros__protocol_push_method(lua_State *L, saros_connection_t *connection, const char *name);

#endif
