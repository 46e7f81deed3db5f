#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <uv.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* such systems have SO_NOSIGPIPE */
#endif

/* Where a socket cannot be opened the way we want it, it is made so afterwards. */
static int prepare(int fd) {
#ifndef SOCK_NONBLOCK
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
    int code = -errno;
    close(fd);
    return code;
  }
#endif
#ifdef SO_NOSIGPIPE
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return fd;
}

int saros__socket_open(int family) {
#ifdef SOCK_NONBLOCK
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  int fd = socket(family, SOCK_STREAM, 0);
#endif
  return fd < 0 ? -errno : prepare(fd);
}

void saros__socket_close(int fd) {
  close(fd);
}

int saros__socket_accept(int fd, struct sockaddr *peer, socklen_t *length) {
  int accepted;
  do {
#ifdef SOCK_NONBLOCK
    accepted = accept4(fd, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    accepted = accept(fd, peer, length);
#endif
  } while (accepted < 0 && errno == EINTR);
  return accepted < 0 ? -errno : prepare(accepted);
}

int saros__socket_connect(int fd, const struct sockaddr *address, socklen_t length) {
  if (connect(fd, address, length) == 0) return 0;
  return errno == EINTR ? -EINPROGRESS : -errno; /* interrupted, it goes on by itself */
}

int saros__socket_pending_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
  return -error;
}

void saros__socket_set_nodelay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int set_option(int fd, int level, int option) {
  int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on) < 0 ? -errno : 0;
}

int saros__socket_bind(int fd, const struct sockaddr *address, socklen_t length, bool reuse_port) {
  int code = 0;
  if (address->sa_family != AF_UNIX) code = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
  if (code == 0 && reuse_port) {
#ifdef SO_REUSEPORT
    code = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
#else
    code = UV_ENOTSUP;
#endif
  }
  if (code == 0 && address->sa_family == AF_INET6) code = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (code == 0 && bind(fd, address, length) < 0) code = -errno;
  return code;
}

int saros__socket_listen(int fd, int backlog) {
  return listen(fd, backlog) < 0 ? -errno : 0;
}

/* EINTR and EWOULDBLOCK mean the same to a caller that will be told when to try again. */
static ssize_t result_of(ssize_t result) {
  if (result >= 0) return result;
  return errno == EWOULDBLOCK || errno == EINTR ? UV_EAGAIN : -errno;
}

ssize_t saros__socket_receive(int fd, char *bytes, size_t size) {
  return result_of(recv(fd, bytes, size, 0));
}

ssize_t saros__socket_send(int fd, const char *bytes, size_t size) {
  return result_of(send(fd, bytes, size, MSG_NOSIGNAL));
}

ssize_t saros__socket_send_two(int fd, const char *first, size_t first_size, const char *second,
                               size_t second_size) {
  if (first_size == 0) return saros__socket_send(fd, second, second_size);
  struct iovec pieces[2] = {{(void *)first, first_size}, {(void *)second, second_size}};
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
  return result_of(sendmsg(fd, &message, MSG_NOSIGNAL));
}
