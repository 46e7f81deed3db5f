/* calls.h: calling into a loop from the Lua code of other threads.
 *
 * A loop's proxy schedules functions that are transferred. A thread-safe callable
 * stays at home: its function is anchored in the loop, and only the arguments
 * travel. When nobody refers to the callable any more, its loop is told to let
 * the function go.
 *
 * Threads: a callable is shared, see shared.h.
 */
#ifndef SAROS_THREAD_CALLS_H
#define SAROS_THREAD_CALLS_H

#include "thread/mailbox.h"

/* Adds `threadsafe` to the class EventLoop on top, and the classes of proxies and callables. */
void saros__calls_loop_methods(lua_State *L, saros_runtime_t *rt);
void saros__calls_open(lua_State *L, saros_runtime_t *rt);

#endif
