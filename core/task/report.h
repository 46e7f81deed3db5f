/* report.h: errors that nobody retrieved.
 *
 * A failed future gets a sentinel, a userdata with a finalizer that only the
 * future's extras refer to and that refers to the future. When both are garbage
 * the finalizer reports the error. So futures that do not fail need no
 * finalizer, which would cost more than the rest of a task.
 *
 * All sentinels whose errors are not retrieved are in the loop's list, for
 * close() to report.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_REPORT_H
#define SAROS_TASK_REPORT_H

#include "task/future.h"

/* Makes a sentinel for the future at `index` and anchors it in the extras. Changes nothing else; may raise.
 * The traceback, if the error cannot carry one, is on top of L and is popped (nil: none). */
struct saros_report *saros__report_new(lua_State *L, int index, saros_future_t *future);

/* From now on the error counts as lost unless it is retrieved. */
void saros__report_arm(saros_future_t *future, struct saros_report *report);
/* It was retrieved, or reported. */
void saros__report_disarm(saros_future_t *future);

/* Reports all lost errors of the loop. */
void saros__report_all(lua_State *L, saros_loop_t *loop);

void saros__report_open(lua_State *L, saros_runtime_t *rt);

#endif
