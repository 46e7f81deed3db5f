/* sleep.h: suspending a task for a time.
 *
 * A sleep is a timer whose target is the task: no future, no callback, no
 * handle. The loop keeps the task alive, so the timer may point to it.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_SLEEP_H
#define SAROS_TASK_SLEEP_H

#include "task/task.h"

/* True if the task sleeps; then `when` is the end of it, by the loop's time. */
bool saros__sleep_deadline(const saros_task_t *task, double *when);

/* Adds `sleep` to the module table on top. */
void saros__sleep_functions(lua_State *L, saros_runtime_t *rt);

#endif
