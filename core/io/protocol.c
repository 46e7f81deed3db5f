#include "io/protocol.h"

#include "io/output.h"
#include "loop/context.h"
#include "loop/errors.h"

/* ---- finding ---- */

void saros__protocol_push(lua_State *L, saros_connection_t *connection) {
  saros__loop_anchored(L, connection->loop, connection->transport);
  lua_getiuservalue(L, -1, SAROS_TRANSPORT_PROTOCOL);
  lua_remove(L, -2);
}

bool saros__protocol_push_method(lua_State *L, saros_connection_t *connection, const char *name) {
  int top = lua_gettop(L);
  saros__protocol_push(L, connection);
  if (lua_isnil(L, -1) || lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_settop(L, top);
    return false;
  }
  lua_insert(L, -2);
  return true;
}

/* ---- calling ---- */

/* The context is left again when the call succeeds, and else before the error is reported. */
void saros__protocol_call(lua_State *L, saros_connection_t *connection, int nargs, int nresults) {
  saros_transport_t *transport = connection->transport;
  if (!transport->has_context) {
    lua_call(L, nargs, nresults);
    return;
  }
  saros_runtime_t *rt = connection->loop->rt;
  luaL_checkstack(L, 4, NULL);
  saros__loop_anchored(L, connection->loop, transport);
  lua_getiuservalue(L, -1, SAROS_TRANSPORT_CONTEXT);
  saros__context_set(L, rt);
  lua_pop(L, 1);
  lua_call(L, nargs, nresults);
  saros__context_clear(rt);
}

/* A protected call failed: outside of tasks, nothing goes on in the context that it left. */
static void leave_context(saros_runtime_t *rt) {
  if (rt->has_context && !rt->current) saros__context_clear(rt);
}

/* ---- errors ---- */

/* Sets `exception` and `traceback` of the context on top. A string could not carry its traceback: the
 * message handler left it in a slot. */
static void describe_error(lua_State *L, saros_runtime_t *rt, int error) {
  lua_pushvalue(L, error);
  lua_setfield(L, -2, "exception");
  if (saros__is_error(L, rt, error, SAROS_SLOT_ERROR)) {
    lua_getfield(L, error, "traceback");
  } else {
    saros__push_slot(L, rt, SAROS_SLOT_TRACEBACK);
  }
  lua_setfield(L, -2, "traceback");
}

/* Gives the error at `error` to the exception handler. */
static void report(lua_State *L, saros_connection_t *connection, int error, const char *message) {
  saros_loop_t *loop = connection->loop;
  if (saros__is_error(L, loop->rt, error, SAROS_SLOT_INTERRUPT)) {
    lua_pushvalue(L, error);
    lua_error(L);
  }
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, 0, 5);
  describe_error(L, loop->rt, error);
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  saros__loop_anchored(L, loop, connection->transport);
  lua_setfield(L, -2, "transport");
  saros__protocol_push(L, connection);
  lua_setfield(L, -2, "protocol");
  saros__call_exception_handler(L, loop);
}

typedef struct saros_failure {
  saros_connection_t *connection;
  const char *message;
} saros_failure_t;

/* Argument: the failure; the error itself is in its slot. */
static int report_from_slot(lua_State *L) {
  const saros_failure_t *failure = lua_touserdata(L, 1);
  saros_runtime_t *rt = failure->connection->loop->rt;
  saros__push_slot(L, rt, SAROS_SLOT_IO_ERROR);
  lua_pushnil(L);
  saros__store_slot(L, rt, SAROS_SLOT_IO_ERROR);
  report(L, failure->connection, 2, failure->message);
  return 0;
}

/* The connection ends with the error on top of L, which is popped. */
static void end_with_error(lua_State *L, saros_connection_t *connection) {
  saros_transport_t *transport = connection->transport;
  if (!connection->lost) {
    saros__loop_anchored(L, connection->loop, transport);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, SAROS_TRANSPORT_ERROR);
    transport->failed = true;
  }
  lua_pop(L, 1);
  saros__connection_abort(connection, 0);
}

/* ---- in poll callbacks ---- */

bool saros__protocol_protect(saros_connection_t *connection, lua_CFunction f, void *context,
                             const char *message) {
  saros_loop_t *loop = connection->loop;
  lua_State *L = loop->L;
  if (!lua_checkstack(L, 10)) {
    saros__connection_abort(connection, UV_ENOMEM);
    return false;
  }
  int handler = lua_gettop(L) + 1;
  saros__push_handler(L, loop->rt);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, context);
  bool ok = lua_pcall(L, 1, 0, handler) == LUA_OK;
  if (!ok) {
    leave_context(loop->rt);
    saros_failure_t failure = {connection, message};
    lua_pushvalue(L, -1);
    saros__store_slot(L, loop->rt, SAROS_SLOT_IO_ERROR);
    saros__loop_protect(loop, report_from_slot, &failure, message);
    end_with_error(L, connection);
  }
  lua_settop(L, handler - 1);
  return ok;
}

typedef struct saros_arrival {
  saros_connection_t *connection;
  const char *bytes;
  size_t size;
} saros_arrival_t;

/* The hottest call of the layer: no helper, no stack juggling. */
static int data_received(lua_State *L) {
  const saros_arrival_t *arrival = lua_touserdata(L, 1);
  saros_connection_t *connection = arrival->connection;
  saros__loop_push(L, connection->loop, SAROS_LOOP_OBJECTS);
  lua_rawgetp(L, 2, connection->transport);
  lua_getiuservalue(L, 3, SAROS_TRANSPORT_PROTOCOL);
  if (lua_getfield(L, 4, "data_received") == LUA_TNIL) return 0;
  lua_pushvalue(L, 4);
  lua_pushlstring(L, arrival->bytes, arrival->size);
  saros__protocol_call(L, connection, 2, 0);
  return 0;
}

void saros__protocol_data(saros_connection_t *connection, const char *bytes, size_t size) {
  saros_arrival_t arrival = {connection, bytes, size};
  saros__protocol_protect(connection, data_received, &arrival,
                          "Fatal error: protocol.data_received() call failed.");
}

static int eof_received(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  bool keep_open = false;
  if (saros__protocol_push_method(L, connection, "eof_received")) {
    saros__protocol_call(L, connection, 1, 1);
    keep_open = lua_toboolean(L, -1);
  }
  if (!keep_open) saros__connection_close(connection);
  return 0;
}

void saros__protocol_eof(saros_connection_t *connection) {
  saros__protocol_protect(connection, eof_received, connection,
                          "Fatal error: protocol.eof_received() call failed.");
}

/* Pops an error and reports it; true, and left on top, if it is a KeyboardInterrupt. */
static int report_argument(lua_State *L) {
  const saros_failure_t *failure = lua_touserdata(L, 2);
  report(L, failure->connection, 1, failure->message);
  return 0;
}

static bool report_protected(lua_State *L, saros_connection_t *connection, const char *message) {
  saros_failure_t failure = {connection, message};
  lua_pushcfunction(L, report_argument);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, &failure);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return false;
  if (saros__is_error(L, connection->loop->rt, -1, SAROS_SLOT_INTERRUPT)) return true;
  lua_pop(L, 1); /* out of memory: there is nothing left to report it with */
  return false;
}

/* Calls `f` with the connection. An error is reported, and with `fatal` it ends the connection. Returns
 * true, with the error on top, for a KeyboardInterrupt. */
static bool attempt(lua_State *L, saros_connection_t *connection, lua_CFunction f,
                    const char *message, bool fatal) {
  luaL_checkstack(L, 10, NULL);
  int handler = lua_gettop(L) + 1;
  saros__push_handler(L, connection->loop->rt);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, connection);
  bool interrupted = false;
  if (lua_pcall(L, 1, 0, handler) != LUA_OK) {
    leave_context(connection->loop->rt);
    lua_pushvalue(L, -1);
    interrupted = report_protected(L, connection, message);
    if (interrupted) lua_insert(L, -2);
    if (fatal) {
      end_with_error(L, connection);
    } else {
      lua_pop(L, 1);
    }
  }
  lua_remove(L, handler);
  return interrupted;
}

bool saros__protocol_attempt(lua_State *L, saros_connection_t *connection, lua_CFunction stage,
                             const char *message) {
  return attempt(L, connection, stage, message, false);
}

static int resume_writing(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  if (saros__protocol_push_method(L, connection, "resume_writing")) saros__protocol_call(L, connection, 1, 0);
  return 0;
}

/* An error here does not end the connection. */
static int attempt_resume(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  bool interrupted = saros__protocol_attempt(L, connection, resume_writing,
                                             "protocol.resume_writing() failed");
  return interrupted ? lua_error(L) : 0;
}

void saros__protocol_resume(saros_connection_t *connection) {
  saros__loop_protect(connection->loop, attempt_resume, connection,
                      "protocol.resume_writing() failed");
}

/* ---- with a running state ---- */

static int pause_writing(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  if (saros__protocol_push_method(L, connection, "pause_writing")) lua_call(L, 1, 0);
  return 0;
}

void saros__protocol_pause(lua_State *L, saros_connection_t *connection) {
  if (saros__protocol_attempt(L, connection, pause_writing, "protocol.pause_writing() failed")) {
    lua_error(L);
  }
}

static int connection_made(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  if (!saros__protocol_push_method(L, connection, "connection_made")) return 0;
  saros__loop_anchored(L, connection->loop, connection->transport);
  saros__protocol_call(L, connection, 2, 0);
  return 0;
}

void saros__protocol_made(lua_State *L, saros_connection_t *connection) {
  if (attempt(L, connection, connection_made,
              "Fatal error: protocol.connection_made() call failed.", true)) {
    lua_error(L);
  }
}
