/* writer.h: the StreamWriter, what a task writes to.
 *
 * A writer is a table with one field, `transport`, and methods in C: so the
 * transport is a plain field, and the methods find it without a further call.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_WRITER_H
#define SAROS_IO_WRITER_H

#include "io/connection.h"

/* Adds the class, and open_stream to the module table on top. */
void saros__writer_open(lua_State *L, saros_runtime_t *rt);

#endif
