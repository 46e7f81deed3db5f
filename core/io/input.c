#include "io/input.h"

#include "io/connect.h"
#include "io/output.h"
#include "io/protocol.h"
#include "io/reader.h"
#include "io/socket.h"

/* Takes what the socket has. Returns the task whose step must be run at once, if that is asked for. */
static saros_task_t *receive(saros_connection_t *connection, bool step) {
  char *bytes = connection->loop->io->read_buffer;
  struct saros_reader *reader = connection->transport->reader;
  ssize_t size = saros__socket_receive(connection->fd, bytes, SAROS_READ_SIZE);
  if (size == UV_EAGAIN) return NULL;
  if (size < 0) {
    saros__connection_abort(connection, (int)size);
    return NULL;
  }
  connection->ended = size == 0;
  if (reader) return saros__reader_arrived(connection, size ? bytes : NULL, (size_t)size, step);
  if (size == 0) {
    saros__protocol_eof(connection);
  } else {
    saros__protocol_data(connection, bytes, (size_t)size);
    saros__output_flush(connection); /* the answer is in the caches now, and the peer waits for it */
  }
  return NULL;
}

/* ---- in the turn of a stream's task ---- */

static bool wants_to_read(const saros_connection_t *connection) {
  return saros__connection_wanted(connection) & UV_READABLE;
}

static void take_turn(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra) {
  (void)extra;
  saros_connection_t *connection = target;
  connection->queued = false;
  if (!wants_to_read(connection) || !connection->transport->reader) return;
  saros_task_t *task = receive(connection, true);
  if (task) saros__task_step(L, loop, task);
}

/* Where somebody looks at each step, it must be one: in debug mode, or with call_soon overridden. */
static bool has_turns(const saros_connection_t *connection) {
  const saros_loop_t *loop = connection->loop;
  return connection->awaited && !loop->debug && !(loop->overrides & SAROS_OVERRIDE_CALL_SOON);
}

static void queue(saros_connection_t *connection) {
  saros_ready_t *ready = &connection->loop->ready;
  if (connection->queued || !saros_ready_reserve(ready, 1)) return; /* libuv will tell again */
  connection->queued = true;
  connection->turn = saros_ready_push(ready, take_turn, connection, 0);
}

void saros__input_unqueue(saros_connection_t *connection) {
  if (!connection->queued) return;
  saros_entry_t *entry = saros_ready_find(&connection->loop->ready, connection->turn);
  if (entry) entry->run = NULL;
}

/* ---- polling ---- */

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
  if (events & UV_READABLE && wants_to_read(connection)) {
    if (has_turns(connection)) {
      queue(connection);
    } else {
      receive(connection, false);
    }
  }
  if (events & UV_WRITABLE && connection->blocked) saros__output_resume(connection);
  if (connection->lost) return; /* libuv is told when it is destroyed, very soon */
  int wanted = saros__connection_wanted(connection);
  if (events & ~wanted || wanted & ~connection->polled) saros__connection_watch_exactly(connection);
}
