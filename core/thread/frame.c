#include "thread/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE does nothing where the core is loaded */
#endif

/* Both processes are of the same machine: numbers travel as they are. */
typedef struct saros_frame_header {
  uint64_t size, kind;
} saros_frame_header_t;

/* Drops what was sent from the pieces; false when nothing is left. */
static bool advance(struct msghdr *pieces, size_t sent) {
  while (pieces->msg_iovlen > 0 && sent >= pieces->msg_iov->iov_len) {
    sent -= pieces->msg_iov->iov_len;
    pieces->msg_iov++;
    pieces->msg_iovlen--;
  }
  if (pieces->msg_iovlen == 0) return false;
  pieces->msg_iov->iov_base = (char *)pieces->msg_iov->iov_base + sent;
  pieces->msg_iov->iov_len -= sent;
  return true;
}

bool saros__frame_send(int fd, saros_frame_t kind, const saros_message_t *message) {
  saros_frame_header_t header = {message ? message->size : 0, kind};
  struct iovec parts[2] = {{&header, sizeof header}, {message ? message->bytes : NULL, header.size}};
  struct msghdr pieces = {.msg_iov = parts, .msg_iovlen = 2};
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd, &pieces, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) sent = 0;
    if (sent < 0) return false;
  } while (advance(&pieces, (size_t)sent));
  return true;
}

static bool receive_all(int fd, void *bytes, size_t size) {
  char *next = bytes;
  while (size > 0) {
    ssize_t got = recv(fd, next, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    next += got;
    size -= (size_t)got;
  }
  return true;
}

/* Makes room for so many bytes in an empty message. */
static bool make_room(saros_message_t *message, uint64_t size) {
  if (size > message->capacity) {
    char *bytes = malloc(size);
    if (!bytes) return false;
    message->bytes = bytes;
    message->capacity = size;
  }
  message->size = size;
  return true;
}

saros_frame_t saros__frame_receive(int fd, saros_message_t *message) {
  saros_frame_header_t header;
  if (!receive_all(fd, &header, sizeof header)) return SAROS_FRAME_NONE;
  if (make_room(message, header.size) && receive_all(fd, message->bytes, message->size)) {
    return (saros_frame_t)header.kind;
  }
  saros__message_clear(message);
  return SAROS_FRAME_NONE;
}
