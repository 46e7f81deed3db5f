/* io.h: what the I/O layer keeps for each loop.
 *
 * One buffer receives what any connection reads. It is used within one call of
 * a poll callback only: before any Lua code of the program runs, the bytes are
 * in a Lua string or in the connection's own buffer.
 *
 * What was written is sent once per iteration, right before the poll: so several
 * small writes leave in one system call. The connections that have something to
 * send are in a list, in the order of their first write.
 *
 * Ownership: made when the loop first does I/O, freed when it closes. The lists
 * own what is in them in so far as closing the loop closes it.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_IO_H
#define SAROS_IO_IO_H

#include "loop/loop.h"

/* How much is read from a connection at a time. Below 128 KiB large messages cost more. */
enum { SAROS_READ_SIZE = 256 * 1024 };

/* Places of the layer's metatables on the runtime's anchor, and of an error on its way out of a poll
 * callback. */
enum {
  SAROS_SLOT_IO_ERROR = SAROS_SLOT_IO,
  SAROS_SLOT_TRANSPORT,
  SAROS_SLOT_READER,
  SAROS_SLOT_WRITER,
  SAROS_SLOT_LISTENER,
};

typedef struct saros_connection saros_connection_t;

typedef struct saros_io {
  char *read_buffer;
  saros_connection_t *open;                       /* all connections */
  saros_connection_t *first_dirty, *last_dirty;   /* those with something to send */
  struct saros_listener *listeners;
  struct saros_lookup *lookups;
} saros_io_t;

/* The loop's state, made now if there is none. May raise. */
saros_io_t *saros__io(lua_State *L, saros_loop_t *loop);

/* Puts a connection into the list of those that are looked at before the next poll, and takes it out.
 * Cannot fail. */
void saros__io_mark_dirty(saros_connection_t *connection);
void saros__io_unmark_dirty(saros_connection_t *connection);

/* Adds the functions of the layer to the core's module table on top. The methods that it adds to loops
 * are in Lua, on top of these. */
void saros__io_open(lua_State *L, saros_runtime_t *rt);

#endif
