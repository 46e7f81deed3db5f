/* group.h: the children of a TaskGroup.
 *
 * A group counts its children and is told when one is done, as asyncio's is: by
 * a callback of its own in the iteration after. A child that succeeds, or was
 * cancelled, costs an entry of the ready queue and nothing in Lua; one that
 * fails, and the last one, are told to the group's handler, which is in Lua.
 *
 * There is no list of the children: they are the tasks of the loop that have the
 * group as a waiter, and the loop keeps its tasks in order of creation.
 *
 * Ownership: the loop keeps the group while it has children, and a child that
 * failed until the handler has seen it.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_GROUP_H
#define SAROS_TASK_GROUP_H

#include "task/task.h"

/* Adds `group`, the functions for the Lua layer, to the table on top. */
void saros__group_functions(lua_State *L, saros_runtime_t *rt);

#endif
