#include "io/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/address.h"
#include "io/connection.h"
#include "io/socket.h"
#include "loop/errors.h"
#include "loop/timers.h"

/* How many connections are taken per poll, so that a rush of them leaves room for those that are open. */
enum { ACCEPTED_AT_ONCE = 64 };

/* Seconds until the next attempt when there are no more descriptors; asyncio's. */
#define ACCEPT_RETRY_DELAY 1.0

typedef struct saros_listener saros_listener_t;

typedef struct saros_listener_object {
  saros_marker_t marker;
  saros_listener_t *listener; /* NULL once it is closed */
} saros_listener_object_t;

enum { LISTENER_ACCEPT = 1, LISTENER_VALUES = 1 };

struct saros_listener {
  uv_poll_t poll; /* first: freed through it */
  saros_loop_t *loop;
  saros_listener_object_t *object; /* NULL once it is closed */
  saros_listener_t *previous, *next;
  int fd;
  bool started;
  bool retrying; /* `retry` is set */
  saros_timer_ref_t retry;
  saros_address_t path; /* of a Unix socket: removed when it closes, if it is still */
  dev_t device;         /* the file that was made */
  ino_t inode;
};

/* ---- accepting ---- */

typedef struct saros_accepted {
  saros_listener_t *listener;
  saros_connection_t *connection;
  int fd;
  saros_inet_address_t peer;
} saros_accepted_t;

static int welcome(lua_State *L) {
  saros_accepted_t *accepted = lua_touserdata(L, 1);
  saros_loop_t *loop = accepted->listener->loop;
  saros_connection_t *connection = saros__connection_new(L, loop, accepted->fd);
  connection->transport->peer = accepted->peer;
  accepted->connection = connection;
  saros__loop_anchored(L, loop, accepted->listener->object);
  lua_getiuservalue(L, -1, LISTENER_ACCEPT);
  lua_pushvalue(L, -3);
  lua_call(L, 1, 0);
  accepted->connection = NULL; /* it is the program's now */
  return 0;
}

static void start_polling(saros_listener_t *listener);
static void resume_accepting(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra);

/* Out of descriptors or memory: the connections wait, and so does the listener. */
static int pause_accepting(lua_State *L) {
  const saros_accepted_t *accepted = lua_touserdata(L, 1);
  saros_listener_t *listener = accepted->listener;
  saros_loop_t *loop = listener->loop;
  saros__push_os_error(L, loop->rt, accepted->fd, "accept");
  double when = saros__loop_time(L, loop) + ACCEPT_RETRY_DELAY;
  saros__timer_reserve(L, loop);
  uv_poll_stop(&listener->poll);
  listener->retry = saros__timer_set(loop, when, resume_accepting, listener);
  listener->retrying = true;
  return lua_error(L);
}

static int raise_accept_error(lua_State *L) {
  const saros_accepted_t *accepted = lua_touserdata(L, 1);
  return saros__raise_os_error(L, accepted->listener->loop->rt, accepted->fd, "accept");
}

static bool is_shortage(int code) {
  return code == UV_EMFILE || code == UV_ENFILE || code == UV_ENOBUFS || code == UV_ENOMEM;
}

/* Takes one connection; false when there is no reason to go on. */
static bool accept_one(saros_listener_t *listener) {
  saros_accepted_t accepted = {.listener = listener};
  saros_address_t peer = {.length = sizeof peer.as};
  saros_loop_t *loop = listener->loop;
  accepted.fd = saros__socket_accept(listener->fd, &peer.as.any, &peer.length);
  if (accepted.fd == UV_EAGAIN) return false;
  if (accepted.fd == UV_ECONNABORTED) return true; /* the client has left the queue */
  if (accepted.fd < 0) {
    saros__loop_protect(loop, is_shortage(accepted.fd) ? pause_accepting : raise_accept_error,
                        &accepted, "accept() is out of system resources");
    return false;
  }
  if (peer.as.any.sa_family != AF_UNIX && peer.length <= sizeof accepted.peer.as) {
    saros__socket_set_nodelay(accepted.fd);
    memcpy(&accepted.peer.as, &peer.as, sizeof accepted.peer.as);
    accepted.peer.length = peer.length;
  }
  saros__loop_protect(loop, welcome, &accepted,
                      "Error on transport creation for incoming connection");
  if (accepted.connection) saros__connection_abort(accepted.connection, 0);
  return true;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  saros_listener_t *listener = (saros_listener_t *)poll;
  (void)events;
  for (int i = 0; i < ACCEPTED_AT_ONCE && listener->object; i++) {
    if (!accept_one(listener)) break;
  }
  /* libuv has stopped polling; accept() has told what is wrong. */
  if (status < 0 && listener->object && !listener->retrying) start_polling(listener);
}

static void start_polling(saros_listener_t *listener) {
  uv_poll_start(&listener->poll, UV_READABLE, on_poll);
}

static void resume_accepting(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra) {
  saros_listener_t *listener = target;
  (void)L;
  (void)loop;
  (void)extra;
  listener->retrying = false;
  if (listener->object) start_polling(listener); /* it may be closed in this very iteration */
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

/* The socket's file, unless somebody has put another one in its place. */
static void remove_path(const saros_listener_t *listener) {
  const char *path = listener->path.as.local.sun_path;
  struct stat now;
  if (listener->path.length == 0 || stat(path, &now) < 0) return;
  if (now.st_dev == listener->device && now.st_ino == listener->inode) unlink(path);
}

static void close_listener(saros_listener_t *listener) {
  saros_io_t *io = listener->loop->io;
  if (listener->previous) {
    listener->previous->next = listener->next;
  } else {
    io->listeners = listener->next;
  }
  if (listener->next) listener->next->previous = listener->previous;
  listener->object->listener = NULL;
  listener->object = NULL;
  if (listener->retrying) saros__timer_cancel(listener->loop, listener->retry);
  remove_path(listener);
  saros__loop_unref_listener(listener->loop);
  uv_close((uv_handle_t *)&listener->poll, on_closed);
  saros__socket_close(listener->fd);
}

void saros__listeners_close(saros_io_t *io) {
  while (io->listeners) close_listener(io->listeners);
}

/* ---- opening ---- */

/* A socket that nobody listens on any more must not keep its path from the next server. */
static void remove_stale(const saros_address_t *address) {
  const char *path = address->as.local.sun_path;
  struct stat found;
  if (address->as.any.sa_family != AF_UNIX || path[0] == '\0') return;
  if (stat(path, &found) == 0 && S_ISSOCK(found.st_mode)) unlink(path);
}

static void remember_path(saros_listener_t *listener, const saros_address_t *address) {
  struct stat made;
  const char *path = address->as.local.sun_path;
  if (address->as.any.sa_family != AF_UNIX || path[0] == '\0' || stat(path, &made) < 0) return;
  listener->path = *address;
  listener->device = made.st_dev;
  listener->inode = made.st_ino;
}

/* Binds so that the socket's file never has more than these permissions (-1: what the umask leaves). */
static int bind_with_mode(int fd, const saros_address_t *address, bool reuse_port, int mode) {
  if (mode < 0) return saros__socket_bind(fd, &address->as.any, address->length, reuse_port);
#ifdef __linux__
  /* The file gets those of the socket itself. */
  if (fchmod(fd, (mode_t)mode) < 0) return -errno;
  return saros__socket_bind(fd, &address->as.any, address->length, reuse_port);
#else
  /* The umask is the process's: what other threads make in this moment is no more open for it. */
  mode_t before = umask(~(mode_t)mode & 0777);
  int code = saros__socket_bind(fd, &address->as.any, address->length, reuse_port);
  umask(before);
  return code;
#endif
}

/* Opens and binds; a descriptor or an error code. */
static int open_bound(const saros_address_t *address, bool reuse_port, int mode) {
  int fd = saros__socket_open(address->as.any.sa_family);
  if (fd < 0) return fd;
  remove_stale(address);
  int code = bind_with_mode(fd, address, reuse_port, mode);
  if (code == 0) return fd;
  saros__socket_close(fd);
  return code;
}

static int raise_bind_error(lua_State *L, saros_runtime_t *rt, const saros_address_t *address,
                            int code) {
  lua_pushliteral(L, "error while attempting to bind on address ");
  saros__address_push_text(L, &address->as.any, address->length);
  lua_concat(L, 2);
  return saros__raise_os_error(L, rt, code, lua_tostring(L, -1));
}

static saros_listener_t *new_listener(saros_loop_t *loop, saros_listener_object_t *object, int fd) {
  saros_listener_t *listener = calloc(1, sizeof *listener);
  if (!listener || uv_poll_init(&loop->uv, &listener->poll, fd) < 0) {
    free(listener);
    return NULL;
  }
  listener->loop = loop;
  listener->object = object;
  listener->fd = fd;
  listener->next = loop->io->listeners;
  if (listener->next) listener->next->previous = listener;
  loop->io->listeners = listener;
  object->listener = listener;
  saros__loop_ref_listener(loop);
  return listener;
}

/* bind_listener(loop, address [, reuse_port [, mode]]) -> Listener */
static int bind_listener(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros_runtime_t *rt = loop->rt;
  saros_address_t address;
  saros__address_check(L, rt, 2, &address);
  bool reuse_port = lua_toboolean(L, 3);
  int mode = (int)luaL_optinteger(L, 4, -1);
  saros__io(L, loop);
  saros_listener_object_t *object = lua_newuserdatauv(L, sizeof *object, LISTENER_VALUES);
  *object = (saros_listener_object_t){SAROS_MARKER_LISTENER, NULL};
  saros__push_slot(L, rt, SAROS_SLOT_LISTENER);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  saros__loop_anchor(L, loop, object);
  int fd = open_bound(&address, reuse_port, mode);
  if (fd < 0) {
    saros__loop_release(L, loop, object);
    return raise_bind_error(L, rt, &address, fd);
  }
  saros_listener_t *listener = new_listener(loop, object, fd);
  if (!listener) {
    saros__socket_close(fd);
    saros__loop_release(L, loop, object);
    return luaL_error(L, "not enough memory");
  }
  remember_path(listener, &address);
  return 1;
}

/* ---- methods, for the Lua layer ---- */

static saros_listener_object_t *check_listener(lua_State *L) {
  saros_listener_object_t *object = saros__test_marker(L, 1, SAROS_MARKER_LISTENER);
  if (!object) luaL_typeerror(L, 1, "Listener");
  return object;
}

/* listener:address() -> the address it is bound to */
static int listener_address(lua_State *L) {
  const saros_listener_t *listener = check_listener(L)->listener;
  saros_address_t address = {.length = sizeof address.as};
  if (!listener || getsockname(listener->fd, &address.as.any, &address.length) < 0) return 0;
  saros__address_push(L, &address.as.any, address.length);
  return 1;
}

/* listener:start(backlog, accept): listens, and calls accept(transport) for each connection */
static int listener_start(lua_State *L) {
  saros_listener_t *listener = check_listener(L)->listener;
  lua_Integer backlog = luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  if (!listener || listener->started) return 0;
  int code = saros__socket_listen(listener->fd, (int)backlog);
  if (code < 0) return saros__raise_os_error(L, saros__runtime(L), code, "cannot listen");
  lua_settop(L, 3);
  lua_setiuservalue(L, 1, LISTENER_ACCEPT);
  listener->started = true;
  start_polling(listener);
  return 0;
}

/* listener:close() */
static int listener_close(lua_State *L) {
  saros_listener_object_t *object = check_listener(L);
  if (!object->listener) return 0;
  saros_loop_t *loop = object->listener->loop;
  close_listener(object->listener);
  saros__loop_release(L, loop, object);
  return 0;
}

/* open_listeners(loop) -> a list of Listeners, the newest first */
static int open_listeners(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  lua_newtable(L);
  lua_Integer count = 0;
  const saros_listener_t *listener = loop->io ? loop->io->listeners : NULL;
  for (; listener; listener = listener->next) {
    saros__loop_anchored(L, loop, listener->object);
    lua_rawseti(L, 2, ++count);
  }
  return 1;
}

static const luaL_Reg functions[] = {
    {"bind_listener", bind_listener}, {"open_listeners", open_listeners}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"address", listener_address},
                                   {"start", listener_start},
                                   {"close", listener_close},
                                   {NULL, NULL}};

void saros__listener_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__new_class(L, rt, "Listener", methods, NULL);
  saros__store_slot(L, rt, SAROS_SLOT_LISTENER);
}
