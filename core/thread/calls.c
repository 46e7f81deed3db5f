#include "thread/calls.h"

#include <stdlib.h>

#include "loop/context.h"
#include "loop/errors.h"
#include "loop/handle.h"
#include "thread/slots.h"
#include "thread/transfer.h"

typedef struct saros_callable {
  saros_shared_t shared; /* first */
  saros_mailbox_t *mailbox; /* of the loop that has its function; a reference */
} saros_callable_t;

/* A call on its way. */
typedef struct saros_call {
  saros_message_t *message;   /* the function and its arguments, or the arguments of */
  saros_callable_t *callable; /* this one, a reference */
} saros_call_t;

/* ---- on the loop's thread ---- */

/* Argument: the call. */
static int schedule(lua_State *L) {
  const saros_call_t *call = lua_touserdata(L, 1);
  saros_runtime_t *rt = saros__runtime_open(L);
  saros_loop_t *loop = rt->running;
  int first = lua_gettop(L) + 1;
  if (call->callable) saros__loop_anchored(L, loop, call->callable);
  saros__unpack(L, rt, call->message);
  saros__schedule_call(L, loop, lua_gettop(L) - first + 1);
  return 0;
}

static void free_call(saros_call_t *call) {
  saros__message_free(call->message);
  if (call->callable) saros__shared_unref(&call->callable->shared);
  free(call);
}

static void arrive(saros_loop_t *loop, void *context) {
  if (loop) saros__loop_protect(loop, schedule, context, "Exception in a call from another thread");
  free_call(context);
}

/* Sends the `n` values on top of L, to the callable or to be called themselves. */
static void dispatch(lua_State *L, saros_runtime_t *rt, saros_mailbox_t *mailbox, saros_callable_t *callable,
                 int n) {
  int mode = callable ? SAROS_PACK_VALUES : SAROS_PACK_CALL;
  saros_message_t *message = saros__pack(L, rt, lua_gettop(L) - n + 1, n, mode);
  saros_call_t *call = malloc(sizeof *call);
  int code = UV_ENOMEM;
  if (call) {
    *call = (saros_call_t){message, callable};
    if (callable) saros__shared_ref(&callable->shared);
    code = saros__mailbox_post(mailbox, arrive, call);
    if (code != 0) free_call(call);
  } else {
    saros__message_free(message);
  }
  if (code == UV_ECANCELED) saros__raise(L, rt, "RuntimeError", "Event loop is closed");
  if (code != 0) luaL_error(L, "not enough memory");
}

/* ---- callables ---- */

static void free_callable(saros_callable_t *callable) {
  saros__shared_unref(saros__mailbox_shared(callable->mailbox));
  free(callable);
}

static int release(lua_State *L) {
  saros_runtime_t *rt = saros__runtime_open(L);
  lua_pop(L, 1);
  saros__loop_release(L, rt->running, lua_touserdata(L, 1));
  return 0;
}

static void let_go(saros_loop_t *loop, void *context) {
  if (loop) saros__loop_protect(loop, release, context, "Exception while a callable is released");
  free_callable(context);
}

/* On any thread. The memory stays until the loop has let the function go, because it is the key to it. */
static void destroy(saros_shared_t *shared) {
  saros_callable_t *callable = (saros_callable_t *)shared;
  if (saros__mailbox_post(callable->mailbox, let_go, callable) != 0) free_callable(callable);
}

static const saros_shared_class_t class = {"ThreadsafeCallable", SAROS_SLOT_CALLABLE, destroy, NULL};

/*** Makes a function that may be passed to any thread: calling it there schedules `fn` on this loop, with copies of
 * the arguments. On the loop's own thread it is `call_soon`. It keeps `fn` alive, but not the loop going.
 * @function EventLoop:threadsafe
 * @tparam function fn what to call on this loop
 * @treturn function a callable, which raises a RuntimeError once the loop is closed, and a TransferError for
 * arguments that cannot be transferred
 * @raise RuntimeError if the loop is closed
 */
static int loop_threadsafe(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros__check_callable(L, 2);
  lua_settop(L, 2);
  saros__context_bind(L, loop->rt, 2);
  saros_mailbox_t *mailbox = saros__mailbox(L, loop);
  saros_callable_t *callable = malloc(sizeof *callable);
  if (!callable) return luaL_error(L, "not enough memory");
  saros__shared_init(&callable->shared, &class);
  callable->mailbox = mailbox;
  saros__shared_ref(saros__mailbox_shared(mailbox));
  /* From here on it is freed by whoever drops the last reference: first of all the userdata. */
  saros__shared_push_new(L, loop->rt, &callable->shared);
  lua_pushvalue(L, 2);
  saros__loop_anchor(L, loop, callable);
  return 1;
}

static int callable_call(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_callable_t *callable = (saros_callable_t *)saros__shared_check(L, 1, &class);
  if (!saros__mailbox_is_own(callable->mailbox, rt)) {
    dispatch(L, rt, callable->mailbox, callable, lua_gettop(L) - 1);
    return 0;
  }
  saros__shared_push(L, rt, saros__mailbox_shared(callable->mailbox));
  saros_loop_object_t *object = saros__test_marker(L, -1, SAROS_MARKER_LOOP);
  if (!object || !object->loop || object->loop->closed) {
    return saros__raise(L, rt, "RuntimeError", "Event loop is closed");
  }
  lua_pop(L, 1);
  saros__loop_anchored(L, object->loop, callable);
  lua_replace(L, 1);
  saros__schedule_call(L, object->loop, lua_gettop(L));
  return 0;
}

static int callable_tostring(lua_State *L) {
  lua_pushfstring(L, "ThreadsafeCallable: %p", (void *)saros__shared_check(L, 1, &class));
  return 1;
}

/* ---- proxies ---- */

/*** A loop of another thread: what a loop arrives as when it travels.
 * @type LoopProxy
 */

/*** Calls a function on a loop of another thread; the function and its arguments are transferred. Mirrors
 * `asyncio.loop.call_soon_threadsafe`.
 * @function LoopProxy:call_soon_threadsafe
 * @tparam function fn what to call there
 * @param[opt] ... its arguments
 * @raise TransferError; RuntimeError if the loop is closed
 */
static int proxy_call(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_mailbox_t *mailbox = saros__mailbox_check(L, 1);
  saros__check_callable(L, 2);
  dispatch(L, rt, mailbox, NULL, lua_gettop(L) - 1);
  return 0;
}

/*** The monotonic clock, which all loops share but those that override it.
 * @function LoopProxy:time
 * @treturn number seconds
 */
static int proxy_time(lua_State *L) {
  saros__mailbox_check(L, 1);
  lua_pushnumber(L, saros__now());
  return 1;
}

static int proxy_tostring(lua_State *L) {
  lua_pushfstring(L, "LoopProxy: %p", (void *)saros__mailbox_check(L, 1));
  return 1;
}

static const luaL_Reg loop_methods[] = {{"threadsafe", loop_threadsafe}, {NULL, NULL}};

static const luaL_Reg no_methods[] = {{NULL, NULL}};

static const luaL_Reg callable_metamethods[] = {
    {"__call", callable_call}, {"__tostring", callable_tostring}, {NULL, NULL}};

static const luaL_Reg proxy_methods[] = {
    {"call_soon_threadsafe", proxy_call}, {"time", proxy_time}, {NULL, NULL}};

static const luaL_Reg proxy_metamethods[] = {{"__tostring", proxy_tostring}, {NULL, NULL}};

void saros__calls_loop_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, loop_methods);
}

void saros__calls_open(lua_State *L, saros_runtime_t *rt) {
  saros__shared_class_open(L, rt, &class, no_methods, callable_metamethods);
  saros__shared_class_open(L, rt, &saros__proxy_class, proxy_methods, proxy_metamethods);
}
