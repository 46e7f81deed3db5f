#include "io/io.h"

#include <stdlib.h>

#include "io/address.h"
#include "io/connect.h"
#include "io/connection.h"
#include "io/listener.h"
#include "io/lookup.h"
#include "io/output.h"
#include "io/reader.h"
#include "io/transport.h"
#include "io/writer.h"

/* ---- what the loop calls ---- */

/* Sends what was written since the last poll. What the connections' protocols write meanwhile is for the
 * next time, and so is what could not be done. */
static void before_poll(saros_loop_t *loop) {
  saros_io_t *io = loop->io;
  saros_connection_t *last = io->last_dirty, *connection;
  loop->dirty = false;
  do {
    connection = io->first_dirty;
    saros__io_unmark_dirty(connection);
    saros__connection_refresh(connection);
  } while (connection != last && io->first_dirty);
}

static void on_close(saros_loop_t *loop) {
  saros_io_t *io = loop->io;
  saros__connections_close(io);
  saros__listeners_close(io);
  saros__lookups_cancel(io);
  free(io->read_buffer);
  free(io);
  loop->io = NULL;
}

/* ---- for the layer ---- */

static saros_io_t *new_io(void) {
  saros_io_t *io = calloc(1, sizeof *io);
  if (!io) return NULL;
  io->read_buffer = malloc(SAROS_READ_SIZE);
  if (io->read_buffer) return io;
  free(io);
  return NULL;
}

saros_io_t *saros__io(lua_State *L, saros_loop_t *loop) {
  if (loop->io) return loop->io;
  loop->io = new_io();
  if (!loop->io) luaL_error(L, "not enough memory");
  loop->before_poll = before_poll;
  loop->on_close = on_close;
  return loop->io;
}

void saros__io_mark_dirty(saros_connection_t *connection) {
  if (connection->is_dirty) return;
  saros_io_t *io = connection->loop->io;
  connection->is_dirty = true;
  connection->next_dirty = NULL;
  connection->previous_dirty = io->last_dirty;
  if (io->last_dirty) {
    io->last_dirty->next_dirty = connection;
  } else {
    io->first_dirty = connection;
  }
  io->last_dirty = connection;
  connection->loop->dirty = true;
}

void saros__io_unmark_dirty(saros_connection_t *connection) {
  if (!connection->is_dirty) return;
  saros_io_t *io = connection->loop->io;
  saros_connection_t *previous = connection->previous_dirty, *next = connection->next_dirty;
  connection->is_dirty = false;
  if (previous) {
    previous->next_dirty = next;
  } else {
    io->first_dirty = next;
  }
  if (next) {
    next->previous_dirty = previous;
  } else {
    io->last_dirty = previous;
  }
  if (!io->first_dirty) connection->loop->dirty = false;
}

/* ---- opening ---- */

/* A buffer that is larger than glibc's trim threshold is given back to the system when it is freed, and
 * every page of the next one costs a fault. Freeing one large block raises the threshold, and with it
 * that for memory of its own mapping; both are settled once per process and grow to what is used. */
static void keep_freed_memory(void) {
  void *volatile block = malloc((size_t)16 << 20);
  free(block);
}

void saros__io_open(lua_State *L, saros_runtime_t *rt) {
  keep_freed_memory();
  saros__address_functions(L, rt);
  saros__transport_open(L, rt);
  saros__reader_open(L, rt);
  saros__writer_open(L, rt);
  saros__listener_open(L, rt);
  saros__connect_functions(L, rt);
  saros__lookup_functions(L, rt);
}
