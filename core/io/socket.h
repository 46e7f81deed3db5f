/* socket.h: system calls on stream sockets, where systems differ.
 *
 * Descriptors that come from here do not block, are not inherited by children,
 * and never raise SIGPIPE. Results below zero are libuv error codes.
 *
 * Ownership: a descriptor belongs to whoever opened it.
 * Threads: any.
 */
#ifndef SAROS_IO_SOCKET_H
#define SAROS_IO_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Opens a stream socket of this family (AF_INET, AF_INET6, AF_UNIX). */
int saros__socket_open(int family);

/* Closes a descriptor; the error of close(2) tells nothing that could be acted on. */
void saros__socket_close(int fd);

/* Takes one connection from a listening socket; UV_EAGAIN when none waits. Fills in the peer's address. */
int saros__socket_accept(int fd, struct sockaddr *peer, socklen_t *length);

/* Begins to connect. Returns 0 when done at once, -EINPROGRESS when the socket will tell by
 * becoming writable. */
int saros__socket_connect(int fd, const struct sockaddr *address, socklen_t length);

/* The error that waits on the socket, 0 for none; asking clears it. */
int saros__socket_pending_error(int fd);

/* Sends small pieces without waiting to fill a packet; no error where there is no such choice. */
void saros__socket_set_nodelay(int fd);

/* Binds; an IPv6 socket then takes IPv6 only. `reuse_port` lets several sockets share a port. */
int saros__socket_bind(int fd, const struct sockaddr *address, socklen_t length, bool reuse_port);
int saros__socket_listen(int fd, int backlog);

/* Both return how many bytes, or an error code: UV_EAGAIN when it would block. */
ssize_t saros__socket_receive(int fd, char *bytes, size_t size);
ssize_t saros__socket_send(int fd, const char *bytes, size_t size);
/* Sends two pieces in one call. */
ssize_t saros__socket_send_two(int fd, const char *first, size_t first_size, const char *second,
                               size_t second_size);

#endif
