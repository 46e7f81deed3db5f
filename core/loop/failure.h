/* failure.h: what becomes of an error that a callback raises.
 *
 * Callbacks run protected, and what they raise goes to the loop's exception
 * handler as a context table. Only a KeyboardInterrupt leaves the loop, and any
 * error when the thread's work is being stopped: it is raised at once where Lua
 * runs the callback, and kept until libuv has returned where libuv does, because a
 * Lua error must not jump over libuv's frames.
 * saros__loop_report, saros__loop_protect and saros__call_exception_handler, which
 * other layers use as well, are declared in loop.h.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_FAILURE_H
#define SAROS_LOOP_FAILURE_H

#include "loop/loop.h"

/* The frame of whatever iterates: the loop, and the message handler that all its protected calls use. */
enum { FRAME_LOOP = 1, FRAME_HANDLER = 2 };

/* Keeps the error on top, which is popped, to be raised when libuv has returned. */
void saros__keep_error(lua_State *L, saros_loop_t *loop);
/* Raises the error that was kept, if there is one. */
void saros__raise_kept_error(lua_State *L, saros_loop_t *loop);

/* Reports the error on top, raised by the entry that ran last, and pops it; raises a KeyboardInterrupt. */
void saros__report_entry(lua_State *L, saros_loop_t *loop);

#endif
