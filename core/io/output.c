#include "io/output.h"

#include "io/protocol.h"
#include "io/socket.h"

/* From here on one more system call is cheaper than copying the bytes. */
enum { LARGE = 16 * 1024 };

/* ---- sending ---- */

/* The rest waits until the system takes more. */
static void block(saros_connection_t *connection) {
  connection->blocked = true;
  saros__connection_watch(connection);
}

void saros__output_flush(saros_connection_t *connection) {
  saros_buffer_t *out = &connection->out;
  size_t size = saros_buffer_size(out);
  if (size == 0 || connection->blocked || connection->lost) return;
  saros__io_unmark_dirty(connection);
  ssize_t sent = saros__socket_send(connection->fd, saros_buffer_data(out), size);
  if (sent < 0 && sent != UV_EAGAIN) {
    saros__connection_abort(connection, (int)sent);
    return;
  }
  if (sent > 0) saros_buffer_consume(out, (size_t)sent);
  if (sent == (ssize_t)size) {
    saros__connection_flushed(connection);
  } else {
    block(connection);
  }
}

static int wake_draining(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  saros__waiting_wake(L, connection->loop, &connection->draining);
  return 0;
}

static void resume_protocol(saros_connection_t *connection) {
  connection->choked = false;
  if (!connection->transport->reader) {
    saros__protocol_resume(connection);
  } else if (connection->draining.first) {
    saros__protocol_protect(connection, wake_draining, connection,
                            "Cannot wake a task that waits in drain()");
  }
}

/* A connection that closes is over with the last byte, and its protocol still hears that there is room: only one
 * that failed has none. */
void saros__output_resume(saros_connection_t *connection) {
  connection->blocked = false;
  saros__output_flush(connection);
  if (connection->error == 0 && connection->choked &&
      saros_buffer_size(&connection->out) <= connection->low) {
    resume_protocol(connection);
  }
}

/* ---- writing ---- */

void saros__output_check_pause(lua_State *L, saros_connection_t *connection) {
  if (connection->choked || connection->lost) return;
  if (saros_buffer_size(&connection->out) <= connection->high) return;
  connection->choked = true;
  if (!connection->transport->reader) saros__protocol_pause(L, connection);
}

static void collect(lua_State *L, saros_connection_t *connection, const char *bytes, size_t size) {
  if (!saros_buffer_append(&connection->out, bytes, size)) luaL_error(L, "not enough memory");
  if (!connection->blocked) saros__io_mark_dirty(connection);
}

/* Sends the collected bytes and these. Some of them may be on their way when memory runs out for the
 * rest; then the connection cannot go on. */
static void send_now(saros_connection_t *connection, const char *bytes, size_t size) {
  saros_buffer_t *out = &connection->out;
  size_t waiting = saros_buffer_size(out);
  ssize_t result = saros__socket_send_two(connection->fd, saros_buffer_data(out), waiting, bytes, size);
  if (result < 0 && result != UV_EAGAIN) {
    saros__connection_abort(connection, (int)result);
    return;
  }
  size_t sent = result > 0 ? (size_t)result : 0;
  size_t of_waiting = sent < waiting ? sent : waiting;
  if (of_waiting > 0) saros_buffer_consume(out, of_waiting);
  sent -= of_waiting;
  if (sent == size) return;
  if (saros_buffer_append(out, bytes + sent, size - sent)) {
    block(connection);
  } else {
    saros__connection_abort(connection, UV_ENOMEM);
  }
}

void saros__output_write(lua_State *L, saros_connection_t *connection, const char *bytes,
                         size_t size) {
  bool too_much = saros_buffer_size(&connection->out) + size > connection->high;
  if (!connection->blocked && (size >= LARGE || too_much)) {
    send_now(connection, bytes, size);
  } else {
    collect(L, connection, bytes, size);
  }
  saros__output_check_pause(L, connection);
}
