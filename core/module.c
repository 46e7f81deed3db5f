/* module.c: `require "saros.core"`, the core as one Lua module. Private: programs use `saros`. */
#include <lauxlib.h>
#include <lua.h>
#include <uv.h>

#include "io/file_lock.h"
#include "io/io.h"
#include "io/notify.h"
#include "io/readline.h"
#include "io/terminal.h"
#include "loop/class.h"
#include "loop/clock.h"
#include "loop/context.h"
#include "loop/errors.h"
#include "loop/handle.h"
#include "loop/inspect.h"
#include "loop/interrupt.h"
#include "loop/limit.h"
#include "loop/loop.h"
#include "loop/runtime.h"
#include "loop/signals.h"
#include "loop/timers.h"
#include "loop/watcher.h"
#include "task/awaitable.h"
#include "task/context.h"
#include "task/gather.h"
#include "task/generator.h"
#include "task/group.h"
#include "task/inspect.h"
#include "task/script.h"
#include "task/sleep.h"
#include "task/task.h"
#include "task/wait_queue.h"
#include "thread/api.h"
#include "thread/calls.h"
#include "thread/channel.h"
#include "thread/executor.h"
#include "thread/serve.h"
#include "thread/sleeper.h"
#include "thread/thread.h"
#include "thread/threadsafe_task.h"
#include "thread/transfer.h"

#if defined(__GNUC__)
#define SAROS_EXPORT __attribute__((visibility("default")))
#else
#define SAROS_EXPORT
#endif

#if defined(__linux__)
#define POLL_BACKEND "epoll"
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)
#define POLL_BACKEND "kqueue"
#else
#define POLL_BACKEND "poll"
#endif

/*** The running loop. Mirrors `asyncio.get_running_loop`.
 * @function get_running_loop
 * @treturn EventLoop
 * @raise RuntimeError if none runs
 */
static int get_running_loop(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  if (!rt->running) return saros__raise(L, rt, "RuntimeError", "no running event loop");
  saros__push_slot(L, rt, SAROS_SLOT_LOOP);
  return 1;
}

/* The running loop, or nil. */
static int running_loop_or_nil(lua_State *L) {
  saros__push_slot(L, saros__runtime(L), SAROS_SLOT_LOOP);
  return 1;
}

/*** The monotonic clock, which `loop:time()` reads. Mirrors `time.monotonic`.
 * @function monotonic
 * @treturn number seconds
 */
static int monotonic(lua_State *L) {
  lua_pushnumber(L, saros__now());
  return 1;
}

/*** How many processors the machine has. Mirrors `os.cpu_count`.
 * @function cpu_count
 * @treturn integer
 */
static int cpu_count(lua_State *L) {
  uv_cpu_info_t *cpus;
  int count = 1;
  if (uv_cpu_info(&cpus, &count) == 0) uv_free_cpu_info(cpus, count);
  lua_pushinteger(L, count);
  return 1;
}

/*** The name of this machine in its network; private.
 * @function host_name
 * @local
 * @treturn string
 */
static int host_name(lua_State *L) {
  char name[UV_MAXHOSTNAMESIZE];
  size_t size = sizeof name;
  int code = uv_os_gethostname(name, &size);
  if (code < 0) return saros__raise_os_error(L, saros__runtime(L), code, "the name of the host");
  lua_pushlstring(L, name, size);
  return 1;
}

/*** The number of this process; private.
 * @function process_id
 * @local
 * @treturn integer
 */
static int process_id(lua_State *L) {
  lua_pushinteger(L, uv_os_getpid());
  return 1;
}

/*** The path of the program that runs in this process; private.
 * @function program_path
 * @local
 * @treturn ?string nil if the system does not tell
 */
static int program_path(lua_State *L) {
  char path[4096];
  size_t size = sizeof path;
  if (uv_exepath(path, &size) != 0) return 0;
  lua_pushlstring(L, path, size);
  return 1;
}

static const luaL_Reg functions[] = {{"get_running_loop", get_running_loop},
                                     {"running_loop_or_nil", running_loop_or_nil},
                                     {"is_error", saros__errors_is_error},
                                     {"monotonic", monotonic},
                                     {"cpu_count", cpu_count},
                                     {"host_name", host_name},
                                     {"process_id", process_id},
                                     {"program_path", program_path},
                                     {NULL, NULL}};

/*** Schedules a callback for the next iteration of the loop, from this thread or any other. Thread-safe
 * callables that are still to run do not keep `run` going. Mirrors `asyncio.loop.call_soon_threadsafe`.
 * @function EventLoop:call_soon_threadsafe
 * @tparam function fn what to call
 * @param[opt] ... its arguments
 * @treturn Handle a handle with `cancel()` and `cancelled()`
 * @raise RuntimeError if the loop is closed
 */

/* Makes the class EventLoop with the methods of all layers. */
static void open_loop_class(lua_State *L, saros_runtime_t *rt) {
  lua_newtable(L);
  saros__loop_methods(L, rt);
  saros__iteration_methods(L, rt);
  saros__handle_methods(L, rt);
  saros__timers_methods(L, rt);
  saros__signals_methods(L, rt);
  saros__watcher_methods(L, rt);
  saros__future_loop_methods(L, rt);
  saros__awaitable_loop_methods(L, rt);
  saros__calls_loop_methods(L, rt);
  saros__default_executor_methods(L, rt);
  /* On this thread and on any other, the loop's own thread keeps its FIFO place. */
  lua_getfield(L, -1, "call_soon");
  lua_setfield(L, -2, "call_soon_threadsafe");
  saros__class_open(L, rt);
}

SAROS_EXPORT int luaopen_saros_core(lua_State *L) {
  luaL_checkversion(L);
  saros_runtime_t *rt = saros__runtime_open(L);
  lua_newtable(L);
  saros__set_functions(L, rt, functions);
  saros__errors_open(L, rt);
  lua_setfield(L, -2, "errors");
  saros__context_open(L, rt);
  saros__handle_open(L, rt);
  saros__timers_open(L, rt);
  saros__future_open(L, rt);
  saros__task_open(L, rt);
  saros__signals_open(L, rt);
  saros__watcher_open(L, rt);
  saros__interrupt_open(L, rt);
  saros__clock_open(L, rt);
  saros__limit_open(L, rt);
  saros__inspect_open(L, rt);
  saros__awaitable_functions(L, rt);
  saros__sleep_functions(L, rt);
  saros__context_functions(L, rt);
  saros__gather_functions(L, rt);
  saros__generator_functions(L, rt);
  saros__group_functions(L, rt);
  saros__wait_queue_functions(L, rt);
  saros__inspect_functions(L, rt);
  saros__script_functions(L, rt);
  saros__transfer_open(L, rt);
  saros__calls_open(L, rt);
  saros__sleeper_open(L, rt);
  saros__channel_open(L, rt);
  saros__threadsafe_task_open(L, rt);
  saros__thread_open(L, rt);
  saros__api_open(L);
  saros__executor_open(L, rt);
  saros__serve_open(L, rt);
  saros__default_executor_open(L, rt);
  saros__io_open(L, rt);
  saros__notify_functions(L, rt);
  saros__file_lock_functions(L, rt);
  saros__terminal_functions(L, rt);
  saros__readline_functions(L, rt);
  open_loop_class(L, rt);
  lua_setfield(L, -2, "EventLoop");
  lua_pushstring(L, uv_version_string());
  lua_setfield(L, -2, "uv_version");
  lua_pushliteral(L, POLL_BACKEND);
  lua_setfield(L, -2, "poll_backend");
  return 1;
}
