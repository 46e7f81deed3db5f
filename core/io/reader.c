#include "io/reader.h"

#include <string.h>

#include "io/protocol.h"
#include "loop/errors.h"

saros_reader_t *saros__check_reader(lua_State *L, int index) {
  saros_reader_t *reader = saros__test_marker(L, index, SAROS_MARKER_READER);
  if (!reader) luaL_typeerror(L, index, "StreamReader");
  return reader;
}

/* ---- matching ---- */

/* Where the separator is in bytes[from...], or `size`. */
static size_t find(const saros_read_t *read, const char *bytes, size_t size, size_t from) {
  size_t length = read->separator_size;
  while (size - from >= length) {
    const char *hit = memchr(bytes + from, read->separator[0], size - from - length + 1);
    if (!hit) break;
    from = (size_t)(hit - bytes);
    if (memcmp(hit, read->separator, length) == 0) return from;
    from++;
  }
  return size;
}

static enum saros_match match_separator(const saros_read_t *read, const char *bytes,
                                        size_t available, size_t limit, size_t *searched,
                                        size_t *size) {
  size_t at = find(read, bytes, available, *searched);
  if (at < available) {
    *size = at <= limit ? at + read->separator_size : at;
    return at <= limit ? SAROS_MATCH_FOUND : SAROS_MATCH_OVERRUN;
  }
  /* The start of a separator may be at the end. */
  if (available >= read->separator_size) *searched = available - read->separator_size + 1;
  *size = *searched;
  return *searched > limit ? SAROS_MATCH_OVERRUN : SAROS_MATCH_NOT_YET;
}

enum saros_match saros__read_match(const saros_read_t *read, const char *bytes, size_t available,
                                   size_t limit, size_t *searched, size_t *size) {
  switch (read->kind) {
  case SAROS_READ_SOME:
    *size = available < read->size ? available : read->size;
    return available > 0 ? SAROS_MATCH_FOUND : SAROS_MATCH_NOT_YET;
  case SAROS_READ_EXACT:
    *size = read->size;
    return available >= read->size ? SAROS_MATCH_FOUND : SAROS_MATCH_NOT_YET;
  case SAROS_READ_ALL: return SAROS_MATCH_NOT_YET;
  default: return match_separator(read, bytes, available, limit, searched, size);
  }
}

/* ---- backpressure ---- */

static void check_pause(saros_reader_t *reader) {
  saros_connection_t *connection = reader->transport->connection;
  if (reader->paused || reader->waiter || !connection) return;
  if (saros_buffer_size(&reader->buffer) <= 2 * reader->limit) return;
  reader->paused = connection->paused = true;
}

void saros__reader_consumed(saros_reader_t *reader) {
  reader->searched = 0;
  if (!reader->paused || saros_buffer_size(&reader->buffer) > reader->limit) return;
  saros_connection_t *connection = reader->transport->connection;
  reader->paused = false;
  if (!connection) return;
  connection->paused = false;
  saros__connection_watch(connection);
}

/* ---- arrivals ---- */

void saros__reader_set_waiter(saros_reader_t *reader, saros_task_t *task) {
  saros_connection_t *connection = reader->transport->connection;
  reader->waiter = task;
  if (connection) connection->awaited = task != NULL;
}

typedef struct saros_arrival {
  saros_connection_t *connection;
  const char *bytes;
  size_t size;
  bool step;
  saros_task_t *ready; /* the result: the task that has its string */
} saros_arrival_t;

/* Hands the bytes to the task that waits, if they are all that it needs and nothing older is buffered.
 * False, and nothing changed, if not. Making the string may run finalizers, which may do anything to the
 * reader: so it comes first. */
static bool hand_over(lua_State *L, saros_reader_t *reader, saros_arrival_t *arrival) {
  size_t size;
  reader->searched = 0;
  if (saros__read_match(&reader->read, arrival->bytes, arrival->size, reader->limit,
                        &reader->searched, &size) != SAROS_MATCH_FOUND) {
    return false;
  }
  saros_task_t *task = reader->waiter;
  lua_pushlstring(L, arrival->bytes, size);
  reader->searched = 0;
  if (reader->waiter != task || saros_buffer_size(&reader->buffer) > 0) return false;
  if (!lua_checkstack(task->co, 1) ||
      !saros_buffer_append(&reader->buffer, arrival->bytes + size, arrival->size - size)) {
    luaL_error(L, "not enough memory");
  }
  saros__reader_set_waiter(reader, NULL);
  task->wait = SAROS_WAIT_DONE;
  lua_xmove(L, task->co, 1);
  arrival->ready = task;
  return true;
}

static void wake_waiter(lua_State *L, saros_loop_t *loop, saros_reader_t *reader) {
  saros_task_t *task = reader->waiter;
  if (!task) return;
  saros__task_wake(L, loop, task);
  if (reader->waiter == task) saros__reader_set_waiter(reader, NULL);
}

static bool is_ready(saros_reader_t *reader) {
  const saros_buffer_t *buffer = &reader->buffer;
  size_t size;
  if (reader->ended) return true;
  return saros__read_match(&reader->read, saros_buffer_data(buffer), saros_buffer_size(buffer),
                           reader->limit, &reader->searched, &size) != SAROS_MATCH_NOT_YET;
}

static int feed(lua_State *L) {
  saros_arrival_t *arrival = lua_touserdata(L, 1);
  saros_loop_t *loop = arrival->connection->loop;
  saros_reader_t *reader = arrival->connection->transport->reader;
  bool direct = arrival->step && reader->waiter && saros_buffer_size(&reader->buffer) == 0 &&
                arrival->size > 0;
  if (!direct || !hand_over(L, reader, arrival)) {
    if (!saros_buffer_append(&reader->buffer, arrival->bytes, arrival->size)) {
      return luaL_error(L, "not enough memory");
    }
    if (!arrival->bytes) reader->ended = true;
    if (reader->waiter && is_ready(reader)) wake_waiter(L, loop, reader);
  }
  check_pause(reader);
  return 0;
}

saros_task_t *saros__reader_arrived(saros_connection_t *connection, const char *bytes, size_t size,
                                    bool step) {
  saros_arrival_t arrival = {connection, bytes, size, step, NULL};
  saros__protocol_protect(connection, feed, &arrival, "Fatal error while feeding a StreamReader");
  return arrival.ready;
}

void saros__reader_end(lua_State *L, saros_loop_t *loop, saros_reader_t *reader) {
  reader->ended = true;
  reader->failed = reader->transport->failed;
  wake_waiter(L, loop, reader);
}

/* ---- making ---- */

saros_reader_t *saros__reader_new(lua_State *L, saros_runtime_t *rt, int index, size_t limit) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 4, NULL);
  saros_transport_t *transport = lua_touserdata(L, index);
  saros_reader_t *reader = lua_newuserdatauv(L, sizeof *reader, SAROS_READER_VALUES);
  *reader = (saros_reader_t){.marker = SAROS_MARKER_READER, .transport = transport, .limit = limit};
  saros__push_slot(L, rt, SAROS_SLOT_READER);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, SAROS_READER_TRANSPORT);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, SAROS_TRANSPORT_PROTOCOL);
  transport->reader = reader;
  return reader;
}

/* ---- Lua ---- */

/*** What `open_connection` and the handler of `start_server` get to read from a connection. Its methods
 * suspend the calling task until there is something, or the file ends. Mirrors `asyncio.StreamReader`.
 * @type StreamReader
 */

/*** Tells whether everything was read: the end has arrived, and the buffer is empty.
 * Mirrors `asyncio.StreamReader.at_eof`.
 * @function StreamReader:at_eof
 * @treturn boolean
 */
static int reader_at_eof(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  lua_pushboolean(L, reader->ended && saros_buffer_size(&reader->buffer) == 0);
  return 1;
}

/*** The error that ended the connection; reads raise it. Mirrors `asyncio.StreamReader.exception`.
 * @function StreamReader:exception
 * @treturn ?any the error, or nil
 */
static int reader_exception(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  if (!reader->failed) return lua_pushnil(L), 1;
  lua_getiuservalue(L, 1, SAROS_READER_TRANSPORT);
  saros__transport_push_error(L, -1);
  return 1;
}

static int reader_tostring(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  lua_pushfstring(L, "StreamReader: %p %I bytes%s%s%s", (void *)reader,
                  (LUAI_UACINT)saros_buffer_size(&reader->buffer), reader->ended ? " eof" : "",
                  reader->failed ? " failed" : "", reader->paused ? " paused" : "");
  return 1;
}

static int reader_gc(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  saros_buffer_free(&reader->buffer);
  return 0;
}

static const luaL_Reg methods[] = {
    {"at_eof", reader_at_eof}, {"exception", reader_exception}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__tostring", reader_tostring}, {"__gc", reader_gc}, {NULL, NULL}};

void saros__reader_open(lua_State *L, saros_runtime_t *rt) {
  saros__new_class(L, rt, "StreamReader", methods, metamethods);
  lua_getfield(L, -1, "__index");
  saros__set_functions(L, rt, saros__read_methods);
  lua_pop(L, 1);
  saros__store_slot(L, rt, SAROS_SLOT_READER);
}
