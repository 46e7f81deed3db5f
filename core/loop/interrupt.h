/* interrupt.h: what Ctrl-C does while a loop runs.
 *
 * While a loop runs in the main thread, SIGINT is ours, unless the program
 * ignores it or has a signal handler of its own for it. The first SIGINT is
 * given to the function set by set_interrupt_handler (a Runner cancels its main
 * task there). The second, or the first if there is no such function, becomes a
 * KeyboardInterrupt: raised in the Lua code that is running, by a hook set from
 * the signal handler (as the lua program does), or out of the loop if it waits.
 * A task may be named in whose Lua code the first one is raised as well.
 *
 * The signal handler needs to find the loop, so there is one static slot in the
 * process: the loop that SIGINT belongs to. The handler only touches that loop's
 * thread: a signal that lands on another thread is passed on. While Lua runs,
 * the state to hook is the current task's coroutine or the loop's own state.
 *
 * Threads: enter and leave on the loop's thread; the slot is taken by the first
 * loop of the main thread and given back when that loop stops.
 */
#ifndef SAROS_LOOP_INTERRUPT_H
#define SAROS_LOOP_INTERRUPT_H

#include "loop/loop.h"

/* Takes SIGINT for this loop, if it is to be had. */
void saros__interrupt_enter(saros_loop_t *loop);
/* Gives SIGINT back, with the disposition it had. */
void saros__interrupt_leave(saros_loop_t *loop);

/* Called on the loop's thread in the poll, after a wake-up: acts on a SIGINT that came, or on a request that the
 * thread's work stop. */
void saros__interrupt_check(saros_loop_t *loop);

/* Any thread, from C code that blocks: true if a SIGINT came that is to be raised in this state, and was not yet. */
bool saros__interrupt_pending(const saros_runtime_t *rt);

/* Lets SIGINT interrupt a script that has no loop yet: takes the slot for the runtime. */
void saros__interrupt_enter_script(saros_runtime_t *rt, lua_State *L);
void saros__interrupt_leave_script(saros_runtime_t *rt);

void saros__interrupt_open(lua_State *L, saros_runtime_t *rt);

#endif
