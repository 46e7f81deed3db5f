/* readline.h: GNU readline, where there is one, for the REPL.
 *
 * The library is looked for when it is asked for, and nothing here needs it to be
 * built. Its callback interface is used: a line is begun, the loop tells when
 * something was typed, what was typed is taken without waiting for more.
 *
 * Ownership: readline has one state per process, which is why this has one, too.
 * The terminal is in readline's mode from start() until a line is complete or
 * stop() is called; whoever starts sees to it that this comes.
 * Threads: the thread that loaded it, only.
 */
#ifndef SAROS_IO_READLINE_H
#define SAROS_IO_READLINE_H

#include "loop/runtime.h"

/* Adds load_readline to the module table on top. */
void saros__readline_functions(lua_State *L, saros_runtime_t *rt);

#endif
