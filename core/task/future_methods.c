#include "loop/context.h"
#include "loop/errors.h"
#include "loop/handle.h"
#include "task/future.h"
#include "task/report.h"
#include "task/task.h"

static const char *const state_names[] = {"pending", "cancelled", "finished", "failed"};

static int refuse_if_done(lua_State *L, saros_future_t *future) {
  if (!saros__future_done(future)) return 0;
  return saros__raise(L, future->loop->rt, "InvalidStateError", "invalid state: the future is %s",
                      future->state == SAROS_CANCELLED ? "cancelled" : "done already");
}

/* The results of a task are its body's alone. */
static int refuse_task(lua_State *L, saros_future_t *future, const char *operation) {
  if (future->marker != SAROS_MARKER_TASK) return 0;
  return saros__raise(L, future->loop->rt, "RuntimeError", "Task does not support %s", operation);
}

/*** What will have results or an error: `saros.gather` and `loop:create_future` return one, a `Task` is one.
 * Mirrors `asyncio.Future`.
 * @type Future
 */

/*** Suspends the calling task until the future is done; returns its results, or raises its error.
 * Mirrors `await future`.
 * @function Future:await
 * @treturn any ... the results
 * @raise the future's error; CancelledError; RuntimeError where a task cannot suspend
 */
static int future_await(lua_State *L) {
  saros__check_future(L, 1);
  lua_settop(L, 1);
  return saros__await(L, saros__runtime(L), 1, "await");
}

/*** Tells whether the future is done: has results or an error, or was cancelled.
 * Mirrors `asyncio.Future.done`.
 * @function Future:done
 * @treturn boolean
 */
static int future_done(lua_State *L) {
  lua_pushboolean(L, saros__future_done(saros__check_future(L, 1)));
  return 1;
}

/*** Tells whether the future was cancelled. Mirrors `asyncio.Future.cancelled`.
 * @function Future:cancelled
 * @treturn boolean
 */
static int future_cancelled(lua_State *L) {
  lua_pushboolean(L, saros__check_future(L, 1)->state == SAROS_CANCELLED);
  return 1;
}

/*** The results of a future that is done. Mirrors `asyncio.Future.result`.
 * @function Future:result
 * @treturn any ... the results
 * @raise the future's error; CancelledError; InvalidStateError if it is not done
 */
static int future_result(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  if (!saros__future_done(future)) {
    return saros__raise(L, future->loop->rt, "InvalidStateError", "Result is not set.");
  }
  return saros__future_push_results(L, 1, future);
}

/*** The error of a future that is done, or nil. Mirrors `asyncio.Future.exception`.
 * @function Future:exception
 * @treturn any the error, nil if it has results
 * @raise CancelledError; InvalidStateError if it is not done
 */
static int future_exception(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  if (!saros__future_done(future)) {
    return saros__raise(L, future->loop->rt, "InvalidStateError", "Exception is not set.");
  }
  if (future->state == SAROS_RESULT) return lua_pushnil(L), 1;
  saros__future_push_error(L, 1, future);
  return future->state == SAROS_CANCELLED ? lua_error(L) : 1;
}

/*** Completes the future. Mirrors `asyncio.Future.set_result`.
 * @function Future:set_result
 * @param[opt] ... the results, any number of values
 * @raise InvalidStateError if it is done; RuntimeError for a task
 */
static int future_set_result(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  refuse_task(L, future, "set_result");
  refuse_if_done(L, future);
  saros__future_set_results(L, 1, future, lua_gettop(L) - 1);
  return 0;
}

/*** Completes the future with an error. Mirrors `asyncio.Future.set_exception`.
 * @function Future:set_exception
 * @tparam any err any value; an error kind stands for a new object of it
 * @raise InvalidStateError if it is done; RuntimeError for a task
 */
static int future_set_exception(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  refuse_task(L, future, "set_exception");
  luaL_checkany(L, 2);
  refuse_if_done(L, future);
  lua_settop(L, 2);
  saros__instantiate_kind(L, 2);
  saros__future_set_error(L, 1, future);
  return 0;
}

/*** Schedules a function to be called with the future when it is done; at once if it is.
 * Mirrors `asyncio.Future.add_done_callback`.
 * @function Future:add_done_callback
 * @tparam function fn called as `fn(future)`
 */
static int future_add_done_callback(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  saros__check_callable(L, 2);
  lua_settop(L, 2);
  saros__context_bind(L, saros__runtime(L), 2);
  saros_loop_t *loop = saros__future_loop(future);
  if (saros__future_done(future)) {
    if (!loop || loop->closed) return saros__raise(L, saros__runtime(L), "RuntimeError", "Event loop is closed");
    lua_pushvalue(L, 1);
    saros__schedule_call(L, loop, 2);
    return 0;
  }
  saros__future_extras(L, 1, future);
  lua_pushvalue(L, 2);
  lua_Integer key = (lua_Integer)future->last_callback + 1;
  lua_rawseti(L, 3, key);
  saros__future_add_waiter(L, 1, future, saros__wake_callback, (void *)(uintptr_t)key);
  future->last_callback = (uint32_t)key;
  return 0;
}

/*** Removes a callback. Mirrors `asyncio.Future.remove_done_callback`.
 * @function Future:remove_done_callback
 * @tparam function fn the function
 * @treturn integer how many times it was there
 */
static int future_remove_done_callback(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  lua_Integer removed = 0;
  if (future->has_extras) {
    saros__future_extras(L, 1, future);
    for (lua_Integer key = 1; key <= future->last_callback; key++) {
      lua_rawgeti(L, 3, key);
      saros__context_unbind(L, -1);
      if (lua_rawequal(L, 2, -1)) {
        removed += saros__future_remove_waiter(future, saros__wake_callback, (void *)(uintptr_t)key);
        lua_pushnil(L);
        lua_rawseti(L, 3, key);
      }
      lua_settop(L, 3);
    }
    if (future->waiter_count == 0) future->last_callback = 0; /* no key is in use */
  }
  lua_pushinteger(L, removed);
  return 1;
}

/*** Cancels the future: what awaits it gets a CancelledError. A task is asked to end: it gets a
 * CancelledError where it waits. Mirrors `asyncio.Future.cancel`.
 * @function Future:cancel
 * @tparam[opt] any msg the CancelledError's message
 * @treturn boolean false if it is done already
 */
static int future_cancel(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  lua_settop(L, 2);
  lua_pushboolean(L, saros__future_cancel(L, 1, future, lua_isnil(L, 2) ? 0 : 2));
  return 1;
}

/*** The loop that the future belongs to. Mirrors `asyncio.Future.get_loop`.
 * @function Future:get_loop
 * @treturn ?EventLoop nil if it was collected
 */
static int future_get_loop(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  if (saros__future_loop(future)) {
    saros__push_loop(L, future->loop);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

static int future_tostring(lua_State *L) {
  saros_future_t *future = saros__check_future(L, 1);
  lua_pushfstring(L, "Future: %p %s", (void *)future, state_names[future->state]);
  return 1;
}

/*** Makes a future of this loop. Mirrors `asyncio.loop.create_future`.
 * @function EventLoop:create_future
 * @treturn Future
 * @raise RuntimeError if the loop is closed
 */
static int loop_create_future(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros__future_new(L, loop);
  return 1;
}

static const luaL_Reg methods[] = {{"await", future_await},
                                   {"done", future_done},
                                   {"cancelled", future_cancelled},
                                   {"result", future_result},
                                   {"exception", future_exception},
                                   {"set_result", future_set_result},
                                   {"set_exception", future_set_exception},
                                   {"add_done_callback", future_add_done_callback},
                                   {"remove_done_callback", future_remove_done_callback},
                                   {"cancel", future_cancel},
                                   {"get_loop", future_get_loop},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", future_tostring}, {NULL, NULL}};

static const luaL_Reg loop_functions[] = {{"create_future", loop_create_future}, {NULL, NULL}};

void saros__future_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, methods);
}

void saros__future_loop_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, loop_functions);
}

void saros__future_open(lua_State *L, saros_runtime_t *rt) {
  saros__new_class(L, rt, "Future", methods, metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_FUTURE);
  saros__report_open(L, rt);
}
