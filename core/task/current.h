/* current.h: the one thing that the loop layer asks the task layer. */
#ifndef SAROS_TASK_CURRENT_H
#define SAROS_TASK_CURRENT_H

#include "loop/loop.h"

/* The Lua state whose code runs now: the current task's coroutine, or the loop's own state. Safe in a
 * signal handler on the loop's thread. */
lua_State *saros__running_state(saros_loop_t *loop);

#endif
