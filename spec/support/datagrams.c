/* datagrams.c: a Unix datagram socket for specs, such as systemd listens on.
 *
 *   open(address) -> fd                    a path, or "@" and an abstract name
 *   receive(fd, seconds) -> string         the next datagram; nil if none comes in time
 *   close(fd)
 */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 65536 };

static int datagrams_open(lua_State *L) {
  size_t length;
  const char *name = luaL_checklstring(L, 1, &length);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (length >= sizeof address.sun_path) return luaL_error(L, "the address is too long");
  memcpy(address.sun_path, name, length);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  if (name[0] == '@') {
    address.sun_path[0] = '\0';
  } else {
    size++;
  }
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0) return luaL_error(L, "socket: %s", strerror(errno));
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (bind(fd, (struct sockaddr *)&address, size) < 0) {
    int error = errno;
    close(fd);
    return luaL_error(L, "bind: %s", strerror(error));
  }
  lua_pushinteger(L, fd);
  return 1;
}

static int datagrams_receive(lua_State *L) {
  static char text[MOST];
  struct pollfd input = {.fd = (int)luaL_checkinteger(L, 1), .events = POLLIN};
  int ready = poll(&input, 1, (int)(luaL_checknumber(L, 2) * 1000));
  if (ready <= 0) return 0;
  ssize_t size = recv(input.fd, text, sizeof text, 0);
  if (size < 0) return luaL_error(L, "recv: %s", strerror(errno));
  lua_pushlstring(L, text, (size_t)size);
  return 1;
}

static int datagrams_close(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

static const luaL_Reg functions[] = {{"open", datagrams_open},
                                     {"receive", datagrams_receive},
                                     {"close", datagrams_close},
                                     {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_spec_support_datagrams(lua_State *L);

int luaopen_spec_support_datagrams(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
