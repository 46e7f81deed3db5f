/* blocking.h: C code that blocks its thread, tasks and all, and how it is made to stop.
 *
 * A signal handler sets a hook on the Lua state that runs (interrupt.h, stop.h), but
 * no hook runs while C code waits. So it waits in slices, and looks in between
 * whether there is a new hook: then it returns, and the next instruction raises.
 *
 * Threads: the one that blocks.
 */
#ifndef SAROS_THREAD_BLOCKING_H
#define SAROS_THREAD_BLOCKING_H

#include "loop/runtime.h"

/* How long C code waits between two looks; nanoseconds. */
#define SAROS_BLOCKING_SLICE 20000000ull

/* True if the wait, which began with the hook `before`, is to end. */
bool saros__blocking_stopped(lua_State *L, const saros_runtime_t *rt, lua_Hook before);

/* Ends it: raises a KeyboardInterrupt, or leaves that to the new hook and returns 0. */
int saros__blocking_end(lua_State *L, saros_runtime_t *rt, lua_Hook before);

/* The Lua function blocking_sleep(seconds). */
int saros__blocking_sleep(lua_State *L);

#endif
