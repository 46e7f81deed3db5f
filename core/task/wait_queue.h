/* wait_queue.h: the one place where synchronisation primitives keep the tasks that wait.
 *
 * A WaitQueue holds tasks in the order of their arrival. It stands for the deque
 * of futures that each primitive of asyncio has: a task that was woken or
 * cancelled stays in the queue until its turn comes, because what asyncio does
 * next depends on it (a lock whose first waiter was woken may not be taken by
 * somebody else). What state an entry is in is the task's own wait: INTERNAL, it
 * waits; DONE, it was woken; CANCELLED.
 *
 * Waiting makes no object at all: the queue is a ring in memory, and an entry is
 * the task's slot in the loop's pool and its number, so that an entry whose task
 * is gone is known as such: a queue may outlive a loop that was never closed, and
 * a program may close the coroutine of a task that waits. Everything before
 * `cursor` is known not to wait any more, so that waking does not look at those
 * who were woken before.
 *
 * Threads: the thread of the loop of its first wait, the only one on which it
 * can be used.
 */
#ifndef SAROS_TASK_WAIT_QUEUE_H
#define SAROS_TASK_WAIT_QUEUE_H

#include "task/task.h"

/* The name of the primitive whose queue the suspended task is in, or NULL. */
const char *saros__wait_queue_name(const saros_task_t *task);

/* Adds WaitQueue, which makes one, and `wait_queue`, its functions, to the table on top. */
void saros__wait_queue_functions(lua_State *L, saros_runtime_t *rt);

#endif
