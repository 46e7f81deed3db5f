/* awaitable.h: what can be awaited, and made a future of.
 *
 * Awaitables are futures, tasks, and objects whose metatable has `__await`,
 * which is called in the awaiting task, may suspend, and returns the results.
 * Where a list of awaitables is taken, functions become tasks.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_AWAITABLE_H
#define SAROS_TASK_AWAITABLE_H

#include "task/task.h"

/* Raises `bad argument` unless the value at `index` can be made a future. */
void saros__check_awaitable(lua_State *L, int index);
/* True if it can. */
bool saros__is_awaitable(lua_State *L, int index);

/* Makes the value at `index` and the arguments above it a future, which replaces them. */
saros_future_t *saros__ensure_future(lua_State *L, saros_runtime_t *rt, int index);

/* True while run_until_complete waits for the future. */
bool saros__has_runner(const saros_future_t *future);

/* Adds create_task, current_task, all_tasks, await, isfuture and ensure_future to the table on top. */
void saros__awaitable_functions(lua_State *L, saros_runtime_t *rt);
/* Adds create_task, task factories and run_until_complete to the class on top. */
void saros__awaitable_loop_methods(lua_State *L, saros_runtime_t *rt);

#endif
