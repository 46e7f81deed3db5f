/* blocking.h: sleeping in a thread, tasks and all.
 *
 * Threads: any that runs Lua.
 */
#ifndef SAROS_THREAD_BLOCKING_H
#define SAROS_THREAD_BLOCKING_H

#include "loop/runtime.h"

/* The Lua function blocking_sleep(seconds). */
int saros__blocking_sleep(lua_State *L);

#endif
