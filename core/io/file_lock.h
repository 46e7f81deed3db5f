/* file_lock.h: files that one process at a time has locked, as flock(2) does it.
 *
 * The lock is an open file, a Lua one: closing it, its end as garbage, and the end of the process
 * give it back. Whoever has the lock may remove the file first, so that nothing is left behind: who
 * waits for it makes a new one.
 *
 * Threads: any.
 */
#ifndef SAROS_IO_FILE_LOCK_H
#define SAROS_IO_FILE_LOCK_H

#include "loop/runtime.h"

/* Adds lock_file to the module table on top. */
void saros__file_lock_functions(lua_State *L, saros_runtime_t *rt);

#endif
