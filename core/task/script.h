/* script.h: the launcher's half that needs the core.
 *
 * Under the launcher a script's main chunk starts as plain Lua in a coroutine
 * that is built like a task's. The first time it needs a running loop, that
 * coroutine becomes the main task of a new loop, in place: the loop counts as
 * running and the task as current, though the loop has not iterated yet. When the
 * coroutine suspends or ends, the launcher enters the loop and goes on with it.
 *
 * Threads: the state's own.
 */
#ifndef SAROS_TASK_SCRIPT_H
#define SAROS_TASK_SCRIPT_H

#include "task/task.h"

/* Adds run_script, script_task and need_loop to the module table on top. */
void saros__script_functions(lua_State *L, saros_runtime_t *rt);

#endif
