/* timers.h: call_later, call_at, and the TimerHandle they return.
 *
 * All timers of a loop are in one heap (structures/timer_heap.h). A Lua
 * callback's function and argument are in a table on the loop's anchor, at the
 * places that belong to the timer's slot; the TimerHandle knows slot and
 * generation only, so it keeps nothing alive and nothing keeps it alive.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_TIMERS_H
#define SAROS_LOOP_TIMERS_H

#include "loop/loop.h"

#define SAROS_MARKER_TIMER_HANDLE SAROS_MARKER('T', 'h')

/* Reads a delay or a deadline in seconds; raises a ValueError for NaN. */
double saros__check_seconds(lua_State *L, saros_runtime_t *rt, int index, const char *what);

/* Makes room for one timer. May raise. */
void saros__timer_reserve(lua_State *L, saros_loop_t *loop);

/* Sets a timer that runs a C function in the ready queue; room must have been reserved. */
saros_timer_ref_t saros__timer_set(saros_loop_t *loop, double when, saros_run_fn run, void *target);

/* Cancels a timer set by saros__timer_set; harmless when it has run. */
void saros__timer_cancel(saros_loop_t *loop, saros_timer_ref_t ref);

/* Moves the timers that are due to the ready queue. May raise. */
void saros__timers_move_due(lua_State *L, saros_loop_t *loop, double now);

/* True if the entry is a timer that was due. */
bool saros__is_timer(const saros_entry_t *entry);

/* Pushes the function of the timer that is about to run, and where it was set, or two nils. */
void saros__push_timer_subject(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry);

/* Describes the timer whose callback just failed: adds `handle` to the context table on top, and pushes
 * the message. */
void saros__describe_timer(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry);

void saros__timers_open(lua_State *L, saros_runtime_t *rt);
void saros__timers_methods(lua_State *L, saros_runtime_t *rt);

#endif
