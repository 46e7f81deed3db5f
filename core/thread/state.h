/* state.h: the Lua state of a thread.
 *
 * It has Lua's own libraries and `saros.core`, and looks for modules where the state
 * does that the thread was started from. Its coroutine.resume, coroutine.wrap and
 * coroutine.close tell stop.h which coroutine runs.
 *
 * Threads: paths are read in the parent's thread; the rest is for the thread that the
 * state belongs to.
 */
#ifndef SAROS_THREAD_STATE_H
#define SAROS_THREAD_STATE_H

#include "loop/runtime.h"
#include "thread/stop.h"

/* The package.path and package.cpath of a state. */
typedef struct saros_paths {
  char *path, *cpath; /* NULL: the default */
} saros_paths_t;

/* Reads those of L; may be NULL when memory runs out. Does not raise. */
void saros__paths_read(lua_State *L, saros_paths_t *paths);
void saros__paths_free(saros_paths_t *paths);

/* Makes a state for the calling thread, whose work `stop` can stop; NULL when memory runs out. */
lua_State *saros__state_new(const saros_paths_t *paths, saros_stop_t *stop);
void saros__state_close(lua_State *L, saros_stop_t *stop);

#endif
