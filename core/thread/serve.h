/* serve.h: what runs in a worker process.
 *
 * Its parent started it (child.h), sends calls as frames, and gets an answer to each;
 * they run one after the other in the one Lua state that there is, which keeps its
 * globals and modules from call to call. The parent keeps its end of the socket open
 * until the process has ended. So when it is closed, the parent is gone, however it
 * ended: a thread that does nothing but wait for that ends the process at once, in the
 * middle of a call, too.
 *
 * Ctrl-C on a terminal reaches all of its processes. What becomes of the calls then is
 * for the parent to say: here it does nothing.
 *
 * Threads: the state's own.
 */
#ifndef SAROS_THREAD_SERVE_H
#define SAROS_THREAD_SERVE_H

#include "loop/runtime.h"

/* Adds serve_parent to the module on top. */
void saros__serve_open(lua_State *L, saros_runtime_t *rt);

#endif
