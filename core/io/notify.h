/* notify.h: telling a service manager how the service does, as sd_notify(3) does.
 *
 * A message is one datagram to a Unix socket, which libuv has no handle for. Each is sent through a
 * socket of its own: there are few of them, and nothing is left to own or to close.
 *
 * Threads: any.
 */
#ifndef SAROS_IO_NOTIFY_H
#define SAROS_IO_NOTIFY_H

#include "loop/runtime.h"

/* Adds notify to the module table on top. */
void saros__notify_functions(lua_State *L, saros_runtime_t *rt);

#endif
