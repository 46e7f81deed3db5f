/* transport.h: the Transport class of Lua, over connection.h.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_TRANSPORT_H
#define SAROS_IO_TRANSPORT_H

#include "io/connection.h"

/* The transport at `index`, or `bad argument`. */
saros_transport_t *saros__check_transport(lua_State *L, int index);

/* What the methods of transports and of stream writers have in common; the bytes or the list of strings
 * are at `index`. */
void saros__transport_write(lua_State *L, saros_runtime_t *rt, saros_transport_t *transport,
                            int index);
void saros__transport_writelines(lua_State *L, saros_runtime_t *rt, saros_transport_t *transport,
                                 int index);
void saros__transport_write_eof(saros_transport_t *transport);
void saros__transport_close(saros_transport_t *transport);
bool saros__transport_is_closing(const saros_transport_t *transport);
/* Pushes the information `name` about the transport at `index`; nil if there is none. */
void saros__transport_push_info(lua_State *L, int index, const char *name);

/* Adds the class, and start_transport to the module table on top. */
void saros__transport_open(lua_State *L, saros_runtime_t *rt);

#endif
