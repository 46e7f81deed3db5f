/* api.h: the core's side of the installed header, include/saros.h.
 *
 * Threads: as that header says.
 */
#ifndef SAROS_THREAD_API_H
#define SAROS_THREAD_API_H

#include "loop/runtime.h"

/* Puts the table of functions into the registry. */
void saros__api_open(lua_State *L);

#endif
