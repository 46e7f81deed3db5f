/* gather.h: many futures as one.
 *
 * A gather is a future that counts its children. Each child that gets done is
 * one entry of the ready queue, as a callback each would be in CPython, but the
 * entry calls C: this is the cost of ten thousand tasks.
 *
 * User values: those of a future, and 3, the list of children. The children point
 * to the gather, so something must keep it: the loop, while it waits for tasks
 * (which the loop keeps too) and while entries of the ready queue point to it;
 * futures that are no tasks keep it in their extras.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_GATHER_H
#define SAROS_TASK_GATHER_H

#include "task/future.h"

/* gather:cancel(): cancels the children; true if one of them could be. The request has come along a path
 * (NULL: none); raises a RuntimeError if that is too long to be followed on the C stack. */
bool saros__gather_cancel(lua_State *L, int index, saros_future_t *future, int message,
                          const saros_cancel_path_t *path);

/* Pushes the list of the children of the gather at `index`. */
void saros__gather_push_children(lua_State *L, int index);

/* Adds `gather` to the module table on top. */
void saros__gather_functions(lua_State *L, saros_runtime_t *rt);

#endif
