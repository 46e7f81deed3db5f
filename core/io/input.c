#include "io/input.h"

#include "io/connect.h"
#include "io/output.h"
#include "io/protocol.h"
#include "io/reader.h"
#include "io/socket.h"

static void end_of_file(saros_connection_t *connection) {
  connection->ended = true;
  if (connection->transport->reader) {
    saros__reader_arrived(connection, NULL, 0);
  } else {
    saros__protocol_eof(connection);
  }
}

static void receive(saros_connection_t *connection) {
  if (connection->transport->reader && saros__reader_defer(connection)) return;
  char *bytes = connection->loop->io->read_buffer;
  ssize_t size = saros__socket_receive(connection->fd, bytes, SAROS_READ_SIZE);
  if (size == UV_EAGAIN) return;
  if (size < 0) {
    saros__connection_abort(connection, (int)size);
  } else if (size == 0) {
    end_of_file(connection);
  } else if (connection->transport->reader) {
    saros__reader_arrived(connection, bytes, (size_t)size);
  } else {
    saros__protocol_data(connection, bytes, (size_t)size);
    saros__output_flush(connection); /* the answer is in the caches now, and the peer waits for it */
  }
}

/* An error is not told by libuv 1.44, which stops polling instead: the system call that meets it
 * tells which one it is. */
void saros__input_on_poll(uv_poll_t *poll, int status, int events) {
  saros_connection_t *connection = (saros_connection_t *)poll;
  if (status < 0) {
    connection->polled = 0;
    events = UV_READABLE | UV_WRITABLE;
  }
  if (connection->connecting) {
    saros__connect_ready(connection);
    return;
  }
  if (events & UV_READABLE && saros__connection_wanted(connection) & UV_READABLE) {
    receive(connection);
  }
  if (events & UV_WRITABLE && connection->blocked) saros__output_resume(connection);
  if (connection->lost) return; /* libuv is told when it is destroyed, very soon */
  int wanted = saros__connection_wanted(connection);
  if (events & ~wanted || wanted & ~connection->polled) saros__connection_watch_exactly(connection);
}
