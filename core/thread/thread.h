/* thread.h: saros.Thread: a function in a thread of its own, with a Lua state of its
 * own.
 *
 * The Thread is shared (shared.h), so any thread may join it. Its promise is kept
 * as the last thing that the thread does, when its state is closed. A state knows
 * the threads that it has started; when it closes, those that run are stopped and
 * waited for, for a bounded time; what is left then is left to itself, so a thread
 * that nobody joins does not keep a program from ending.
 *
 * Threads: any. The lock of the list protects the list, and makes sure that a thread
 * that is told to stop has not ended; it is held while the thread is signalled, and
 * nothing else is locked then.
 */
#ifndef SAROS_THREAD_THREAD_H
#define SAROS_THREAD_THREAD_H

#include "loop/runtime.h"

/* Adds `thread` to the module on top, and the class. */
void saros__thread_open(lua_State *L, saros_runtime_t *rt);

#endif
