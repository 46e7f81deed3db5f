#include "task/awaitable.h"

#include "loop/errors.h"

/* Lua refuses a C stack of 200 calls; each task in a task takes three, and the program needs some. */
enum { MAX_EAGER_DEPTH = 40 };

static bool has_await(lua_State *L, int index) {
  if (luaL_getmetafield(L, index, "__await") == LUA_TNIL) return false;
  lua_pop(L, 1);
  return true;
}

bool saros__is_awaitable(lua_State *L, int index) {
  return saros__test_future(L, index) || saros__is_callable(L, index) || has_await(L, index);
}

void saros__check_awaitable(lua_State *L, int index) {
  if (!saros__is_awaitable(L, index)) luaL_typeerror(L, index, "awaitable or function");
}

/* ---- awaiting ---- */

static int await_returned(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L);
}

/*** Awaits a future, a task, or an object with `__await`. Mirrors `await`.
 * @function await
 * @tparam awaitable awaitable what to wait for
 * @treturn any ... its results
 * @raise the awaitable's error; CancelledError; RuntimeError where a task cannot suspend
 */
static int task_await(lua_State *L) {
  lua_settop(L, 1);
  if (saros__test_future(L, 1)) return saros__await(L, saros__runtime(L), 1, "await");
  if (luaL_getmetafield(L, 1, "__await") == LUA_TNIL) return luaL_typeerror(L, 1, "awaitable");
  lua_insert(L, 1);
  lua_callk(L, 1, LUA_MULTRET, 0, await_returned);
  return lua_gettop(L);
}

saros_future_t *saros__ensure_future(lua_State *L, saros_runtime_t *rt, int index) {
  saros_future_t *future = saros__test_future(L, index);
  if (future) {
    lua_settop(L, index);
    return future;
  }
  saros_loop_t *loop = saros__need_running(L, rt);
  if (!saros__is_callable(L, index)) { /* an object with __await */
    saros__push_function(L, rt, task_await);
    lua_insert(L, index);
  }
  saros__create_task(L, loop, index);
  return saros__test_future(L, index);
}

/*** Makes a future of an awaitable: futures are returned as they are, functions become tasks.
 * Mirrors `asyncio.ensure_future`.
 * @function ensure_future
 * @tparam awaitable|function x a future, a function, or an object with `__await`
 * @param[opt] ... a function's arguments
 * @treturn Future the future, a task if it had to be made
 */
static int task_ensure_future(lua_State *L) {
  saros__check_awaitable(L, 1);
  saros__ensure_future(L, saros__runtime(L), 1);
  return 1;
}

/*** Tells whether a value is a future or a task. Mirrors `asyncio.isfuture`.
 * @function isfuture
 * @tparam any x any value
 * @treturn boolean
 */
static int task_isfuture(lua_State *L) {
  lua_pushboolean(L, saros__test_future(L, 1) != NULL);
  return 1;
}

/* has_failed(future): whether it has an error, which may be nil. */
static int task_has_failed(lua_State *L) {
  lua_pushboolean(L, saros__check_future(L, 1)->state == SAROS_FAILED);
  return 1;
}

/* ---- tasks ---- */

/*** Runs a function as a task of the running loop. Mirrors `asyncio.create_task`.
 * @function create_task
 * @tparam function fn what to run; it may suspend
 * @param[opt] ... its arguments
 * @treturn Task
 * @raise RuntimeError if no loop is running
 */
static int task_create_task(lua_State *L) {
  saros__check_callable(L, 1);
  saros__create_task(L, saros__need_running(L, saros__runtime(L)), 1);
  return 1;
}

/*** The task that is running; nil in a callback. Mirrors `asyncio.current_task`.
 * @function current_task
 * @treturn ?Task
 * @raise RuntimeError if no loop is running
 */
static int task_current_task(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__need_running(L, rt);
  if (rt->current) {
    saros__push_task(L, rt->current);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

/*** The tasks of a loop that are not done, in order of creation. Mirrors `asyncio.all_tasks`.
 * @function all_tasks
 * @tparam[opt] EventLoop loop the running loop by default
 * @treturn {Task,...}
 */
static int task_all_tasks(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_loop_t *loop = lua_isnoneornil(L, 1) ? saros__need_running(L, rt) : saros__check_loop(L, 1);
  lua_createtable(L, (int)loop->tasks.live, 0);
  lua_Integer n = 0;
  for (saros_task_t *task = loop->tasks.first; task; task = task->next) {
    saros__push_task(L, task);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/*** Runs a function as a task. Mirrors `asyncio.loop.create_task`.
 * @function EventLoop:create_task
 * @tparam function fn what to run; it may suspend
 * @param[opt] ... its arguments
 * @treturn Task
 * @raise RuntimeError if the loop is closed
 */
static int loop_create_task(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros__check_callable(L, 2);
  saros__create_task(L, loop, 2);
  return 1;
}

/*** Sets what makes tasks: `factory(loop, fn, ...)` returns a future. Mirrors
 * `asyncio.loop.set_task_factory`.
 * @function EventLoop:set_task_factory
 * @tparam ?function factory nil: the default
 */
static int loop_set_task_factory(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) saros__check_callable(L, 2);
  loop->has_factory = !lua_isnil(L, 2);
  saros__loop_store(L, loop, SAROS_LOOP_FACTORY);
  return 0;
}

/*** The task factory. Mirrors `asyncio.loop.get_task_factory`.
 * @function EventLoop:get_task_factory
 * @treturn ?function nil: the default
 */
static int loop_get_task_factory(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros__loop_push(L, loop, SAROS_LOOP_FACTORY);
  return 1;
}

/*** A task factory that runs a task's first step at once, inside `create_task`: a function that does not
 * wait is done when it returns. `loop:set_task_factory(saros.eager_task_factory)`. On a loop that does not run,
 * and deep inside tasks that were started this way, the first step is scheduled as usual. Mirrors
 * `asyncio.eager_task_factory` of Python 3.12.
 * @function eager_task_factory
 * @tparam EventLoop loop the running loop
 * @tparam function fn what to run; it may suspend
 * @param[opt] ... its arguments
 * @treturn Task
 * @raise RuntimeError if the loop is closed
 */
static int eager_task_factory(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros_runtime_t *rt = loop->rt;
  saros__check_callable(L, 2);
  if (rt->running != loop || rt->eager_depth >= MAX_EAGER_DEPTH) {
    saros__task_new(L, loop, 2);
    return 1;
  }
  saros_task_t *task = saros__task_new_unscheduled(L, loop, 2);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  rt->eager_depth++;
  saros__task_step(L, loop, task);
  rt->eager_depth--;
  return 1;
}

/* ---- run_until_complete ---- */

static void stop_loop(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra) {
  (void)L;
  (void)extra;
  /* A KeyboardInterrupt leaves the loop by itself. */
  (void)target;
  loop->stopping = true;
}

static int stop_by_callback(lua_State *L) {
  saros__runtime(L)->running->stopping = true;
  return 0;
}

static void wake_runner(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index,
                        void *target) {
  (void)index;
  (void)target;
  if (future->state == SAROS_FAILED) {
    lua_getiuservalue(L, index, SAROS_UV_VALUE);
    bool interrupt = saros__is_error(L, loop->rt, -1, SAROS_SLOT_INTERRUPT);
    lua_pop(L, 1);
    if (interrupt) return;
  }
  if (loop->overrides & SAROS_OVERRIDE_CALL_SOON) {
    saros__push_function(L, loop->rt, stop_by_callback);
    luaL_checkstack(L, 8, NULL);
    saros__push_loop(L, loop);
    lua_getfield(L, -1, "call_soon");
    lua_insert(L, -3);
    lua_insert(L, -2);
    lua_call(L, 2, 0);
    return;
  }
  saros__loop_reserve(L, loop, 1);
  saros_ready_push(&loop->ready, stop_loop, NULL, 0);
}

bool saros__has_runner(const saros_future_t *future) {
  for (uint32_t i = 0; i < future->waiter_count; i++) {
    if ((i == 0 ? &future->first : &future->more[i - 1])->wake == wake_runner) return true;
  }
  return false;
}

static int run_protected(lua_State *L) {
  saros__loop_run(L, saros__check_loop(L, 1), 1, false);
  return 0;
}

/*** Runs the loop until a future is done, and returns its results or raises its error.
 * Mirrors `asyncio.loop.run_until_complete`.
 * @function EventLoop:run_until_complete
 * @tparam awaitable|function x a future, a function, which becomes a task, or an object with `__await`
 * @param[opt] ... a function's arguments
 * @treturn any ... the results
 * @raise the future's error; RuntimeError if the loop is closed or a loop is running, or was stopped before
 * the future was done
 */
static int loop_run_until_complete(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros_runtime_t *rt = loop->rt;
  saros__check_awaitable(L, 2);
  saros__check_not_running(L, loop);
  saros_future_t *future = saros__test_future(L, 2);
  bool is_new = !future;
  if (future) {
    lua_settop(L, 2);
  } else {
    if (!saros__is_callable(L, 2)) {
      saros__push_function(L, rt, task_await);
      lua_insert(L, 2);
    }
    saros__create_task(L, loop, 2);
    future = saros__check_future(L, 2);
  }
  if (future->loop_id != loop->id) {
    return saros__raise(L, rt, "ValueError", "the future belongs to another loop");
  }
  if (saros__future_done(future)) {
    saros__loop_reserve(L, loop, 1);
    wake_runner(L, loop, future, 2, NULL);
  } else {
    saros__future_add_waiter(L, 2, future, wake_runner, NULL);
  }
  lua_pushcfunction(L, run_protected);
  lua_pushvalue(L, 1);
  int status = lua_pcall(L, 1, 0, 0);
  saros__future_remove_waiter(future, wake_runner, NULL);
  if (status != LUA_OK) {
    if (is_new && future->state == SAROS_FAILED) saros__future_silence(future);
    return lua_error(L);
  }
  if (!saros__future_done(future)) {
    return saros__raise(L, rt, "RuntimeError", "Event loop stopped before Future completed.");
  }
  return saros__future_push_results(L, 2, future);
}

/* source_traceback(future) -> where it was created, nil if debug mode was off; for the Lua layer */
static int source_traceback(lua_State *L) {
  saros__future_extra(L, 1, saros__check_future(L, 1), "source_traceback");
  return 1;
}

static const luaL_Reg functions[] = {{"create_task", task_create_task},
                                     {"current_task", task_current_task},
                                     {"all_tasks", task_all_tasks},
                                     {"await", task_await},
                                     {"isfuture", task_isfuture},
                                     {"has_failed", task_has_failed},
                                     {"ensure_future", task_ensure_future},
                                     {"eager_task_factory", eager_task_factory},
                                     {"source_traceback", source_traceback},
                                     {NULL, NULL}};

static const luaL_Reg methods[] = {{"create_task", loop_create_task},
                                   {"set_task_factory", loop_set_task_factory},
                                   {"get_task_factory", loop_get_task_factory},
                                   {"run_until_complete", loop_run_until_complete},
                                   {NULL, NULL}};

void saros__awaitable_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}

void saros__awaitable_loop_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, methods);
}
