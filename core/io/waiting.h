/* waiting.h: tasks that wait for the same thing.
 *
 * A list has one node per task, in a userdata on the stack of the task's
 * coroutine, so it lives as long as the task waits.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_WAITING_H
#define SAROS_IO_WAITING_H

#include "task/task.h"

typedef struct saros_waiting_node saros_waiting_node_t;

typedef struct saros_waiting {
  saros_waiting_node_t *first, *last;
} saros_waiting_t;

/* Suspends the calling task until the list is woken; `k` runs then, with `context`, and finds the stack
 * as it was here plus one value. `return saros__waiting_suspend(...)`. */
int saros__waiting_suspend(lua_State *L, saros_task_t *task, saros_waiting_t *list,
                           lua_KContext context, lua_KFunction k);

/* How many tasks wait. */
size_t saros__waiting_count(const saros_waiting_t *list);

/* Wakes all tasks, in the order of their arrival. May raise, and then the rest still waits. */
void saros__waiting_wake(lua_State *L, saros_loop_t *loop, saros_waiting_t *list);

#endif
