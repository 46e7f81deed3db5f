/* watcher.h: add_reader and add_writer.
 *
 * One uv_poll_t per file descriptor serves both directions. When a descriptor is
 * ready its function is scheduled on the loop, with its arguments.
 *
 * Ownership: a watcher is allocated on its own, is in the loop's list while it
 * watches, and is freed in its close callback; its functions are anchored on the
 * loop. The descriptor stays the program's.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_WATCHER_H
#define SAROS_LOOP_WATCHER_H

#include "loop/loop.h"

/* Closes all watchers; the loop is being torn down. */
void saros__watchers_close(saros_loop_t *loop);

/* Reads a file descriptor: a number, or an open Lua file. */
int saros__check_fd(lua_State *L, saros_runtime_t *rt, int index);

/* Adds the functions for the Lua layer to the module table on top. */
void saros__watcher_open(lua_State *L, saros_runtime_t *rt);
void saros__watcher_methods(lua_State *L, saros_runtime_t *rt);

#endif
