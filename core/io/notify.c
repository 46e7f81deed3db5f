#include "io/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "loop/errors.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* such systems have SO_NOSIGPIPE */
#endif

/* Reads the address at `index` as NOTIFY_SOCKET has it: a path, or "@" and an abstract name. */
static socklen_t check_target(lua_State *L, saros_runtime_t *rt, int index,
                              struct sockaddr_un *target) {
  size_t length;
  const char *address = luaL_checklstring(L, index, &length);
  bool abstract = length > 1 && address[0] == '@';
  if (!abstract && (length == 0 || address[0] != '/')) {
    saros__raise(L, rt, "ValueError", "'%s' is neither an absolute path nor @ and a name", address);
  }
  if (strlen(address) != length) {
    saros__raise(L, rt, "ValueError", "the address of a socket contains a zero byte");
  }
  /* A path needs room for the zero after it; an abstract name has none. */
  if (length + !abstract > sizeof target->sun_path) {
    saros__raise_os_error(L, rt, UV_ENAMETOOLONG, "the path of a socket");
  }
  *target = (struct sockaddr_un){.sun_family = AF_UNIX};
  memcpy(target->sun_path, address, length);
  if (abstract) target->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
}

static int open_socket(void) {
#ifdef SOCK_CLOEXEC
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
#else
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
  if (fd < 0) return -errno;
#ifdef SO_NOSIGPIPE
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return fd;
}

/* Sends one datagram without waiting; 0 or an error code. */
static int send_text(const char *text, size_t size, const struct sockaddr_un *target,
                     socklen_t length) {
  int fd = open_socket();
  if (fd < 0) return fd;
  ssize_t sent;
  do {
    sent = sendto(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)target,
                  length);
  } while (sent < 0 && errno == EINTR);
  int code = sent < 0 ? -errno : 0;
  close(fd);
  return code;
}

/*** Sends a datagram to a Unix socket; private.
 * @function notify
 * @local
 * @tparam string address a path from the root, or `"@"` and an abstract name
 * @tparam string text such as `"READY=1"`
 * @raise `OSError` with a code such as `"ENOENT"`, `"EAGAIN"` if its reader does not keep up, or
 * `"EMSGSIZE"`; `ValueError` for another address
 */
static int notify(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  struct sockaddr_un target;
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  socklen_t length = check_target(L, rt, 1, &target);
  int code = send_text(text, size, &target, length);
  if (code < 0) {
    lua_pushfstring(L, "cannot send to '%s'", lua_tostring(L, 1));
    return saros__raise_os_error(L, rt, code, lua_tostring(L, -1));
  }
  return 0;
}

static const luaL_Reg functions[] = {{"notify", notify}, {NULL, NULL}};

void saros__notify_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
