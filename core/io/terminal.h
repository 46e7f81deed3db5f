/* terminal.h: reading lines from a terminal without waiting for them, for the REPL.
 *
 * A terminal in its usual mode hands over whole lines. Watching it is the loop's
 * part (add_reader); what is here reads what has come and never blocks.
 *
 * Threads: any, but one at a time.
 */
#ifndef SAROS_IO_TERMINAL_H
#define SAROS_IO_TERMINAL_H

#include "loop/runtime.h"

/* Whether standard input has something to read, or has ended. */
bool saros__terminal_has_input(void);

/* Adds is_terminal and read_terminal to the module table on top. */
void saros__terminal_functions(lua_State *L, saros_runtime_t *rt);

#endif
