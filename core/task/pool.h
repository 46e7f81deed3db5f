/* pool.h: slots for tasks, and their coroutines.
 *
 * A slot is a number that belongs to one task while it runs. The tables on the
 * loop's anchor keep the task and the coroutine under it. A coroutine whose task
 * has ended stays in its slot for the next task: making one costs more than
 * everything else a task does. It is retired after some uses, because a stack
 * that once grew stays large, and only so many wait.
 *
 * A coroutine is reused only after its body returned, with an empty stack; one
 * that was closed or failed is dropped. (lua_resetthread would leave a stale
 * error handler in Lua 5.4.4.)
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_POOL_H
#define SAROS_TASK_POOL_H

#include "task/task.h"

/* Takes a slot for the task on top of L and stores its coroutine in `co`, with room for `stack` values. May
 * raise, and then nothing changed. */
uint32_t saros__pool_take(lua_State *L, saros_loop_t *loop, lua_State **co, int stack);

/* Takes a slot for the task at `task` and a coroutine that runs already, which is on top of L and popped. */
uint32_t saros__pool_adopt(lua_State *L, saros_loop_t *loop, int task);

/* Gives the slot back; its coroutine is kept for reuse if `reuse`. Pops nothing, raises nothing. */
void saros__pool_give(saros_loop_t *loop, uint32_t slot, bool reuse);

/* The task in a slot, if it is the one with this number still: what outlives tasks keeps both instead of a
 * pointer. */
saros_task_t *saros__pool_find(const saros_loop_t *loop, uint32_t slot, uint64_t task_number);

/* Frees the pool's memory. */
void saros__pool_free(saros_loop_t *loop);

#endif
