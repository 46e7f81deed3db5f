#include "thread/blocking.h"

#include <errno.h>
#include <signal.h>
#include <sys/select.h>

#include "loop/errors.h"
#include "loop/interrupt.h"
#include "loop/loop.h"
#include "loop/timers.h"

bool saros__blocking_stopped(lua_State *L, const saros_runtime_t *rt, lua_Hook before) {
  return lua_gethook(L) != before || saros__interrupt_pending(rt);
}

int saros__blocking_end(lua_State *L, saros_runtime_t *rt, lua_Hook before) {
  if (lua_gethook(L) != before) return 0;
  return saros__raise(L, rt, "KeyboardInterrupt", "interrupted"); /* the hook is on the state that resumed L */
}

/* Longer sleeps are made of several. */
#define LONGEST_NS 1000000000000u

/* The signals whose handlers set a hook on the Lua state that runs. */
static void block_signals(sigset_t *before) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGURG);
  pthread_sigmask(SIG_BLOCK, &signals, before);
}

/*** Makes the whole thread sleep, with every task that runs in it: for jobs in other threads. Cancelling the job's
 * future, and Ctrl-C, end it early. Mirrors `time.sleep`.
 * @function blocking_sleep
 * @tparam number seconds zero or less: not at all
 * @raise ValueError for NaN
 */
int saros__blocking_sleep(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  double seconds = saros__check_seconds(L, rt, 1, "seconds");
  uint64_t begin = saros__now_ns();
  uint64_t end = seconds >= 9e9 ? UINT64_MAX : begin + (seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
  lua_Hook hook = lua_gethook(L);
  bool stopped = false;
  sigset_t before;
  /* The signals come while it sleeps and at no other time, so none is missed between the look and the sleep. */
  block_signals(&before);
  for (uint64_t now = begin; now < end; now = saros__now_ns()) {
    stopped = saros__blocking_stopped(L, rt, hook);
    if (stopped) break;
    uint64_t left = end - now < LONGEST_NS ? end - now : LONGEST_NS;
    struct timespec timeout = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    pselect(0, NULL, NULL, NULL, &timeout, &before);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return stopped ? saros__blocking_end(L, rt, hook) : 0;
}
