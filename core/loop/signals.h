/* signals.h: add_signal_handler, and names and numbers of signals.
 *
 * A handler is a uv_signal_t that schedules a callback on the loop. libuv sets a
 * signal's disposition back to the default when its last handle stops; what the
 * core itself wants for SIGINT, SIGPIPE and SIGUSR1 is put back then.
 *
 * Ownership: each handle is allocated on its own, is in the loop's list, and is
 * freed in its close callback; its function and arguments are anchored on the loop.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_SIGNALS_H
#define SAROS_LOOP_SIGNALS_H

#include "loop/loop.h"

/* Reads a signal, a number or a name; raises a ValueError if there is none such. */
int saros__check_signal(lua_State *L, saros_runtime_t *rt, int index);

/* True if the loop has a handler for this signal. */
bool saros__signal_is_handled(const saros_loop_t *loop, int signum);

/* Closes all handlers; the loop is being torn down. */
void saros__signals_close(saros_loop_t *loop);

/* Gives SIGPIPE a handler that does nothing, unless the program has one: a broken connection is an
 * error, not the end of the process. Ignoring it would be inherited by child processes. */
void saros__signals_tame_pipe(void);

/* Adds the table `signals` (name -> number) to the module table on top. */
void saros__signals_open(lua_State *L, saros_runtime_t *rt);
void saros__signals_methods(lua_State *L, saros_runtime_t *rt);

#endif
