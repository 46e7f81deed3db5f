#include "loop/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "loop/errors.h"
#include "loop/handle.h"
#include "loop/signals.h"
#include "task/current.h"

/* The one slot: see interrupt.h. `runtime` is what tells whether it is taken. Loops of other threads look at the first
 * two, to see that the slot is not theirs; the rest is only for the thread that has it. */
static struct {
  saros_runtime_t *_Atomic runtime;
  saros_loop_t *_Atomic loop; /* NULL: a script without a loop */
  lua_State *volatile script;
  pthread_t thread;
  struct sigaction previous;
  volatile sig_atomic_t presses;  /* SIGINTs since the loop began to run */
  volatile sig_atomic_t noticed;  /* how many of them the loop has acted on */
  volatile sig_atomic_t has_function;
  lua_State *volatile hooked;
} slot;

static bool is_main_thread(void) {
#ifdef __linux__
  return syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__)
  return pthread_main_np() != 0;
#else
  return true;
#endif
}

/* ---- in the signal handler, or right after it ---- */

static void unhook(void) {
  lua_State *L = slot.hooked;
  slot.hooked = NULL;
  if (L) lua_sethook(L, NULL, 0, 0);
}

/* Runs at the next instruction of the interrupted Lua code. */
static void raise_interrupt(lua_State *L, lua_Debug *ar) {
  (void)ar;
  unhook();
  lua_sethook(L, NULL, 0, 0);
  if (!slot.runtime) return;
  slot.noticed = slot.presses;
  saros__raise(L, slot.runtime, "KeyboardInterrupt", "interrupted");
}

static void hook_running_code(void) {
  lua_State *L = slot.script;
  if (slot.loop) L = saros__running_state(slot.loop);
  if (!L) return;
  slot.hooked = L;
  lua_sethook(L, raise_interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static bool runs_interruptible(void) {
  const saros_loop_t *loop = slot.loop;
  return loop && loop->interruptible && loop->rt->current == loop->interruptible;
}

static void on_sigint(int signum) {
  if (!slot.runtime) return;
  if (!pthread_equal(pthread_self(), slot.thread)) {
    pthread_kill(slot.thread, signum);
    return;
  }
  slot.presses++;
  if (slot.presses > 1 || !slot.has_function || runs_interruptible()) hook_running_code();
  if (slot.loop) uv_async_send(&slot.loop->wakeup.async);
}

/* ---- on the loop's thread ---- */

/* Argument: the loop. Schedules the function for the first SIGINT. */
static int schedule_function(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 1);
  saros__loop_push(L, loop, SAROS_LOOP_INTERRUPT);
  saros__call_soon(L, loop, 1);
  return 0;
}

static int raise_now(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 1);
  return saros__raise(L, loop->rt, "KeyboardInterrupt", "interrupted");
}

void saros__interrupt_check(saros_loop_t *loop) {
  if (loop->rt->check_stop) loop->rt->check_stop(loop);
  if (slot.loop != loop || slot.noticed == slot.presses) return;
  bool first = slot.noticed == 0 && slot.presses == 1 && slot.has_function;
  slot.noticed = slot.presses;
  unhook();
  saros__loop_protect(loop, first ? schedule_function : raise_now, loop, "SIGINT");
}

bool saros__interrupt_pending(const saros_runtime_t *rt) {
  return slot.runtime == rt && slot.noticed != slot.presses && (slot.presses > 1 || !slot.has_function);
}

static void take(saros_runtime_t *rt, saros_loop_t *loop, lua_State *script) {
  struct sigaction current, action;
  if (!is_main_thread() || slot.runtime || sigaction(SIGINT, NULL, &current) != 0) return;
  if (current.sa_handler == SIG_IGN) return;
  slot.loop = loop;
  slot.script = script;
  slot.thread = pthread_self();
  slot.previous = current;
  slot.presses = slot.noticed = 0;
  slot.hooked = NULL;
  slot.has_function = false;
  if (loop) {
    slot.has_function = !lua_isnil(loop->anchor, SAROS_LOOP_INTERRUPT);
  }
  slot.runtime = rt;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_sigint;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, NULL);
}

static void give_back(void) {
  sigaction(SIGINT, &slot.previous, NULL);
  unhook();
  slot.runtime = NULL;
  slot.loop = NULL;
  slot.script = NULL;
}

void saros__interrupt_enter(saros_loop_t *loop) {
  if (slot.runtime == loop->rt && !slot.loop) give_back(); /* the script has a loop now */
  if (!saros__signal_is_handled(loop, SIGINT)) take(loop->rt, loop, NULL);
}

void saros__interrupt_leave(saros_loop_t *loop) {
  if (slot.runtime && slot.loop == loop) give_back();
}

void saros__interrupt_enter_script(saros_runtime_t *rt, lua_State *L) {
  take(rt, NULL, L);
}

void saros__interrupt_leave_script(saros_runtime_t *rt) {
  if (slot.runtime == rt && !slot.loop) give_back();
}

/*** Sets what the first SIGINT does while the loop runs; private to the Lua layer. The next one is the first.
 * @function set_interrupt_handler
 * @local
 * @tparam EventLoop loop the loop
 * @tparam ?function fn called as a callback of the loop; nil: the first SIGINT raises a KeyboardInterrupt
 * @tparam ?Task task raises one in this task's Lua code, if that is what runs, instead of calling the function
 */
static int set_interrupt_handler(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  lua_settop(L, 3);
  if (!lua_isnil(L, 2)) saros__check_callable(L, 2);
  bool has_function = !lua_isnil(L, 2);
  loop->interruptible = lua_touserdata(L, 3);
  lua_settop(L, 2);
  saros__loop_store(L, loop, SAROS_LOOP_INTERRUPT);
  if (slot.loop == loop) {
    slot.has_function = has_function;
    slot.presses = slot.noticed = 0;
  }
  return 0;
}

static const luaL_Reg functions[] = {{"set_interrupt_handler", set_interrupt_handler}, {NULL, NULL}};

void saros__interrupt_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
