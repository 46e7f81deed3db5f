/* default_executor.c: the executor that a loop has of its own, made when it is first needed. */
#include "loop/errors.h"
#include "task/task.h"
#include "thread/blocking.h"
#include "thread/executor.h"

/* Pushes the loop's default executor. */
static void push_default(lua_State *L, saros_loop_t *loop) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  saros__loop_push(L, loop, SAROS_LOOP_EXECUTOR);
  if (lua_isboolean(L, -1)) saros__raise(L, loop->rt, "RuntimeError", "Executor shutdown has been called");
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  saros__executor_push_default(L, loop->rt);
  lua_pushvalue(L, -1);
  saros__loop_store(L, loop, SAROS_LOOP_EXECUTOR);
}

/* Submits the function at `first` and the arguments above it to the executor below, and puts what that returns in
 * their place, the executor's included. */
static void submit(lua_State *L, saros_loop_t *loop, int executor) {
  if (saros__executor_test(L, executor)) {
    saros__executor_submit(L, loop, executor, executor + 1);
    lua_replace(L, executor);
    return;
  }
  luaL_checkstack(L, 4, NULL);
  lua_getfield(L, executor, "submit");
  lua_insert(L, executor);
  lua_call(L, lua_gettop(L) - executor, 1);
}

/* Raises `bad argument` unless the value at `index` has a method of this name. */
static void check_executor(lua_State *L, int index) {
  if (saros__executor_test(L, index)) return;
  bool is_object = lua_istable(L, index) || lua_isuserdata(L, index);
  if (!is_object || lua_getfield(L, index, "submit") == LUA_TNIL) luaL_typeerror(L, index, "executor");
  lua_pop(L, 1);
}

/*** Runs a function in a worker of an executor. Mirrors `asyncio.loop.run_in_executor`.
 * @function EventLoop:run_in_executor
 * @tparam ?ThreadPoolExecutor executor an executor; nil for the loop's default one, which has at most 32 threads, or 4
 * more than there are processors
 * @tparam function fn what to call there
 * @param[opt] ... its arguments
 * @treturn Future a future of all its results
 * @raise RuntimeError if the executor was shut down, or the loop closed; BrokenExecutor
 */
static int loop_run_in_executor(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  if (lua_isnoneornil(L, 2)) {
    saros__check_callable(L, 3);
    push_default(L, loop);
    lua_replace(L, 2);
  } else {
    check_executor(L, 2);
    saros__check_callable(L, 3);
  }
  submit(L, loop, 2);
  return 1;
}

/*** Sets the executor that is used where none is given. Closing the loop shuts it down. Mirrors
 * `asyncio.loop.set_default_executor`.
 * @function EventLoop:set_default_executor
 * @tparam ThreadPoolExecutor executor what has a method `submit`; its method `shutdown` is called if there is one
 * @raise RuntimeError if the loop is closed; `bad argument` for what is no executor
 */
static int loop_set_default_executor(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  check_executor(L, 2);
  lua_settop(L, 2);
  saros__loop_store(L, loop, SAROS_LOOP_EXECUTOR);
  return 0;
}

static int shut_down(lua_State *L, int status, lua_KContext context) {
  (void)L;
  (void)status;
  (void)context;
  return 0;
}

/*** Shuts the default executor down and waits for its threads, if there is one; it cannot be used afterwards.
 * `saros.run` does so at its end. Mirrors `asyncio.loop.shutdown_default_executor`.
 * @function EventLoop:shutdown_default_executor
 */
static int loop_shutdown_default_executor(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  lua_settop(L, 1);
  saros__loop_push(L, loop, SAROS_LOOP_EXECUTOR);
  lua_pushboolean(L, 0);
  saros__loop_store(L, loop, SAROS_LOOP_EXECUTOR);
  if (!lua_toboolean(L, 2)) return 0;
  if (saros__executor_test(L, 2)) return saros__executor_shutdown(L, loop->rt, 2, true, false);
  if (lua_getfield(L, 2, "shutdown") == LUA_TNIL) return 0;
  lua_pushvalue(L, 2);
  lua_callk(L, 1, 0, 0, shut_down);
  return 0;
}

/*** Runs a function in a thread of the loop's default executor, and suspends the calling task until it is done.
 * Cancelling the task stops the function's Lua code. Mirrors `asyncio.to_thread`.
 * @function to_thread
 * @tparam function fn what to call there, with copies of its upvalues
 * @param[opt] ... its arguments
 * @treturn any ... all its results
 * @raise its own error; TransferError for what cannot be transferred; RuntimeError outside a task
 */
static int to_thread(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__check_callable(L, 1);
  saros__task_suspendable(L, rt, "to_thread");
  push_default(L, rt->running);
  lua_insert(L, 1);
  submit(L, rt->running, 1);
  if (!saros__test_future(L, 1)) {
    return luaL_error(L, "the executor's submit gave no Future, but a %s", luaL_typename(L, 1));
  }
  return saros__await(L, rt, 1, "to_thread");
}

static const luaL_Reg methods[] = {{"run_in_executor", loop_run_in_executor},
                                   {"set_default_executor", loop_set_default_executor},
                                   {"shutdown_default_executor", loop_shutdown_default_executor},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"to_thread", to_thread}, {"blocking_sleep", saros__blocking_sleep}, {NULL, NULL}};

void saros__default_executor_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, methods);
}

void saros__default_executor_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
