/* handle.h: callbacks in the ready queue, and the Handle that call_soon returns.
 *
 * A callback is an entry of the ready queue whose function and arguments wait in
 * values.h. The Handle keeps nothing alive: it knows the entry's sequence number,
 * by which cancel() finds it, and whether it was cancelled.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_HANDLE_H
#define SAROS_LOOP_HANDLE_H

#include "loop/loop.h"

#define SAROS_MARKER_HANDLE SAROS_MARKER('H', 'a')

/* Schedules the `n` values on top of L (a function and its arguments) and pops them; returns the
 * entry's sequence number. Goes past an overridden call_soon. */
uint64_t saros__call_soon(lua_State *L, saros_loop_t *loop, int n);

/* The same through the loop's own call_soon, overridden or not. */
void saros__schedule_call(lua_State *L, saros_loop_t *loop, int n);

/* Packs the `n - 1` arguments on top of L, above their function, if they are too many for the queue;
 * returns how many values there are now. */
int saros__pack_arguments(lua_State *L, saros_runtime_t *rt, int n);

/* Calls that are kept and made many times: replaces the values from `first` to the top, a function and
 * its arguments, by one table of them; */
void saros__pack_call(lua_State *L, int first);
/* and pushes them from the table at `index`, returning how many there are. */
int saros__unpack_call(lua_State *L, int index);

/* Pushes a Handle for the entry with this sequence number. */
void saros__push_handle(lua_State *L, saros_loop_t *loop, uint64_t sequence);

/* Describes the entry that just failed for the exception handler: adds `handle` to the context table on
 * top, and pushes the message. */
void saros__describe_callback(lua_State *L, saros_loop_t *loop, const saros_entry_t *entry,
                              uint64_t sequence);

/* True if the entry is a Lua callback. */
bool saros__is_callback(const saros_entry_t *entry);

/* Pushes "name (file:line)" for the function at `index`. */
void saros__push_function_name(lua_State *L, int index);

void saros__handle_open(lua_State *L, saros_runtime_t *rt);
void saros__handle_methods(lua_State *L, saros_runtime_t *rt);

#endif
