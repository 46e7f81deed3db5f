/* inspect.h: what tasks are doing, for whoever looks from outside (print_tasks.lua).
 *
 * Looking changes nothing: no error counts as retrieved, nothing is woken.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_TASK_INSPECT_H
#define SAROS_TASK_INSPECT_H

#include "task/task.h"

/* Adds `look`, `note_shielded`, `is_main_task` and `source_traceback` to the module table on top. */
void saros__inspect_functions(lua_State *L, saros_runtime_t *rt);

#endif
