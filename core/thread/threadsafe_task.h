/* threadsafe_task.h: run_coroutine_threadsafe: a task on a loop of another thread, and
 * the handle that tells its result.
 *
 * The function travels to the loop, which makes a task of it; when that is done the
 * promise is kept. Cancelling the handle keeps it at once, and tells the loop.
 *
 * Ownership: the handle has a reference to the promise, the loop another until the
 * task is done: in a pledge, a userdata that belongs to the task's done callback. A
 * loop that closes, or is collected, with the task left breaks the promise.
 *
 * Threads: handles are shared, see shared.h; pledges are the loop's.
 */
#ifndef SAROS_THREAD_THREADSAFE_TASK_H
#define SAROS_THREAD_THREADSAFE_TASK_H

#include "loop/runtime.h"

/* Adds `run_coroutine_threadsafe` to the module on top, and the class of its handles. */
void saros__threadsafe_task_open(lua_State *L, saros_runtime_t *rt);

#endif
