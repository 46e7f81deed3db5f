/* address.h: socket addresses, in Lua and in C.
 *
 * In Lua an address is a table: {host=, port=, family="inet" | "inet6"}, or
 * {path=} for a Unix socket, where a path that begins with a zero byte is
 * Linux's abstract kind and an unnamed socket's path is "". An IPv6 host may
 * carry a scope, as in "fe80::1%eth0".
 *
 * Only numeric hosts are addresses here; names are the resolver's (lookup.h).
 *
 * Threads: the state's own.
 */
#ifndef SAROS_IO_ADDRESS_H
#define SAROS_IO_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop/runtime.h"

typedef struct saros_address {
  socklen_t length; /* 0: there is none */
  union {
    struct sockaddr any;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
    struct sockaddr_un local;
  } as;
} saros_address_t;

/* The same without room for a path: what every connection keeps of its peer. */
typedef struct saros_inet_address {
  socklen_t length;
  union {
    struct sockaddr any;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
  } as;
} saros_inet_address_t;

/* Reads the table at `index`; raises `bad argument`, a ValueError for what is no numeric host or no
 * port, or an OSError for a path that is too long. */
void saros__address_check(lua_State *L, saros_runtime_t *rt, int index, saros_address_t *address);

/* Pushes the table for an address; nil if `length` is 0. */
void saros__address_push(lua_State *L, const struct sockaddr *address, socklen_t length);

/* Pushes "127.0.0.1:80", "[::1]:80" or the path, for messages. */
void saros__address_push_text(lua_State *L, const struct sockaddr *address, socklen_t length);

/* AF_INET and so on for "inet", "inet6" and "any" (and nil: AF_UNSPEC) at `index`; raises a ValueError
 * for anything else. */
int saros__check_family(lua_State *L, saros_runtime_t *rt, int index);

/* Adds parse_address to the module table on top. */
void saros__address_functions(lua_State *L, saros_runtime_t *rt);

#endif
