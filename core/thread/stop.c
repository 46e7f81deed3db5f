#include "thread/stop.h"

#include <errno.h>
#include <string.h>

#include "loop/errors.h"
#include "loop/timers.h"
#include "task/current.h"
#include "task/task.h"

enum { PATIENCE = 10, INSTRUCTIONS = 1000 };

/* How long the tasks of a loop that was left may clean up, in seconds. */
#define GRACE 1.0

/* In the thread's static storage: the handler may run in any thread, and must not be what allocates it. */
#if defined(__ELF__) && defined(__GNUC__)
#define IN_STATIC_STORAGE __attribute__((tls_model("initial-exec")))
#else
#define IN_STATIC_STORAGE
#endif
static _Thread_local saros_stop_t *volatile current IN_STATIC_STORAGE;

saros_stop_t *saros__stop_current(void) {
  return current;
}

static bool is_wanted(const saros_stop_t *stop) {
  return stop && atomic_load_explicit(&((saros_stop_t *)stop)->wanted, memory_order_relaxed);
}

/* ---- in the hook ---- */

static void raise_stop(lua_State *L, lua_Debug *ar) {
  (void)ar;
  saros_stop_t *stop = current;
  if (!is_wanted(stop)) {
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  stop->raised++;
  lua_sethook(L, raise_stop, LUA_MASKCOUNT, stop->raised < PATIENCE ? INSTRUCTIONS : 1);
  saros__push_cancelled(L, stop->rt, 0);
  lua_error(L);
}

/* ---- in the signal handler ---- */

/* The state whose code runs: the coroutine that was resumed last, unless that one runs a loop. */
static lua_State *running_state(const saros_stop_t *stop) {
  saros_loop_t *loop = stop->rt->running;
  if (loop && loop->L == stop->running) return saros__running_state(loop);
  return stop->running;
}

static void on_sigurg(int signum) {
  (void)signum;
  saros_stop_t *stop = current;
  if (!is_wanted(stop) || !stop->running) return;
  int error = errno;
  stop->signalled = true;
  lua_sethook(running_state(stop), raise_stop, LUA_MASKCOUNT, 1);
  saros_loop_t *loop = stop->rt->running;
  if (loop) uv_async_send(&loop->wakeup.async);
  errno = error;
}

static void install_handler(void) {
  struct sigaction previous, action;
  if (sigaction(SIGURG, NULL, &previous) == 0 && previous.sa_handler == on_sigurg) return;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_sigurg;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGURG, &action, NULL);
}

/* ---- a loop that runs in the thread ---- */

static bool must_stop(void) {
  return is_wanted(current);
}

/* Code that waits for something in the loop has not been seen by the hook; and what cleans up next need not be. */
static void hook_all(saros_loop_t *loop) {
  lua_sethook(loop->L, raise_stop, LUA_MASKCOUNT, INSTRUCTIONS);
  for (saros_task_t *task = loop->tasks.first; task; task = task->next) {
    lua_sethook(task->co, raise_stop, LUA_MASKCOUNT, INSTRUCTIONS);
  }
}

static void leave_again(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra);

/* Leaves the loop, which its owner may run again, to let its tasks clean up; but not for long. */
static void leave_loop(lua_State *L, saros_loop_t *loop) {
  current->raised++;
  hook_all(loop);
  saros__timer_reserve(L, loop);
  saros__timer_set(loop, saros__loop_time(L, loop) + GRACE, leave_again, NULL);
  saros__push_cancelled(L, loop->rt, 0);
  lua_error(L);
}

static void leave_again(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra) {
  (void)target;
  (void)extra;
  if (must_stop()) leave_loop(L, loop);
}

/* Argument: the loop. */
static int leave_protected(lua_State *L) {
  leave_loop(L, lua_touserdata(L, 1));
  return 0;
}

static void check_stop(saros_loop_t *loop) {
  saros_stop_t *stop = current;
  if (!is_wanted(stop) || !stop->signalled) return;
  stop->signalled = false;
  saros__loop_protect(loop, leave_protected, loop, "stopped");
}

/* ---- the thread ---- */

void saros__stop_enter(saros_stop_t *stop, lua_State *L, saros_runtime_t *rt) {
  stop->thread = pthread_self();
  stop->rt = rt;
  stop->signalled = false;
  stop->raised = 0;
  atomic_init(&stop->wanted, false);
  rt->must_stop = must_stop;
  rt->check_stop = check_stop;
  stop->running = L;
  install_handler();
  current = stop;
}

void saros__stop_leave(saros_stop_t *stop) {
  stop->running = NULL;
  current = NULL;
}

void saros__stop_clear(saros_stop_t *stop, lua_State *L) {
  stop->signalled = false;
  stop->raised = 0;
  if (lua_gethook(L) == raise_stop) lua_sethook(L, NULL, 0, 0);
}

lua_State *saros__stop_resuming(saros_stop_t *stop, lua_State *co) {
  lua_State *outer = stop->running;
  stop->running = co;
  if (is_wanted(stop)) lua_sethook(co, raise_stop, LUA_MASKCOUNT, INSTRUCTIONS);
  return outer;
}

void saros__stop_resumed(saros_stop_t *stop, lua_State *outer) {
  stop->running = outer;
  if (is_wanted(stop)) lua_sethook(outer, raise_stop, LUA_MASKCOUNT, 1);
}

/* ---- any thread ---- */

void saros__stop_request(saros_stop_t *stop) {
  atomic_store_explicit(&stop->wanted, true, memory_order_relaxed);
  pthread_kill(stop->thread, SIGURG);
}
