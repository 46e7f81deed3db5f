#include "thread/thread.h"

#include <stdlib.h>
#include <string.h>

#include "loop/errors.h"
#include "thread/job.h"
#include "thread/promise.h"
#include "thread/slots.h"
#include "thread/state.h"
#include "thread/transfer.h"

/* How long the closing of a state waits for its threads; nanoseconds. */
#define CLOSING_LIMIT 2000000000u

enum { MAX_NAME = 16 }; /* the system's limit */

typedef struct saros_thread saros_thread_t;

/* The threads that a state has started and that run. */
typedef struct saros_threads {
  atomic_uint refs; /* the state's, and one for each */
  uv_mutex_t lock;
  uv_cond_t changed; /* one has ended */
  saros_thread_t *first;
  bool closing; /* those that start must stop */
} saros_threads_t;

struct saros_thread {
  saros_shared_t shared; /* first */
  saros_promise_t *promise; /* a reference */
  _Atomic(saros_runtime_t *) starter; /* of the state that has started it; only compared */
  saros_threads_t *siblings; /* a reference; NULL before it is started */
  saros_message_t *call; /* until it is started, then the thread's own */
  saros_paths_t paths;
  char *name;
  atomic_bool started;
  atomic_flag joined; /* the system's thread was */
  uv_thread_t thread;
  /* Protected by the lock of the list. */
  saros_thread_t *previous, *next;
  saros_stop_t stop;
  bool stoppable;
};

/* ---- the list ---- */

static saros_threads_t *new_threads(void) {
  saros_threads_t *threads = calloc(1, sizeof *threads);
  if (!threads) return NULL;
  if (uv_mutex_init(&threads->lock) != 0) goto no_lock;
  if (uv_cond_init(&threads->changed) != 0) goto no_condition;
  atomic_init(&threads->refs, 1);
  return threads;
no_condition:
  uv_mutex_destroy(&threads->lock);
no_lock:
  free(threads);
  return NULL;
}

static void unref_threads(saros_threads_t *threads) {
  if (atomic_fetch_sub_explicit(&threads->refs, 1, memory_order_acq_rel) > 1) return;
  uv_cond_destroy(&threads->changed);
  uv_mutex_destroy(&threads->lock);
  free(threads);
}

static void enter_list(saros_thread_t *thread) {
  saros_threads_t *threads = thread->siblings;
  uv_mutex_lock(&threads->lock);
  thread->previous = NULL;
  thread->next = threads->first;
  if (threads->first) threads->first->previous = thread;
  threads->first = thread;
  uv_mutex_unlock(&threads->lock);
}

static void leave_list(saros_thread_t *thread) {
  saros_threads_t *threads = thread->siblings;
  uv_mutex_lock(&threads->lock);
  if (thread->next) thread->next->previous = thread->previous;
  if (thread->previous) {
    thread->previous->next = thread->next;
  } else {
    threads->first = thread->next;
  }
  uv_cond_broadcast(&threads->changed);
  uv_mutex_unlock(&threads->lock);
}

/* The state closes. */
static void stop_all(saros_threads_t *threads) {
  uint64_t deadline = saros__now_ns() + CLOSING_LIMIT;
  uv_mutex_lock(&threads->lock);
  threads->closing = true;
  for (saros_thread_t *thread = threads->first; thread; thread = thread->next) {
    if (thread->stoppable) saros__stop_request(&thread->stop);
  }
  for (uint64_t now; threads->first && (now = saros__now_ns()) < deadline;) {
    uv_cond_timedwait(&threads->changed, &threads->lock, deadline - now);
  }
  uv_mutex_unlock(&threads->lock);
}

typedef struct saros_threads_object {
  saros_threads_t *threads; /* NULL before the first one is started */
  bool closed;              /* the state closes: no more can be */
} saros_threads_object_t;

static int threads_gc(lua_State *L) {
  saros_threads_object_t *object = lua_touserdata(L, 1);
  saros_threads_t *threads = object->threads;
  object->threads = NULL;
  object->closed = true;
  if (!threads) return 0;
  stop_all(threads);
  unref_threads(threads);
  return 0;
}

/* ---- the thread ---- */

static void free_call(saros_thread_t *thread) {
  saros__message_free(thread->call);
  thread->call = NULL;
}

/* False if it is to stop before it has begun. */
static bool begin(saros_thread_t *thread) {
  uv_mutex_lock(&thread->siblings->lock);
  thread->stoppable = !thread->siblings->closing;
  uv_mutex_unlock(&thread->siblings->lock);
  return thread->stoppable;
}

static void end(saros_thread_t *thread) {
  uv_mutex_lock(&thread->siblings->lock);
  thread->stoppable = false;
  saros__stop_done(&thread->stop);
  uv_mutex_unlock(&thread->siblings->lock);
}

/* Makes the call; gives the error of one that failed. */
static enum saros_promised run(saros_thread_t *thread, lua_State *L, saros_message_t **error) {
  enum saros_promised how = SAROS_PROMISE_RESULTS;
  if (begin(thread) && saros__run_message(L, thread->stop.rt, thread->call) != LUA_OK) {
    how = SAROS_PROMISE_FAILED;
    *error = saros__promise_failure(L, thread->stop.rt);
    if (!*error) how = SAROS_PROMISE_LOST;
  }
  end(thread);
  saros__stop_clear(&thread->stop, L);
  return how;
}

static void set_system_name(const saros_thread_t *thread) {
  char name[MAX_NAME] = "";
  strncat(name, thread->name, sizeof name - 1);
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#endif
}

static void thread_main(void *argument) {
  saros_thread_t *thread = argument;
  saros_message_t *error = NULL;
  enum saros_promised how = SAROS_PROMISE_LOST;
  set_system_name(thread);
  lua_State *L = saros__state_new(&thread->paths, &thread->stop);
  if (L) {
    how = run(thread, L, &error);
    saros__state_close(L, &thread->stop);
  }
  free_call(thread);
  saros__promise_keep(thread->promise, how, error);
  leave_list(thread);
  saros__shared_unref(&thread->shared);
}

/* ---- threads as objects ---- */

/* The system's thread has ended, or nobody will ask any more. */
static void free_thread(saros_thread_t *thread) {
  free_call(thread);
  saros__paths_free(&thread->paths);
  if (thread->promise) saros__promise_unref(thread->promise);
  if (thread->siblings) unref_threads(thread->siblings);
  free(thread->name);
  free(thread);
}

static void destroy(saros_shared_t *shared) {
  saros_thread_t *thread = (saros_thread_t *)shared;
  if (atomic_load(&thread->started) && !atomic_flag_test_and_set(&thread->joined)) pthread_detach(thread->thread);
  free_thread(thread);
}

static const saros_shared_class_t class = {"Thread", SAROS_SLOT_THREAD_CLASS, destroy, NULL};

static saros_thread_t *check_thread(lua_State *L) {
  return (saros_thread_t *)saros__shared_check(L, 1, &class);
}

static saros_threads_t *threads_of(lua_State *L, saros_runtime_t *rt) {
  saros__push_slot(L, rt, SAROS_SLOT_THREADS);
  saros_threads_object_t *object = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (object->closed) saros__raise(L, rt, "RuntimeError", "can't start new thread while the program ends");
  if (!object->threads) object->threads = new_threads();
  if (!object->threads) luaL_error(L, "not enough memory");
  return object->threads;
}

/*** A function in a thread of its own: see `Thread`.
 * @type Thread
 */

/*** What it is called, also by the system.
 * @attribute string Thread.name
 */

/* Makes a Thread: `thread(name, fn, ...)`; private to the Lua layer. */
static int new_thread(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  const char *name = luaL_checkstring(L, 1);
  saros__check_callable(L, 2);
  saros_message_t *call = saros__pack(L, rt, 2, lua_gettop(L) - 1, SAROS_PACK_CALL);
  saros_thread_t *thread = calloc(1, sizeof *thread);
  if (!thread) {
    saros__message_free(call);
    return luaL_error(L, "not enough memory");
  }
  saros__shared_init(&thread->shared, &class);
  atomic_flag_clear(&thread->joined);
  thread->call = call;
  thread->name = strdup(name);
  thread->promise = saros__promise_new(NULL);
  saros__paths_read(L, &thread->paths);
  if (!thread->name || !thread->promise) {
    free_thread(thread);
    return luaL_error(L, "not enough memory");
  }
  saros__shared_push_new(L, rt, &thread->shared);
  return 1;
}

/*** Starts the thread.
 * @function Thread:start
 * @treturn Thread the same
 * @raise RuntimeError if it was started before, or the system does not allow more threads
 */
static int thread_start(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_thread_t *thread = check_thread(L);
  lua_settop(L, 1);
  saros_threads_t *siblings = threads_of(L, rt);
  saros_mailbox_t *reporter = rt->running ? saros__mailbox(L, rt->running) : NULL;
  if (atomic_exchange(&thread->started, true)) {
    return saros__raise(L, rt, "RuntimeError", "threads can only be started once");
  }
  saros__shared_ref(&thread->shared);
  if (reporter) saros__promise_report_to(thread->promise, reporter);
  atomic_store(&thread->starter, rt);
  thread->siblings = siblings;
  atomic_fetch_add(&siblings->refs, 1);
  enter_list(thread);
  if (uv_thread_create(&thread->thread, thread_main, thread) == 0) return 1;
  atomic_flag_test_and_set(&thread->joined);
  leave_list(thread);
  saros__promise_keep(thread->promise, SAROS_PROMISE_LOST, NULL);
  saros__shared_unref(&thread->shared);
  return saros__raise(L, rt, "RuntimeError", "can't start new thread");
}

static int joined(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_thread_t *thread = check_thread(L);
  enum saros_promised state = saros__promise_state(thread->promise);
  if (state != SAROS_PROMISE_PENDING && !atomic_flag_test_and_set(&thread->joined)) uv_thread_join(&thread->thread);
  if (state == SAROS_PROMISE_FAILED) return saros__promise_take(L, rt, thread->promise);
  if (state == SAROS_PROMISE_LOST) return luaL_error(L, "not enough memory");
  lua_pushboolean(L, state != SAROS_PROMISE_PENDING);
  return 1;
}

/*** Waits until the thread has ended: a task is suspended, a thread without a loop blocks. May be called again, and by
 * any thread.
 * @function Thread:join
 * @tparam ?number timeout seconds; nil for no limit
 * @treturn boolean whether it has ended
 * @raise the error that ended the thread; RuntimeError if it was not started, and in itself; CancelledError
 */
static int thread_join(lua_State *L) {
  static const saros_promise_wait_t wait = {"join", joined};
  saros_runtime_t *rt = saros__runtime(L);
  saros_thread_t *thread = check_thread(L);
  lua_settop(L, 2);
  if (!atomic_load(&thread->started)) {
    return saros__raise(L, rt, "RuntimeError", "cannot join thread before it is started");
  }
  if (saros__stop_current() == &thread->stop) return saros__raise(L, rt, "RuntimeError", "cannot join current thread");
  return saros__promise_wait(L, rt, thread->promise, 2, &wait);
}

/*** Whether the thread was started and has not ended.
 * @function Thread:is_alive
 * @treturn boolean
 */
static int thread_is_alive(lua_State *L) {
  saros_thread_t *thread = check_thread(L);
  bool started = atomic_load(&thread->started);
  lua_pushboolean(L, started && saros__promise_state(thread->promise) == SAROS_PROMISE_PENDING);
  return 1;
}

/* Upvalue 2: the metatable, which has the methods as well. */
static int thread_index(lua_State *L) {
  saros_thread_t *thread = check_thread(L);
  lua_settop(L, 2);
  if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "name") == 0) {
    lua_pushstring(L, thread->name);
  } else {
    lua_rawget(L, lua_upvalueindex(2));
  }
  return 1;
}

static int thread_tostring(lua_State *L) {
  saros_thread_t *thread = check_thread(L);
  lua_pushfstring(L, "Thread: %s", thread->name);
  return 1;
}

/* Argument: the Thread. Its error has no loop that could report it. */
static int log_error(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__push_slot(L, rt, SAROS_SLOT_LOOP_CLASS);
  lua_getfield(L, -1, "default_exception_handler");
  lua_pushnil(L);
  lua_createtable(L, 0, 3);
  lua_pushfstring(L, "Exception in thread '%s', which nobody has joined", check_thread(L)->name);
  lua_setfield(L, -2, "message");
  saros__push_function(L, rt, joined);
  lua_pushvalue(L, 1);
  lua_pcall(L, 1, 0, 0);
  lua_setfield(L, -2, "exception");
  saros__push_slot(L, rt, SAROS_SLOT_TRACEBACK);
  lua_setfield(L, -2, "traceback");
  lua_call(L, 2, 0);
  return 0;
}

/* Upvalue 2: the finalizer of shared objects. The last of this state that could ask for the thread's error is going;
 * that it has not ended, or that another state may ask, is left alone. */
static int thread_gc(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_thread_t *thread = (saros_thread_t *)saros__shared_test(L, 1);
  if (thread && atomic_load(&thread->starter) == rt && saros__promise_is_unreported(thread->promise)) {
    saros__push_function(L, rt, log_error);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
  return 0;
}

static const luaL_Reg functions[] = {{"thread", new_thread}, {NULL, NULL}};

static const luaL_Reg no_methods[] = {{NULL, NULL}};

static const luaL_Reg metamethods[] = {{"start", thread_start},       {"join", thread_join},
                                       {"is_alive", thread_is_alive}, {"__tostring", thread_tostring},
                                       {NULL, NULL}};

/* Pops the upvalue 2 of `f`, which becomes a metamethod on the metatable below. */
static void set_metamethod(lua_State *L, saros_runtime_t *rt, const char *name, lua_CFunction f) {
  saros__push_slot(L, rt, SAROS_SLOT_RUNTIME);
  lua_insert(L, -2);
  lua_pushcclosure(L, f, 2);
  lua_setfield(L, -2, name);
}

void saros__thread_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__shared_class_open(L, rt, &class, no_methods, metamethods);
  saros__push_slot(L, rt, SAROS_SLOT_THREAD_CLASS);
  lua_pushvalue(L, -1);
  set_metamethod(L, rt, "__index", thread_index);
  lua_getfield(L, -1, "__gc");
  set_metamethod(L, rt, "__gc", thread_gc);
  lua_pop(L, 1);
  saros_threads_object_t *object = lua_newuserdatauv(L, sizeof *object, 0);
  *object = (saros_threads_object_t){NULL, false};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, threads_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  saros__store_slot(L, rt, SAROS_SLOT_THREADS);
}
