#include "io/writer.h"

#include "io/reader.h"
#include "io/transport.h"
#include "loop/errors.h"

/* Pushes the transport of the writer at 1. */
static saros_transport_t *push_transport(lua_State *L) {
  saros_transport_t *transport = NULL;
  if (lua_type(L, 1) == LUA_TTABLE) {
    lua_getfield(L, 1, "transport");
    transport = saros__test_marker(L, -1, SAROS_MARKER_TRANSPORT);
  }
  if (!transport) luaL_typeerror(L, 1, "StreamWriter");
  return transport;
}

/* ---- waiting ---- */

static int raise_lost(lua_State *L) {
  return saros__raise_os_error(L, saros__runtime(L), UV_ECONNRESET, "Connection lost");
}

/* The stack begins with writer and transport. */
static int raise_error(lua_State *L) {
  saros__transport_push_error(L, 2);
  return lua_error(L);
}

/* What a task waits for that is woken through a list ended: by an error? */
static int after_waiting(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  saros__task_resumed(L, saros__runtime(L));
  const saros_transport_t *transport = lua_touserdata(L, 2);
  return transport->failed ? raise_error(L) : 0;
}

static void check_loop(lua_State *L, const saros_task_t *task,
                       const saros_connection_t *connection) {
  if (task->future.loop != connection->loop) {
    saros__raise(L, saros__runtime(L), "RuntimeError", "the stream belongs to another loop");
  }
}

/* Waits until what was written is below the low water mark. */
static int wait_drained(lua_State *L, saros_transport_t *transport) {
  saros_connection_t *connection = transport->connection;
  if (transport->failed) return raise_error(L);
  if (!connection) return raise_lost(L);
  if (!connection->choked) return 0;
  saros_task_t *task = saros__task_suspendable(L, saros__runtime(L), "drain");
  check_loop(L, task, connection);
  return saros__waiting_suspend(L, task, &connection->draining, 0, after_waiting);
}

static int after_closing(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  saros__task_resumed(L, saros__runtime(L));
  return wait_drained(L, lua_touserdata(L, 2));
}

/*** What `open_connection` and the handler of `start_server` get to write to a connection. A `<close>`
 * variable closes it at the end of its scope. Mirrors `asyncio.StreamWriter`.
 * @type StreamWriter
 */

/*** Waits until enough of what was written is sent, so that writing more makes sense. Call it after each
 * `write`: it returns at once as long as little is waiting. Mirrors `asyncio.StreamWriter.drain`.
 * @function StreamWriter:drain
 * @raise the error that ended the connection, or OSError ECONNRESET if it was closed; CancelledError
 */
static int writer_drain(lua_State *L) {
  lua_settop(L, 1);
  saros_transport_t *transport = push_transport(L);
  saros_connection_t *connection = transport->connection;
  if (!connection || !connection->closing) return wait_drained(L, transport);
  /* One iteration, so that a loop that writes and drains sees the end of the connection. */
  saros_task_t *task = saros__task_suspendable(L, saros__runtime(L), "drain");
  saros__task_schedule(L, task->future.loop, task);
  task->suspended = true;
  return lua_yieldk(L, 0, 0, after_closing);
}

/*** Waits until the connection is closed. Mirrors `asyncio.StreamWriter.wait_closed`.
 * @function StreamWriter:wait_closed
 * @raise the error that ended the connection; CancelledError
 */
static int writer_wait_closed(lua_State *L) {
  lua_settop(L, 1);
  saros_transport_t *transport = push_transport(L);
  saros_connection_t *connection = transport->connection;
  if (!connection) return transport->failed ? raise_error(L) : 0;
  saros_task_t *task = saros__task_suspendable(L, saros__runtime(L), "wait_closed");
  check_loop(L, task, connection);
  return saros__waiting_suspend(L, task, &connection->ending, 0, after_waiting);
}

/* ---- what the transport does ---- */

/*** Writes bytes; never waits. Mirrors `asyncio.StreamWriter.write`.
 * @function StreamWriter:write
 * @tparam string data any bytes
 * @raise RuntimeError after `write_eof`; `bad argument`
 */
static int writer_write(lua_State *L) {
  lua_settop(L, 2);
  saros__transport_write(L, saros__runtime(L), push_transport(L), 2);
  return 0;
}

/*** Writes a list of strings. Mirrors `asyncio.StreamWriter.writelines`.
 * @function StreamWriter:writelines
 * @tparam {string,...} list what to write, in order
 * @raise as `write`
 */
static int writer_writelines(lua_State *L) {
  lua_settop(L, 2);
  saros__transport_writelines(L, saros__runtime(L), push_transport(L), 2);
  return 0;
}

/*** Closes the direction of writing; the peer reads the end of the file.
 * Mirrors `asyncio.StreamWriter.write_eof`.
 * @function StreamWriter:write_eof
 */
static int writer_write_eof(lua_State *L) {
  saros__transport_write_eof(push_transport(L));
  return 0;
}

/*** Tells whether `write_eof` is supported: always, for a socket.
 * @function StreamWriter:can_write_eof
 * @treturn boolean true
 */
static int writer_can_write_eof(lua_State *L) {
  push_transport(L);
  lua_pushboolean(L, 1);
  return 1;
}

/*** Closes the connection after what was written is sent. Mirrors `asyncio.StreamWriter.close`.
 * @function StreamWriter:close
 */
static int writer_close(lua_State *L) {
  saros__transport_close(push_transport(L));
  return 0;
}

/*** Tells whether the connection is closing or closed. Mirrors `asyncio.StreamWriter.is_closing`.
 * @function StreamWriter:is_closing
 * @treturn boolean
 */
static int writer_is_closing(lua_State *L) {
  lua_pushboolean(L, saros__transport_is_closing(push_transport(L)));
  return 1;
}

/*** Tells something about the connection. Mirrors `asyncio.StreamWriter.get_extra_info`.
 * @function StreamWriter:get_extra_info
 * @tparam string name `"peername"` and `"sockname"`: addresses; `"socket"`: the descriptor, while open
 * @tparam[opt] any default what to return for what is not known
 * @treturn any the information
 */
static int writer_get_extra_info(lua_State *L) {
  lua_settop(L, 3);
  push_transport(L);
  saros__transport_push_info(L, 4, luaL_checkstring(L, 2));
  if (lua_isnil(L, -1)) lua_pushvalue(L, 3);
  return 1;
}

static int writer_tostring(lua_State *L) {
  push_transport(L);
  lua_pushliteral(L, "StreamWriter: ");
  luaL_tolstring(L, -2, NULL);
  lua_concat(L, 2);
  return 1;
}

/* ---- opening ---- */

/* open_stream(transport, limit, server or nil): makes it a stream and starts reading; returns its
 * reader and its writer. */
static int open_stream(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_transport_t *transport = saros__check_transport(L, 1);
  size_t limit = (size_t)luaL_checkinteger(L, 2);
  lua_settop(L, 3);
  lua_setiuservalue(L, 1, SAROS_TRANSPORT_SERVER);
  saros__reader_new(L, rt, 1, limit);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "transport");
  saros__push_slot(L, rt, SAROS_SLOT_WRITER);
  lua_setmetatable(L, -2);
  if (transport->connection) saros__connection_start_now(transport->connection);
  return 2;
}

static const luaL_Reg functions[] = {{"open_stream", open_stream}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"write", writer_write},
                                   {"writelines", writer_writelines},
                                   {"drain", writer_drain},
                                   {"write_eof", writer_write_eof},
                                   {"can_write_eof", writer_can_write_eof},
                                   {"close", writer_close},
                                   {"wait_closed", writer_wait_closed},
                                   {"is_closing", writer_is_closing},
                                   {"get_extra_info", writer_get_extra_info},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__tostring", writer_tostring}, {"__close", writer_close}, {NULL, NULL}};

void saros__writer_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__new_class(L, rt, "StreamWriter", methods, metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_WRITER);
}
