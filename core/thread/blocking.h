/* blocking.h: C code that blocks its thread, and how it is made to stop.
 *
 * It waits in slices, and looks in between whether the thread is to stop: a
 * signal handler can set a hook, but no hook runs while C code waits.
 *
 * Threads: the one that blocks.
 */
#ifndef SAROS_THREAD_BLOCKING_H
#define SAROS_THREAD_BLOCKING_H

#include "loop/runtime.h"

/* Nanoseconds. */
#define SAROS_BLOCKING_SLICE (50 * 1000000ull)

/* True if whoever waits should raise the error that the other function pushes. */
bool saros__blocking_stopped(const saros_runtime_t *rt);
void saros__blocking_push_error(lua_State *L, saros_runtime_t *rt);

/* The Lua function blocking_sleep(seconds). */
int saros__blocking_sleep(lua_State *L);

#endif
