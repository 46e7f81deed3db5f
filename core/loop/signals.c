#include "loop/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "loop/context.h"
#include "loop/errors.h"
#include "loop/handle.h"
#include "loop/inspect.h"
#include "loop/interrupt.h"

typedef struct saros_signal {
  uv_signal_t handle; /* first: freed through it */
  saros_loop_t *loop;
  struct saros_signal *next;
  int signum;
} saros_signal_t;

/* ---- names and numbers ---- */

static const struct {
  const char *name;
  int number;
} names[] = {
    {"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},       {"SIGQUIT", SIGQUIT}, {"SIGILL", SIGILL},
    {"SIGTRAP", SIGTRAP}, {"SIGABRT", SIGABRT},     {"SIGBUS", SIGBUS},   {"SIGFPE", SIGFPE},
    {"SIGKILL", SIGKILL}, {"SIGUSR1", SIGUSR1},     {"SIGSEGV", SIGSEGV}, {"SIGUSR2", SIGUSR2},
    {"SIGPIPE", SIGPIPE}, {"SIGALRM", SIGALRM},     {"SIGTERM", SIGTERM}, {"SIGCHLD", SIGCHLD},
    {"SIGCONT", SIGCONT}, {"SIGSTOP", SIGSTOP},     {"SIGTSTP", SIGTSTP}, {"SIGTTIN", SIGTTIN},
    {"SIGTTOU", SIGTTOU}, {"SIGURG", SIGURG},       {"SIGXCPU", SIGXCPU}, {"SIGXFSZ", SIGXFSZ},
    {"SIGPROF", SIGPROF}, {"SIGWINCH", SIGWINCH},   {"SIGIO", SIGIO},     {"SIGSYS", SIGSYS},
    {"SIGVTALRM", SIGVTALRM},
#ifdef SIGSTKFLT
    {"SIGSTKFLT", SIGSTKFLT},
#endif
#ifdef SIGPWR
    {"SIGPWR", SIGPWR},
#endif
};

static int signal_by_name(const char *name) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(names[i].name, name) == 0) return names[i].number;
  }
  return 0;
}

int saros__check_signal(lua_State *L, saros_runtime_t *rt, int index) {
  if (lua_type(L, index) == LUA_TSTRING) {
    const char *name = lua_tostring(L, index);
    int number = signal_by_name(name);
    if (number == 0) {
      saros__raise(L, rt, "ValueError", "unknown signal '%s': a name like 'SIGTERM' is expected", name);
    }
    return number;
  }
  if (lua_type(L, index) != LUA_TNUMBER) return luaL_typeerror(L, index, "signal number or name");
  lua_Integer number = luaL_checkinteger(L, index);
  if (number < 1 || number >= NSIG) {
    saros__raise(L, rt, "ValueError", "invalid signal number %I: 1 to %d is allowed",
                 (LUAI_UACINT)number, NSIG - 1);
  }
  return (int)number;
}

/* ---- handlers ---- */

static saros_signal_t **find(saros_loop_t *loop, int signum) {
  saros_signal_t **link = &loop->signals;
  while (*link && (*link)->signum != signum) link = &(*link)->next;
  return link;
}

bool saros__signal_is_handled(const saros_loop_t *loop, int signum) {
  return *find((saros_loop_t *)loop, signum) != NULL;
}

/* Argument: the handler. Schedules its function. */
static int schedule(lua_State *L) {
  saros_signal_t *handler = lua_touserdata(L, 1);
  saros_loop_t *loop = handler->loop;
  saros__loop_anchored(L, loop, handler);
  int n = saros__unpack_call(L, -1);
  saros__schedule_call(L, loop, n);
  return 0;
}

static void on_signal(uv_signal_t *handle, int signum) {
  (void)signum;
  saros_signal_t *handler = (saros_signal_t *)handle;
  saros__loop_protect(handler->loop, schedule, handler, "Exception in a signal handler");
}

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

/* Takes the handler that `link` points to out of the list and closes it. */
static void remove_handler(saros_signal_t **link) {
  saros_signal_t *handler = *link;
  *link = handler->next;
  uv_close((uv_handle_t *)&handler->handle, on_closed);
  if (handler->signum == SIGPIPE) saros__signals_tame_pipe();
  if (handler->signum == SIGUSR1) saros__inspect_restore();
}

void saros__signals_close(saros_loop_t *loop) {
  while (loop->signals) remove_handler(&loop->signals);
}

static void do_nothing(int signum) {
  (void)signum;
}

void saros__signals_tame_pipe(void) {
  struct sigaction action;
  if (sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_DFL) return;
  memset(&action, 0, sizeof action);
  action.sa_handler = do_nothing;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGPIPE, &action, NULL);
}

/* Starts a new handler whose function and arguments are in the table on top; pops it. */
static int start_handler(lua_State *L, saros_loop_t *loop, int signum) {
  saros_signal_t *handler = malloc(sizeof *handler);
  if (!handler) return UV_ENOMEM;
  int code = uv_signal_init(&loop->uv, &handler->handle);
  if (code < 0) {
    free(handler);
    return code;
  }
  handler->loop = loop;
  handler->signum = signum;
  handler->next = loop->signals;
  loop->signals = handler;
  if (signum == SIGINT) saros__interrupt_leave(loop);
  code = uv_signal_start(&handler->handle, on_signal, signum);
  if (code < 0) {
    remove_handler(&loop->signals);
    return code;
  }
  saros__loop_anchor(L, loop, handler);
  return 0;
}

/*** Calls a function on the loop whenever the process gets a signal; a second call replaces the first.
 * Mirrors `asyncio.loop.add_signal_handler`.
 * @function EventLoop:add_signal_handler
 * @tparam integer|string signum a signal's number or name
 * @tparam function fn what to call
 * @param[opt] ... its arguments
 * @raise ValueError for an unknown signal; RuntimeError for one that cannot be caught
 */
static int loop_add_signal_handler(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  int signum = saros__check_signal(L, loop->rt, 2);
  saros__check_callable(L, 3);
  if (signum == SIGKILL || signum == SIGSTOP) {
    return saros__raise(L, loop->rt, "RuntimeError", "signal %d cannot be caught", signum);
  }
  saros__context_bind(L, loop->rt, 3);
  saros__pack_call(L, 3);
  saros_signal_t *handler = *find(loop, signum);
  if (handler) {
    saros__loop_anchor(L, loop, handler);
    return 0;
  }
  int code = start_handler(L, loop, signum);
  if (code == UV_EINVAL) {
    return saros__raise(L, loop->rt, "RuntimeError", "signal %d cannot be caught", signum);
  }
  if (code < 0) return saros__raise_os_error(L, loop->rt, code, "add_signal_handler");
  return 0;
}

/*** Removes the handler of a signal. Mirrors `asyncio.loop.remove_signal_handler`.
 * @function EventLoop:remove_signal_handler
 * @tparam integer|string signum a signal's number or name
 * @treturn boolean whether there was one
 * @raise ValueError for an unknown signal
 */
static int loop_remove_signal_handler(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  int signum = saros__check_signal(L, loop->rt, 2);
  saros_signal_t **link = find(loop, signum);
  lua_pushboolean(L, *link != NULL);
  if (*link) {
    saros__loop_release(L, loop, *link);
    remove_handler(link);
    if (signum == SIGINT && loop->running) saros__interrupt_enter(loop);
  }
  return 1;
}

static const luaL_Reg methods[] = {{"add_signal_handler", loop_add_signal_handler},
                                   {"remove_signal_handler", loop_remove_signal_handler},
                                   {NULL, NULL}};

void saros__signals_open(lua_State *L, saros_runtime_t *rt) {
  (void)rt;
  lua_newtable(L);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lua_pushinteger(L, names[i].number);
    lua_setfield(L, -2, names[i].name);
  }
  lua_setfield(L, -2, "signals");
  saros__signals_tame_pipe();
}

void saros__signals_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, methods);
}
