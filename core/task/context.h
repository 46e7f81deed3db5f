/* context.h: the context of a task.
 *
 * A task starts with a copy of its creator's context and keeps it, in its
 * extras, over all its steps. While it runs its context is the current one of
 * the runtime, and a change of the current one is written to the task at once:
 * so leaving a step has nothing to store, and cannot fail.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_CONTEXT_H
#define SAROS_TASK_CONTEXT_H

#include "loop/context.h"
#include "task/task.h"

/* Gives the new task at `index` the current context, or a copy of it. */
void saros__task_share_context(lua_State *L, int index, saros_task_t *task);
void saros__task_copy_context(lua_State *L, int index, saros_task_t *task);

/* Makes the task's context the current one, and pushes the one that was. */
void saros__task_enter_context(lua_State *L, saros_task_t *task);

/* Adds the functions for the Lua layer to the table on top. */
void saros__context_functions(lua_State *L, saros_runtime_t *rt);

#endif
