#include "io/connection.h"

#include <stdlib.h>

#include "io/input.h"
#include "io/output.h"
#include "io/protocol.h"
#include "io/reader.h"
#include "io/socket.h"
#include "io/transport.h"
#include "loop/errors.h"
#include "loop/handle.h"

/* asyncio's defaults. */
enum { HIGH_WATER = 64 * 1024, LOW_WATER = 16 * 1024 };

/* ---- making ---- */

static void link_connection(saros_io_t *io, saros_connection_t *connection) {
  connection->next = io->open;
  if (io->open) io->open->previous = connection;
  io->open = connection;
}

static void unlink_connection(saros_io_t *io, saros_connection_t *connection) {
  if (connection->previous) {
    connection->previous->next = connection->next;
  } else {
    io->open = connection->next;
  }
  if (connection->next) connection->next->previous = connection->previous;
}

/* Argument: the loop. Everything that may raise: returns a new transport, which is anchored. */
static int new_transport(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 1);
  saros__io(L, loop);
  saros_transport_t *transport = lua_newuserdatauv(L, sizeof *transport, SAROS_TRANSPORT_VALUES);
  *transport = (saros_transport_t){.marker = SAROS_MARKER_TRANSPORT};
  saros__push_slot(L, loop->rt, SAROS_SLOT_TRANSPORT);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  saros__loop_anchor(L, loop, transport);
  return 1;
}

static saros_connection_t *open_connection(saros_loop_t *loop, int fd, int *code) {
  saros_connection_t *connection = calloc(1, sizeof *connection);
  *code = UV_ENOMEM;
  if (!connection) return NULL;
  *code = uv_poll_init(&loop->uv, &connection->poll, fd);
  if (*code < 0) {
    free(connection);
    return NULL;
  }
  connection->loop = loop;
  connection->fd = fd;
  connection->high = HIGH_WATER;
  connection->low = LOW_WATER;
  return connection;
}

saros_connection_t *saros__connection_new(lua_State *L, saros_loop_t *loop, int fd) {
  luaL_checkstack(L, 8, NULL);
  lua_pushcfunction(L, new_transport);
  lua_pushlightuserdata(L, loop);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    saros__socket_close(fd);
    lua_error(L);
  }
  saros_transport_t *transport = lua_touserdata(L, -1);
  int code;
  saros_connection_t *connection = open_connection(loop, fd, &code);
  if (!connection) {
    saros__socket_close(fd);
    saros__loop_release(L, loop, transport);
    saros__raise_os_error(L, loop->rt, code, "cannot watch the socket");
  }
  connection->transport = transport;
  transport->connection = connection;
  link_connection(loop->io, connection);
  saros__loop_ref(loop);
  return connection;
}

/* ---- what libuv polls for ---- */

int saros__connection_wanted(const saros_connection_t *connection) {
  int wanted = 0;
  if (connection->lost) return 0;
  if (connection->blocked || connection->connecting) wanted |= UV_WRITABLE;
  if (connection->started && !connection->paused && !connection->ended && !connection->closing) {
    wanted |= UV_READABLE;
  }
  return wanted;
}

void saros__connection_watch_exactly(saros_connection_t *connection) {
  int wanted = saros__connection_wanted(connection);
  if (connection->polled == wanted) return;
  connection->polled = (uint8_t)wanted;
  if (wanted) {
    uv_poll_start(&connection->poll, wanted, saros__input_on_poll);
  } else {
    uv_poll_stop(&connection->poll);
  }
}

void saros__connection_watch(saros_connection_t *connection) {
  if (saros__connection_wanted(connection) & ~connection->polled) {
    saros__connection_watch_exactly(connection);
  }
}

/* ---- destroying ---- */

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

static void destroy(saros_connection_t *connection) {
  connection->transport->connection = NULL;
  connection->lost = connection->scheduled = true;
  unlink_connection(connection->loop->io, connection);
  saros__io_unmark_dirty(connection);
  saros__input_unqueue(connection);
  saros_buffer_free(&connection->out);
  saros__loop_unref(connection->loop);
  uv_close((uv_handle_t *)&connection->poll, on_closed);
  saros__socket_close(connection->fd);
}

void saros__connection_discard(lua_State *L, saros_connection_t *connection) {
  saros_loop_t *loop = connection->loop;
  saros_transport_t *transport = connection->transport;
  destroy(connection);
  saros__loop_release(L, loop, transport);
}

void saros__connections_close(saros_io_t *io) {
  while (io->open) {
    saros__output_flush(io->open); /* what the system takes now, as asyncio would have sent it */
    destroy(io->open);
  }
}

/* ---- ending: in stages, so that an error in one does not keep the others from being done ---- */

void saros__transport_push_error(lua_State *L, int index) {
  lua_getiuservalue(L, index, SAROS_TRANSPORT_ERROR);
}

static int make_error(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  saros_transport_t *transport = connection->transport;
  if (transport->failed || connection->error == 0) return 0;
  saros__loop_anchored(L, connection->loop, transport);
  saros__push_os_error(L, connection->loop->rt, connection->error, "connection lost");
  lua_setiuservalue(L, -2, SAROS_TRANSPORT_ERROR);
  transport->failed = true;
  return 0;
}

/* A program may ask for the addresses after the descriptor is closed. A path does not fit into the
 * transport. */
static int keep_addresses(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  saros_inet_address_t *local = &connection->transport->local;
  local->length = sizeof local->as;
  if (getsockname(connection->fd, &local->as.any, &local->length) < 0) local->length = 0;
  if (local->length == 0 || local->as.any.sa_family != AF_UNIX) return 0;
  local->length = 0;
  saros__loop_anchored(L, connection->loop, connection->transport);
  lua_createtable(L, 0, 2);
  saros__transport_push_info(L, -2, "peername");
  lua_setfield(L, -2, "peername");
  saros__transport_push_info(L, -2, "sockname");
  lua_setfield(L, -2, "sockname");
  lua_setiuservalue(L, -2, SAROS_TRANSPORT_EXTRA);
  return 0;
}

static int tell_protocol(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  if (connection->transport->reader) {
    saros__reader_end(L, connection->loop, connection->transport->reader);
    return 0;
  }
  if (!saros__protocol_push_method(L, connection, "connection_lost")) return 0;
  saros__loop_anchored(L, connection->loop, connection->transport);
  saros__transport_push_error(L, -1);
  lua_remove(L, -2);
  saros__protocol_call(L, connection, 2, 0);
  return 0;
}

static int wake_waiting(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  saros__waiting_wake(L, connection->loop, &connection->draining);
  saros__waiting_wake(L, connection->loop, &connection->ending);
  return 0;
}

static int tell_server(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  saros__loop_anchored(L, connection->loop, connection->transport);
  if (lua_getiuservalue(L, -1, SAROS_TRANSPORT_SERVER) == LUA_TNIL) return 0;
  lua_getfield(L, -1, "_detach");
  lua_insert(L, -2); /* transport, method, server */
  lua_pushvalue(L, -3);
  lua_call(L, 2, 0);
  return 0;
}

static const struct {
  lua_CFunction run;
  const char *message;
} stages[] = {{keep_addresses, "Cannot keep the addresses of a lost connection"},
              {make_error, "Cannot make the error of a lost connection"},
              {tell_protocol, "Exception in protocol.connection_lost()"},
              {wake_waiting, "Cannot wake the tasks that wait for a connection"},
              {tell_server, "Cannot tell the server of a lost connection"}};

enum { STAGES = sizeof stages / sizeof *stages };

/* Room for everyone who waits is made first, because a wake-up that fails would never be made up for. */
static bool reserve_wakeups(saros_connection_t *connection) {
  size_t count = saros__waiting_count(&connection->draining) +
                 saros__waiting_count(&connection->ending) + 1;
  return saros_ready_reserve(&connection->loop->ready, count);
}

static void end_connection(lua_State *L, saros_connection_t *connection) {
  if (!reserve_wakeups(connection)) { /* try again later */
    connection->scheduled = false;
    saros__io_mark_dirty(connection);
    return;
  }
  int top = lua_gettop(L);
  while (connection->stage < STAGES) {
    int stage = connection->stage++;
    saros__protocol_attempt(L, connection, stages[stage].run, stages[stage].message);
  }
  saros__connection_discard(L, connection);
  if (lua_gettop(L) > top) lua_error(L); /* a KeyboardInterrupt */
}

/* ---- scheduling ---- */

enum { RUN_START, RUN_END };

static void start(lua_State *L, saros_connection_t *connection) {
  saros__protocol_made(L, connection);
  saros__connection_start_now(connection);
}

static void run_scheduled(lua_State *L, saros_loop_t *loop, void *target, uintptr_t what) {
  (void)loop;
  if (what == RUN_START) {
    start(L, target);
  } else {
    end_connection(L, target);
  }
}

/* What an overridden call_soon receives. Upvalues: transport, what. */
static int call_scheduled(lua_State *L) {
  saros_transport_t *transport = lua_touserdata(L, lua_upvalueindex(1));
  lua_Integer what = lua_tointeger(L, lua_upvalueindex(2));
  if (transport->connection) {
    run_scheduled(L, transport->connection->loop, transport->connection, (uintptr_t)what);
  }
  return 0;
}

static void schedule_by_method(lua_State *L, saros_connection_t *connection, int what) {
  luaL_checkstack(L, 6, NULL);
  saros__loop_anchored(L, connection->loop, connection->transport);
  lua_pushinteger(L, what);
  lua_pushcclosure(L, call_scheduled, 2);
  saros__schedule_call(L, connection->loop, 1);
}

static bool is_call_soon_overridden(const saros_connection_t *connection) {
  return connection->loop->overrides & SAROS_OVERRIDE_CALL_SOON;
}

void saros__connection_start(lua_State *L, saros_connection_t *connection) {
  if (is_call_soon_overridden(connection)) {
    schedule_by_method(L, connection, RUN_START);
    return;
  }
  saros__loop_reserve(L, connection->loop, 1);
  saros_ready_push(&connection->loop->ready, run_scheduled, connection, RUN_START);
}

void saros__connection_start_now(saros_connection_t *connection) {
  connection->started = true;
  saros__connection_watch(connection);
}

/* Nothing may fail here: the connection may be lost in the middle of a poll, or without memory. What
 * could fail is left to before_poll. */
static void schedule_end(saros_connection_t *connection) {
  connection->lost = true;
  connection->blocked = false;
  saros_loop_t *loop = connection->loop;
  if (is_call_soon_overridden(connection) || !saros_ready_reserve(&loop->ready, 1)) {
    saros__io_mark_dirty(connection);
    return;
  }
  connection->scheduled = true;
  saros_ready_push(&loop->ready, run_scheduled, connection, RUN_END);
}

static int schedule_end_by_method(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  schedule_by_method(L, connection, RUN_END);
  connection->scheduled = true;
  return 0;
}

void saros__connection_refresh(saros_connection_t *connection) {
  if (!connection->lost) {
    saros__output_flush(connection);
  } else if (connection->scheduled) {
    return;
  } else if (is_call_soon_overridden(connection)) {
    saros__loop_protect(connection->loop, schedule_end_by_method, connection,
                        "Cannot schedule the end of a connection");
  } else {
    schedule_end(connection);
  }
}

/* ---- closing ---- */

void saros__connection_flushed(saros_connection_t *connection) {
  if (connection->closing) {
    if (!connection->lost) schedule_end(connection);
  } else if (connection->finished && !connection->shut) {
    connection->shut = true;
    shutdown(connection->fd, SHUT_WR);
  }
}

void saros__connection_close(saros_connection_t *connection) {
  if (connection->closing) return;
  connection->closing = true;
  saros__output_flush(connection);
  if (saros_buffer_size(&connection->out) == 0) saros__connection_flushed(connection);
}

void saros__connection_abort(saros_connection_t *connection, int error) {
  if (connection->lost) return;
  connection->error = error;
  connection->closing = true;
  saros_buffer_free(&connection->out);
  schedule_end(connection);
}
