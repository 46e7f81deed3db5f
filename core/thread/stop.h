/* stop.h: stopping the Lua code that runs in a thread of ours, from another thread.
 *
 * The request sends SIGURG to the thread. The handler, in that thread, sets a hook
 * on the Lua state that runs there; no other thread may do so. The hook raises a
 * CancelledError at the next instruction, then every thousand instructions, so that
 * `<close>` scopes can run; after ten times at every instruction, which ends code
 * that catches all errors in a loop. A loop that runs there is woken, and left with
 * a CancelledError too: saros.run then cancels its tasks and awaits them, for a
 * second at most. Not stopped are C functions, finalizers and hooks.
 *
 * The handler finds its thread by a slot of that thread's own. Which coroutine runs
 * is known because the state's coroutine.resume, coroutine.wrap and coroutine.close
 * say so; see state.h.
 *
 * What is to be stopped may have ended when the signal comes: the handler and the
 * hook both look at `wanted`, which saros__stop_done takes back. A hook that was
 * left on some coroutine then removes itself.
 *
 * Threads: requests are for any, as long as the thread lives and what it runs is
 * what is to be stopped: the caller's lock makes sure of both. The rest is for the
 * thread itself.
 */
#ifndef SAROS_THREAD_STOP_H
#define SAROS_THREAD_STOP_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "loop/loop.h"

typedef struct saros_stop {
  pthread_t thread;
  saros_runtime_t *rt;
  lua_State *volatile running; /* the state, or the coroutine that its code resumed last; NULL: no Lua code */
  volatile sig_atomic_t signalled; /* the handler has set a hook, and no loop has seen it */
  atomic_bool wanted;
  int raised; /* how often since it was wanted */
} saros_stop_t;

/* Takes the thread's slot for the state L, and gives it back. */
void saros__stop_enter(saros_stop_t *stop, lua_State *L, saros_runtime_t *rt);
void saros__stop_leave(saros_stop_t *stop);

/* Of the calling thread; NULL if its work cannot be stopped. */
saros_stop_t *saros__stop_current(void);

/* The work of the thread has to stop. */
void saros__stop_request(saros_stop_t *stop);

/* What was to be stopped has ended. Under the lock of those who make requests. */
static inline void saros__stop_done(saros_stop_t *stop) {
  atomic_store_explicit(&stop->wanted, false, memory_order_relaxed);
}
/* After that, before something else runs in the state L. */
void saros__stop_clear(saros_stop_t *stop, lua_State *L);

/* Code in L is about to resume `co`: returns what ran until now, for the call afterwards. */
lua_State *saros__stop_resuming(saros_stop_t *stop, lua_State *co);
void saros__stop_resumed(saros_stop_t *stop, lua_State *outer);

#endif
