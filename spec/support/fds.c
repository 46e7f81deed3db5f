/* fds.c: file descriptors for specs, as small a Lua module as will do.
 *
 *   pipe() -> read end, write end          non-blocking
 *   socketpair() -> two ends               non-blocking
 *   write(fd, string) -> bytes written, or nil and the name of the error
 *   read(fd [, n]) -> string, or nil and the name of the error; "" at the end
 *   fill(fd) -> how many bytes went in until it would block
 *   close(fd)
 *   count() -> how many descriptors this process has open
 */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Pushes nil and what went wrong, errno's EAGAIN as "EAGAIN", which specs wait for. */
static int push_failure(lua_State *L) {
  int error = errno;
  lua_pushnil(L);
  lua_pushstring(L, error == EAGAIN ? "EAGAIN" : strerror(error));
  return 2;
}

static int push_pair(lua_State *L, const int fds[2]) {
  for (int i = 0; i < 2; i++) {
    fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
    fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    lua_pushinteger(L, fds[i]);
  }
  return 2;
}

static int fds_pipe(lua_State *L) {
  int fds[2];
  if (pipe(fds) != 0) return luaL_error(L, "pipe: %s", strerror(errno));
  return push_pair(L, fds);
}

static int fds_socketpair(lua_State *L) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return luaL_error(L, "socketpair: %s", strerror(errno));
  return push_pair(L, fds);
}

static int fds_write(lua_State *L) {
  size_t length;
  int fd = (int)luaL_checkinteger(L, 1);
  const char *data = luaL_checklstring(L, 2, &length);
  ssize_t written = write(fd, data, length);
  if (written < 0) return push_failure(L);
  lua_pushinteger(L, written);
  return 1;
}

static int fds_read(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  size_t size = (size_t)luaL_optinteger(L, 2, 4096);
  luaL_Buffer b;
  ssize_t got = read(fd, luaL_buffinitsize(L, &b, size), size);
  if (got < 0) return push_failure(L);
  luaL_pushresultsize(&b, (size_t)got);
  return 1;
}

static int fds_fill(lua_State *L) {
  static const char zeros[4096];
  int fd = (int)luaL_checkinteger(L, 1);
  lua_Integer total = 0;
  ssize_t written;
  while ((written = write(fd, zeros, sizeof zeros)) > 0) total += written;
  lua_pushinteger(L, total);
  return 1;
}

static int fds_close(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

/* By asking for each: a program that is started to look at this process may look before popen has
 * closed its own end of the pipe, and then counts one more. */
static int fds_count(lua_State *L) {
  long limit = sysconf(_SC_OPEN_MAX);
  if (limit < 0 || limit > 65536) limit = 65536;
  lua_Integer open = 0;
  for (long fd = 0; fd < limit; fd++) {
    if (fcntl((int)fd, F_GETFD) != -1) open++;
  }
  lua_pushinteger(L, open);
  return 1;
}

static const luaL_Reg functions[] = {{"pipe", fds_pipe},   {"socketpair", fds_socketpair},
                                     {"write", fds_write}, {"read", fds_read},
                                     {"fill", fds_fill},   {"close", fds_close},
                                     {"count", fds_count}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_spec_support_fds(lua_State *L);

int luaopen_spec_support_fds(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
