#include "loop/inspect.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "loop/handle.h"

/* The one slot: see inspect.h. `runtime` is what tells whether it is taken. */
static struct {
  saros_runtime_t *volatile runtime;
  pthread_t thread;
  volatile sig_atomic_t asked;
} slot;

static void on_sigusr1(int signum) {
  if (!slot.runtime) return;
  if (!pthread_equal(pthread_self(), slot.thread)) {
    pthread_kill(slot.thread, signum);
    return;
  }
  saros_loop_t *loop = slot.runtime->running;
  if (!loop || loop->closed) return;
  int saved = errno;
  slot.asked = 1;
  uv_async_send(&loop->wakeup.async);
  errno = saved;
}

/* Argument: the loop. */
static int schedule_function(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 1);
  saros__push_slot(L, loop->rt, SAROS_SLOT_INSPECTOR);
  saros__call_soon(L, loop, 1);
  return 0;
}

void saros__inspect_check(saros_loop_t *loop) {
  if (slot.runtime != loop->rt || !slot.asked) return;
  slot.asked = 0;
  saros__loop_protect(loop, schedule_function, loop, "SIGUSR1");
}

/* Whether SIGUSR1's disposition is `handler`. */
static bool is_disposition(void (*handler)(int)) {
  struct sigaction action;
  return sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == handler;
}

static void set_disposition(void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, NULL);
}

void saros__inspect_restore(void) {
  if (slot.runtime && is_disposition(SIG_DFL)) set_disposition(on_sigusr1);
}

void saros__inspect_close(saros_runtime_t *rt) {
  if (slot.runtime != rt) return;
  slot.runtime = NULL;
  if (is_disposition(on_sigusr1)) set_disposition(SIG_DFL);
}

/*** Sets what SIGUSR1 does while a loop runs; private to the launcher.
 * @function set_inspector
 * @local
 * @tparam function fn called as a callback of the loop that runs
 */
static int set_inspector(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__check_callable(L, 1);
  lua_settop(L, 1);
  saros__store_slot(L, rt, SAROS_SLOT_INSPECTOR);
  slot.thread = pthread_self();
  slot.runtime = rt;
  saros__inspect_restore();
  return 0;
}

static const luaL_Reg functions[] = {{"set_inspector", set_inspector}, {NULL, NULL}};

void saros__inspect_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
