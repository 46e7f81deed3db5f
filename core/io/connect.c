#include "io/connect.h"

#include <errno.h>
#include <string.h>

#include "io/socket.h"
#include "io/transport.h"
#include "loop/errors.h"

/* ---- arguments ---- */

/* The connection of the transport at 1, which nobody else has seen yet. */
static saros_connection_t *check_connection(lua_State *L) {
  saros_transport_t *transport = saros__check_transport(L, 1);
  if (!transport->connection) {
    saros__raise(L, saros__runtime(L), "RuntimeError", "the socket is closed");
  }
  return transport->connection;
}

/* Raises an OSError that says what could not be done to which address. */
static int raise_about(lua_State *L, int code, const char *what, const saros_address_t *address) {
  luaL_checkstack(L, 8, NULL);
  lua_pushstring(L, what);
  saros__address_push_text(L, &address->as.any, address->length);
  lua_concat(L, 2);
  return saros__raise_os_error(L, saros__runtime(L), code, lua_tostring(L, -1));
}

/* ---- opening and binding ---- */

/* open_socket(loop, address) -> a transport whose socket has the family of the address */
static int open_socket(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros_address_t address;
  saros__address_check(L, loop->rt, 2, &address);
  int family = address.as.any.sa_family;
  int fd = saros__socket_open(family);
  if (fd < 0) return saros__raise_os_error(L, loop->rt, fd, "cannot open a socket");
  if (family != AF_UNIX) saros__socket_set_nodelay(fd);
  saros__connection_new(L, loop, fd);
  return 1;
}

/* bind_socket(transport, address) */
static int bind_socket(lua_State *L) {
  saros_connection_t *connection = check_connection(L);
  saros_address_t address;
  saros__address_check(L, saros__runtime(L), 2, &address);
  int code = saros__socket_bind(connection->fd, &address.as.any, address.length, false);
  return code < 0 ? raise_about(L, code, "cannot bind to ", &address) : 0;
}

/* ---- connecting ---- */

static int finish(lua_State *L, saros_connection_t *connection, int code,
                  const saros_address_t *address) {
  if (code < 0) return raise_about(L, code, "cannot connect to ", address);
  saros_inet_address_t *peer = &connection->transport->peer;
  if (address->as.any.sa_family != AF_UNIX) {
    memcpy(&peer->as, &address->as, sizeof peer->as);
    peer->length = address->length;
  }
  return 0;
}

static int connected(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  saros__task_resumed(L, saros__runtime(L));
  saros_connection_t *connection = check_connection(L);
  saros_address_t address;
  saros__address_check(L, saros__runtime(L), 2, &address);
  int code = connection->error;
  connection->error = 0;
  return finish(L, connection, code, &address);
}

static void withdraw(saros_task_t *task, void *owner) {
  (void)task;
  ((saros_connection_t *)owner)->connecting = false;
}

/* connect_socket(transport, address): suspends until the socket is connected */
static int connect_socket(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_connection_t *connection = check_connection(L);
  saros_address_t address;
  saros__address_check(L, rt, 2, &address);
  lua_settop(L, 2);
  saros_task_t *task = saros__task_suspendable(L, rt, "connect");
  int code = saros__socket_connect(connection->fd, &address.as.any, address.length);
  if (code != -EINPROGRESS) return finish(L, connection, code, &address);
  connection->connector = task;
  connection->connecting = true;
  saros__connection_watch(connection);
  return saros__task_suspend(L, task, withdraw, connection, 0, connected);
}

static int wake(lua_State *L) {
  saros_connection_t *connection = lua_touserdata(L, 1);
  saros__task_wake(L, connection->loop, connection->connector);
  connection->connecting = false;
  return 0;
}

void saros__connect_ready(saros_connection_t *connection) {
  connection->error = saros__socket_pending_error(connection->fd);
  saros__loop_protect(connection->loop, wake, connection, "Cannot wake a task that connects");
}

static const luaL_Reg functions[] = {{"open_socket", open_socket},
                                     {"bind_socket", bind_socket},
                                     {"connect_socket", connect_socket},
                                     {NULL, NULL}};

void saros__connect_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
