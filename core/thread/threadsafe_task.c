#include "thread/threadsafe_task.h"

#include <stdlib.h>

#include "loop/errors.h"
#include "task/task.h"
#include "thread/promise.h"
#include "thread/slots.h"
#include "thread/transfer.h"

/* What a program has. */
typedef struct saros_threadsafe_task {
  saros_shared_t shared; /* first */
  saros_promise_t *promise; /* a reference */
  saros_mailbox_t *home;    /* of the task's loop, a reference */
} saros_threadsafe_task_t;

/* What the loop has. */
typedef struct saros_pledge {
  saros_guest_t guest;
  saros_promise_t *promise; /* a reference; NULL before the pledge is complete, and when it is kept */
  saros_mailbox_t *mailbox; /* whose guest it is; NULL: of none */
} saros_pledge_t;

/* A call, or the wish to cancel one, on its way to the loop. */
typedef struct saros_request {
  saros_promise_t *promise; /* a reference */
  saros_message_t *call;
} saros_request_t;

/* ---- the pledge, on the loop's thread ---- */

static void keep(saros_pledge_t *pledge, enum saros_promised how, saros_message_t *message) {
  saros_promise_t *promise = pledge->promise;
  pledge->promise = NULL;
  if (pledge->mailbox) saros__mailbox_exit(pledge->mailbox, &pledge->guest);
  pledge->mailbox = NULL;
  saros__promise_keep(promise, how, message);
  saros__promise_unref(promise);
}

/* The loop closes; its mailbox does not know the pledge any more. */
static void leave(saros_guest_t *guest) {
  saros_pledge_t *pledge = (saros_pledge_t *)guest;
  pledge->mailbox = NULL;
  keep(pledge, SAROS_PROMISE_LOST, NULL);
}

static int pledge_gc(lua_State *L) {
  saros_pledge_t *pledge = lua_touserdata(L, 1);
  if (pledge->promise) keep(pledge, SAROS_PROMISE_LOST, NULL);
  return 0;
}

static void push_pledge(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise) {
  saros_pledge_t *pledge = lua_newuserdatauv(L, sizeof *pledge, 0);
  *pledge = (saros_pledge_t){.guest.leave = leave};
  saros__push_slot(L, rt, SAROS_SLOT_PLEDGE);
  lua_setmetatable(L, -2);
  pledge->promise = promise;
  saros__promise_ref(promise);
}

/* Packs what the done future at 1 has. */
static saros_message_t *pack_outcome(lua_State *L, saros_runtime_t *rt, saros_future_t *future, bool *failed) {
  lua_pushnil(L);
  saros__store_slot(L, rt, SAROS_SLOT_TRACEBACK);
  *failed = future->state != SAROS_RESULT;
  if (!*failed) {
    int n = saros__future_push_results(L, 1, future);
    saros_message_t *message = saros__message_new();
    if (!message) return NULL;
    if (saros__pack_into(L, rt, lua_gettop(L) - n + 1, n, SAROS_PACK_RESULTS, message)) return message;
    saros__message_free(message);
    *failed = true;
  } else {
    saros__future_push_error(L, 1, future);
  }
  return saros__promise_failure(L, rt);
}

/* The task's done callback. Upvalues: the runtime, the pledge. */
static int on_done(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_pledge_t *pledge = lua_touserdata(L, lua_upvalueindex(2));
  saros_future_t *future = saros__check_future(L, 1);
  if (!pledge->promise) return 0;
  bool failed;
  saros_message_t *message = pack_outcome(L, rt, future, &failed);
  enum saros_promised how = failed ? SAROS_PROMISE_FAILED : SAROS_PROMISE_RESULTS;
  if (future->state == SAROS_CANCELLED) how = SAROS_PROMISE_CANCELLED;
  saros__loop_release(L, future->loop, pledge->promise);
  keep(pledge, message ? how : SAROS_PROMISE_LOST, message);
  return 0;
}

/* Arguments: the promise, the loop, the function and its arguments. */
static int start(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_promise_t *promise = lua_touserdata(L, 1);
  saros_loop_t *loop = lua_touserdata(L, 2);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  saros_mailbox_t *mailbox = saros__mailbox(L, loop);
  saros__create_task(L, loop, 3);
  int task = lua_gettop(L);
  push_pledge(L, rt, promise);
  saros_pledge_t *pledge = lua_touserdata(L, -1);
  lua_pushvalue(L, task);
  saros__loop_anchor(L, loop, promise); /* for cancelling it */
  pledge->mailbox = mailbox;
  saros__mailbox_enter(mailbox, &pledge->guest);
  lua_getfield(L, task, "add_done_callback");
  lua_pushvalue(L, task);
  saros__push_slot(L, rt, SAROS_SLOT_RUNTIME);
  lua_pushvalue(L, task + 1);
  lua_pushcclosure(L, on_done, 2);
  lua_call(L, 2, 0);
  return 0;
}

/* Calls start with the `n` values on top of L; what goes wrong is the promise's. */
static void start_protected(lua_State *L, saros_loop_t *loop, saros_promise_t *promise, int n) {
  int first = lua_gettop(L) - n + 1;
  luaL_checkstack(L, 8, NULL);
  saros__push_function(L, loop->rt, start);
  lua_pushlightuserdata(L, promise);
  lua_pushlightuserdata(L, loop);
  lua_rotate(L, first, 3);
  if (lua_pcall(L, n + 2, 0, 0) == LUA_OK) return;
  saros_message_t *message = saros__promise_failure(L, loop->rt);
  saros__promise_keep(promise, message ? SAROS_PROMISE_FAILED : SAROS_PROMISE_LOST, message);
}

/* ---- requests, on the loop's thread ---- */

/* Argument: the request. */
static int run_request(lua_State *L) {
  const saros_request_t *request = lua_touserdata(L, 1);
  saros_runtime_t *rt = saros__runtime_open(L);
  saros_loop_t *loop = rt->running;
  if (request->call) {
    if (saros__promise_state(request->promise) != SAROS_PROMISE_PENDING) return 0; /* cancelled on the way */
    start_protected(L, loop, request->promise, saros__unpack(L, rt, request->call));
    return 0;
  }
  saros__loop_anchored(L, loop, request->promise);
  if (lua_isnil(L, -1)) return 0;
  lua_getfield(L, -1, "cancel");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
  return 0;
}

/* Argument: the request. A call that cannot be unpacked here fails. */
static int run_protected(lua_State *L) {
  const saros_request_t *request = lua_touserdata(L, 1);
  saros_runtime_t *rt = saros__runtime_open(L);
  lua_pushcfunction(L, run_request);
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return 0;
  if (!request->call) return lua_error(L);
  saros_message_t *message = saros__promise_failure(L, rt);
  saros__promise_keep(request->promise, message ? SAROS_PROMISE_FAILED : SAROS_PROMISE_LOST, message);
  return 0;
}

static void free_request(saros_request_t *request) {
  saros__message_free(request->call);
  saros__promise_unref(request->promise);
  free(request);
}

static void arrive(saros_loop_t *loop, void *context) {
  saros_request_t *request = context;
  if (loop) {
    saros__loop_protect(loop, run_protected, request, "Exception in a call from another thread");
  } else {
    saros__promise_keep(request->promise, SAROS_PROMISE_LOST, NULL);
  }
  free_request(request);
}

/* Takes the call over, which may be NULL. Returns 0 or a libuv error code. */
static int post(saros_threadsafe_task_t *handle, saros_message_t *call) {
  saros_request_t *request = malloc(sizeof *request);
  if (!request) {
    saros__message_free(call);
    return UV_ENOMEM;
  }
  *request = (saros_request_t){handle->promise, call};
  saros__promise_ref(handle->promise);
  int code = saros__mailbox_post(handle->home, arrive, request);
  if (code != 0) free_request(request);
  return code;
}

/* ---- handles ---- */

static void destroy(saros_shared_t *shared) {
  saros_threadsafe_task_t *handle = (saros_threadsafe_task_t *)shared;
  saros__promise_unref(handle->promise);
  saros__shared_unref(saros__mailbox_shared(handle->home));
  free(handle);
}

static const saros_shared_class_t class = {"ThreadsafeTask", SAROS_SLOT_PROMISE, destroy, NULL};

static saros_threadsafe_task_t *check_handle(lua_State *L) {
  return (saros_threadsafe_task_t *)saros__shared_check(L, 1, &class);
}

/* Pushes a handle of a call on this loop. */
static saros_threadsafe_task_t *push_handle(lua_State *L, saros_runtime_t *rt, saros_mailbox_t *home) {
  saros_promise_t *promise = saros__promise_new(home);
  saros_threadsafe_task_t *handle = promise ? malloc(sizeof *handle) : NULL;
  if (!handle) {
    if (promise) saros__promise_unref(promise);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  saros__shared_init(&handle->shared, &class);
  handle->promise = promise;
  handle->home = home;
  saros__shared_ref(saros__mailbox_shared(home));
  saros__shared_push_new(L, rt, &handle->shared);
  return handle;
}

/*** Runs a function as a task on the loop of another thread. The function, its arguments and its results are
 * transferred. An error that nobody asks the handle for goes to the exception handler of that loop. A loop of this
 * thread will do as well; then the function and its arguments are what they are. Mirrors
 * `asyncio.run_coroutine_threadsafe`.
 * @function run_coroutine_threadsafe
 * @tparam EventLoop|LoopProxy loop a loop, or what stands for it in another thread
 * @tparam function fn what to run there
 * @tparam any ... its arguments
 * @treturn ThreadsafeTask a handle of the task
 * @raise RuntimeError if the loop is closed; TransferError; `bad argument`
 */
static int run_coroutine_threadsafe(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_loop_object_t *own = saros__test_marker(L, 1, SAROS_MARKER_LOOP);
  saros_mailbox_t *home = saros__mailbox_of(L, 1);
  saros__check_callable(L, 2);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  int n = lua_gettop(L) - 1;
  saros_threadsafe_task_t *handle = push_handle(L, rt, home);
  if (own) {
    lua_insert(L, 2);
    start_protected(L, own->loop, handle->promise, n);
    lua_settop(L, 2);
    return 1;
  }
  int code = post(handle, saros__pack(L, rt, 2, n, SAROS_PACK_CALL));
  if (code == UV_ECANCELED) return saros__raise(L, rt, "RuntimeError", "Event loop is closed");
  return code == 0 ? 1 : luaL_error(L, "not enough memory");
}

/*** The handle of a task on the loop of another thread. It may be passed to any thread. Mirrors
 * `concurrent.futures.Future`.
 * @type ThreadsafeTask
 */

static int take_result(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_promise_t *promise = check_handle(L)->promise;
  if (saros__promise_state(promise) == SAROS_PROMISE_PENDING) {
    saros__push_slot(L, rt, SAROS_SLOT_ERRORS);
    lua_getfield(L, -1, "TimeoutError");
    lua_call(L, 0, 1);
    return lua_error(L);
  }
  return saros__promise_take(L, rt, promise);
}

/* True if nobody runs the task's loop while this thread waits: it is the thread's own, and not the one that runs. A
 * script that waits runs one from here on, which may be that. */
static bool waits_for_itself(lua_State *L, saros_runtime_t *rt, const saros_threadsafe_task_t *handle) {
  if (!saros__mailbox_is_own(handle->home, rt)) return false;
  if (saros__promise_state(handle->promise) != SAROS_PROMISE_PENDING) return false;
  if (rt->script) saros__need_running(L, rt);
  return !rt->running || rt->running->mailbox != handle->home;
}

/*** Waits for the results of the task: a task is suspended, a thread without a loop blocks. May be called by several
 * threads, and more than once: each gets its own copy. Mirrors `concurrent.futures.Future.result`.
 * @function ThreadsafeTask:result
 * @tparam ?number timeout seconds; nil for no limit
 * @treturn any ... the results
 * @raise the task's error; TimeoutError when the time is up, and the task goes on; CancelledError; RuntimeError if the
 * loop was closed, and where the thread that must run the loop would wait for itself, or run another one meanwhile
 */
static int handle_result(lua_State *L) {
  static const saros_promise_wait_t wait = {"result", take_result};
  saros_runtime_t *rt = saros__runtime(L);
  saros_threadsafe_task_t *handle = check_handle(L);
  lua_settop(L, 2);
  bool waits = lua_isnoneornil(L, 2) || lua_tonumber(L, 2) > 0;
  if (waits && waits_for_itself(L, rt, handle)) {
    return saros__raise(L, rt, "RuntimeError", "the loop of the task is this thread's, and does not run");
  }
  return saros__promise_wait(L, rt, handle->promise, 2, &wait);
}

/*** Cancels the task. The handle is done at once; the task gets the CancelledError where it waits. Mirrors
 * `concurrent.futures.Future.cancel`.
 * @function ThreadsafeTask:cancel
 * @treturn boolean false if it was done
 */
static int handle_cancel(lua_State *L) {
  saros_threadsafe_task_t *handle = check_handle(L);
  bool cancelled = saros__promise_keep(handle->promise, SAROS_PROMISE_CANCELLED, NULL);
  if (cancelled && post(handle, NULL) == UV_ENOMEM) return luaL_error(L, "not enough memory");
  lua_pushboolean(L, cancelled);
  return 1;
}

/*** Whether there is a result, an error, or a cancellation. Mirrors `concurrent.futures.Future.done`.
 * @function ThreadsafeTask:done
 * @treturn boolean
 */
static int handle_done(lua_State *L) {
  lua_pushboolean(L, saros__promise_state(check_handle(L)->promise) != SAROS_PROMISE_PENDING);
  return 1;
}

static int handle_tostring(lua_State *L) {
  lua_pushfstring(L, "ThreadsafeTask: %p", (void *)check_handle(L));
  return 1;
}

static const luaL_Reg functions[] = {{"run_coroutine_threadsafe", run_coroutine_threadsafe}, {NULL, NULL}};

static const luaL_Reg methods[] = {
    {"result", handle_result}, {"cancel", handle_cancel}, {"done", handle_done}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__tostring", handle_tostring}, {NULL, NULL}};

void saros__threadsafe_task_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__shared_class_open(L, rt, &class, methods, metamethods);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, pledge_gc);
  lua_setfield(L, -2, "__gc");
  saros__store_slot(L, rt, SAROS_SLOT_PLEDGE);
}
