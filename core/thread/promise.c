#include "thread/promise.h"

#include <stdlib.h>

#include "loop/errors.h"
#include "loop/timers.h"
#include "thread/blocking.h"
#include "thread/job.h"
#include "thread/transfer.h"

/* Somebody who waits. */
typedef struct saros_expectant {
  saros_sleeper_t sleeper; /* first */
  saros_promise_t *promise; /* a reference */
  const saros_promise_wait_t *wait;
  struct saros_expectant *previous, *next; /* protected by the promise's lock */
} saros_expectant_t;

struct saros_promise {
  atomic_uint refs;
  uv_mutex_t lock;
  uv_cond_t changed; /* for threads that block */
  uint8_t state;     /* enum saros_promised */
  bool asked;        /* somebody has the error */
  bool reported;     /* the reporter was told of it */
  saros_message_t *message;
  saros_mailbox_t *reporter; /* a reference, or NULL */
  saros_expectant_t *first, *last;
};

/* ---- errors that nobody asks for: on the loop's thread ---- */

/* Arguments: the promise. Makes a future with its error, which the loop keeps under the promise. */
static int make_report(lua_State *L) {
  saros_promise_t *promise = lua_touserdata(L, 1);
  saros_runtime_t *rt = saros__runtime_open(L);
  saros_loop_t *loop = rt->running;
  saros_future_t *future = saros__future_new(L, loop);
  int index = lua_gettop(L);
  saros__unpack(L, rt, promise->message);
  saros__store_slot(L, rt, SAROS_SLOT_TRACEBACK);
  saros__future_set_error(L, index, future);
  saros__loop_anchor(L, loop, promise);
  return 0;
}

/* Argument: the promise. Somebody has its error: its future has nothing to report. */
static int silence(lua_State *L) {
  saros_promise_t *promise = lua_touserdata(L, 1);
  saros_loop_t *loop = saros__runtime_open(L)->running;
  saros__loop_anchored(L, loop, promise);
  saros_future_t *future = saros__test_future(L, -1);
  if (future) saros__future_silence(future);
  saros__loop_release(L, loop, promise);
  return 0;
}

/* Argument: the promise. Nobody can ask any more: its future goes, and reports. */
static int release_report(lua_State *L) {
  saros__loop_release(L, saros__runtime_open(L)->running, lua_touserdata(L, 1));
  return 0;
}

static bool was_asked(saros_promise_t *promise) {
  uv_mutex_lock(&promise->lock);
  bool asked = promise->asked;
  uv_mutex_unlock(&promise->lock);
  return asked;
}

static void on_failed(saros_loop_t *loop, void *context) {
  if (loop && !was_asked(context)) saros__loop_protect(loop, make_report, context, "Exception in another thread");
  saros__promise_unref(context);
}

static void on_asked(saros_loop_t *loop, void *context) {
  if (loop) saros__loop_protect(loop, silence, context, "Exception while an error is retrieved");
  saros__promise_unref(context);
}

static void free_promise(saros_promise_t *promise) {
  saros__message_free(promise->message);
  if (promise->reporter) saros__shared_unref(saros__mailbox_shared(promise->reporter));
  uv_cond_destroy(&promise->changed);
  uv_mutex_destroy(&promise->lock);
  free(promise);
}

/* The memory stays until then, because it is the key to the future. */
static void on_forgotten(saros_loop_t *loop, void *context) {
  if (loop) saros__loop_protect(loop, release_report, context, "Exception while an error is reported");
  free_promise(context);
}

/* ---- life ---- */

saros_promise_t *saros__promise_new(saros_mailbox_t *reporter) {
  saros_promise_t *promise = calloc(1, sizeof *promise);
  if (!promise) return NULL;
  if (uv_mutex_init(&promise->lock) != 0) goto no_lock;
  if (uv_cond_init(&promise->changed) != 0) goto no_condition;
  atomic_init(&promise->refs, 1);
  if (reporter) saros__promise_report_to(promise, reporter);
  return promise;
no_condition:
  uv_mutex_destroy(&promise->lock);
no_lock:
  free(promise);
  return NULL;
}

void saros__promise_report_to(saros_promise_t *promise, saros_mailbox_t *reporter) {
  promise->reporter = reporter;
  saros__shared_ref(saros__mailbox_shared(reporter));
}

void saros__promise_ref(saros_promise_t *promise) {
  atomic_fetch_add_explicit(&promise->refs, 1, memory_order_relaxed);
}

void saros__promise_unref(saros_promise_t *promise) {
  if (atomic_fetch_sub_explicit(&promise->refs, 1, memory_order_acq_rel) > 1) return;
  bool told = promise->reported && !promise->asked;
  if (!told || saros__mailbox_post(promise->reporter, on_forgotten, promise) != 0) free_promise(promise);
}

enum saros_promised saros__promise_state(saros_promise_t *promise) {
  uv_mutex_lock(&promise->lock);
  enum saros_promised state = promise->state;
  uv_mutex_unlock(&promise->lock);
  return state;
}

bool saros__promise_is_unreported(saros_promise_t *promise) {
  uv_mutex_lock(&promise->lock);
  bool is = promise->state == SAROS_PROMISE_FAILED && !promise->asked && !promise->reported;
  uv_mutex_unlock(&promise->lock);
  return is;
}

/* ---- keeping ---- */

static void unlink_expectant(saros_promise_t *promise, saros_expectant_t *expectant) {
  if (expectant->previous) {
    expectant->previous->next = expectant->next;
  } else if (promise->first == expectant) {
    promise->first = expectant->next;
  } else {
    return; /* it was notified */
  }
  if (expectant->next) {
    expectant->next->previous = expectant->previous;
  } else {
    promise->last = expectant->previous;
  }
  expectant->previous = expectant->next = NULL;
}

static saros_parcel_t *notify_all(saros_promise_t *promise) {
  saros_parcel_t *outbox = NULL;
  while (promise->first) {
    saros_expectant_t *expectant = promise->first;
    unlink_expectant(promise, expectant);
    saros__sleeper_notify(&expectant->sleeper, &outbox, &promise->changed);
  }
  return outbox;
}

static void report(saros_promise_t *promise) {
  saros__promise_ref(promise);
  if (saros__mailbox_post(promise->reporter, on_failed, promise) == 0) return;
  saros__promise_unref(promise);
  uv_mutex_lock(&promise->lock);
  promise->reported = false;
  uv_mutex_unlock(&promise->lock);
}

bool saros__promise_keep(saros_promise_t *promise, enum saros_promised how, saros_message_t *message) {
  uv_mutex_lock(&promise->lock);
  bool kept = promise->state == SAROS_PROMISE_PENDING;
  bool reports = kept && how == SAROS_PROMISE_FAILED && promise->reporter;
  saros_parcel_t *outbox = NULL;
  if (kept) {
    promise->state = how;
    promise->message = message;
    promise->reported = reports;
    outbox = notify_all(promise);
  }
  uv_mutex_unlock(&promise->lock);
  if (!kept) saros__message_free(message);
  if (reports) report(promise); /* first: who is woken may be about to close the loop */
  saros__sleeper_deliver(outbox);
  return kept;
}

saros_message_t *saros__promise_failure(lua_State *L, saros_runtime_t *rt) {
  int top = lua_gettop(L);
  saros_message_t *message = saros__message_new();
  if (message && !saros__pack_failure(L, rt, 0, message)) {
    saros__message_free(message);
    message = NULL;
  }
  lua_settop(L, top - 1);
  return message;
}

/* ---- waiting ---- */

static void give_up(saros_sleeper_t *sleeper) {
  saros_expectant_t *expectant = (saros_expectant_t *)sleeper;
  uv_mutex_lock(&expectant->promise->lock);
  unlink_expectant(expectant->promise, expectant);
  uv_mutex_unlock(&expectant->promise->lock);
}

static void free_expectant(saros_sleeper_t *sleeper) {
  saros__promise_unref(((saros_expectant_t *)sleeper)->promise);
  free(sleeper);
}

static const saros_sleeper_class_t expectant_class = {give_up, free_expectant};

static saros_expectant_t *push_expectant(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise,
                                         saros_task_t *task, const saros_promise_wait_t *wait) {
  saros_expectant_t *expectant =
      (saros_expectant_t *)saros__sleeper_push(L, rt, &expectant_class, sizeof *expectant, task);
  expectant->promise = promise;
  saros__promise_ref(promise);
  expectant->wait = wait;
  return expectant;
}

/* False if there is nothing to wait for. */
static bool enlist(saros_expectant_t *expectant) {
  saros_promise_t *promise = expectant->promise;
  uv_mutex_lock(&promise->lock);
  bool pending = promise->state == SAROS_PROMISE_PENDING;
  if (pending) {
    expectant->previous = promise->last;
    if (promise->last) {
      promise->last->next = expectant;
    } else {
      promise->first = expectant;
    }
    promise->last = expectant;
  }
  uv_mutex_unlock(&promise->lock);
  return pending;
}

static int waited(lua_State *L, const saros_promise_wait_t *wait, int ticket) {
  saros__sleeper_release(L, ticket);
  lua_settop(L, ticket - 1);
  return wait->k(L);
}

static int woken(lua_State *L, int status, lua_KContext ticket) {
  (void)status;
  saros_sleeper_t *sleeper = saros__sleeper_resumed(L, saros__runtime(L), (int)ticket);
  return waited(L, ((saros_expectant_t *)sleeper)->wait, (int)ticket);
}

static int wait_in_task(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise, saros_task_t *task,
                        const saros_promise_wait_t *wait) {
  saros_expectant_t *expectant = push_expectant(L, rt, promise, task, wait);
  if (!enlist(expectant)) return waited(L, wait, lua_gettop(L));
  return saros__sleeper_suspend(L, &expectant->sleeper, woken);
}

static int block(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise, uint64_t deadline,
                 const saros_promise_wait_t *wait) {
  saros_expectant_t *expectant = push_expectant(L, rt, promise, NULL, wait);
  int ticket = lua_gettop(L);
  lua_Hook before = lua_gethook(L);
  bool stopped = enlist(expectant) &&
                 saros__sleeper_block(L, rt, &expectant->sleeper, &promise->lock, &promise->changed, deadline,
                                      before) == SAROS_BLOCKED_STOPPED;
  if (!stopped) return waited(L, wait, ticket);
  saros__sleeper_release(L, ticket);
  return saros__blocking_end(L, rt, before);
}

/* ---- waiting for a limited time: in a task it is wait_for's ---- */

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

static const saros_promise_wait_t plain_wait = {"result", nothing};

/* Argument: the promise. */
static int wait_plainly(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_task_t *task = saros__task_suspendable(L, rt, plain_wait.what);
  return wait_in_task(L, rt, lua_touserdata(L, 1), task, &plain_wait);
}

static bool is_timeout(lua_State *L, saros_runtime_t *rt, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  saros__push_slot(L, rt, SAROS_SLOT_ERRORS);
  lua_getfield(L, -1, "TimeoutError");
  bool is = lua_rawequal(L, -1, -3);
  lua_pop(L, 3);
  return is;
}

/* The context is where the promise is on the stack, below how it is waited for. */
static int limited(lua_State *L, int status, lua_KContext at) {
  saros_promise_t *promise = lua_touserdata(L, (int)at);
  const saros_promise_wait_t *wait = lua_touserdata(L, (int)at + 1);
  if (status != LUA_OK && status != LUA_YIELD) {
    bool over = is_timeout(L, saros__runtime(L), lua_gettop(L));
    if (!over || saros__promise_state(promise) != SAROS_PROMISE_PENDING) return lua_error(L);
  }
  lua_settop(L, (int)at - 1);
  return wait->k(L);
}

static int wait_limited(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise, int timeout,
                        const saros_promise_wait_t *wait) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  int at = lua_gettop(L) + 1;
  lua_pushlightuserdata(L, promise);
  lua_pushlightuserdata(L, (void *)wait);
  saros__names_push(L, rt, "saros.wait_for", "wait_for");
  saros__push_function(L, rt, wait_plainly);
  lua_pushvalue(L, timeout);
  lua_pushlightuserdata(L, promise);
  return limited(L, lua_pcallk(L, 3, 0, 0, at, limited), at);
}

static uint64_t deadline_of(double seconds) {
  if (seconds >= 9e9) return UINT64_MAX;
  return saros__now_ns() + (seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
}

int saros__promise_wait(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise, int timeout,
                        const saros_promise_wait_t *wait) {
  bool is_limited = !lua_isnoneornil(L, timeout);
  double seconds = is_limited ? saros__check_seconds(L, rt, timeout, "timeout") : 0;
  if (saros__promise_state(promise) != SAROS_PROMISE_PENDING || (is_limited && seconds <= 0)) return wait->k(L);
  saros_task_t *task = saros__sleeper_task(L, rt, wait->what);
  if (!task) return block(L, rt, promise, is_limited ? deadline_of(seconds) : UINT64_MAX, wait);
  return is_limited ? wait_limited(L, rt, promise, timeout, wait) : wait_in_task(L, rt, promise, task, wait);
}

/* ---- asking ---- */

/* The error is somebody's: nothing has to be reported. */
static void retrieve(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise) {
  uv_mutex_lock(&promise->lock);
  bool tell = promise->reported && !promise->asked;
  promise->asked = true;
  uv_mutex_unlock(&promise->lock);
  if (!tell) return;
  if (rt->running && rt->running->mailbox == promise->reporter) { /* at once: the loop may be about to close */
    lua_pushcfunction(L, silence);
    lua_pushlightuserdata(L, promise);
    lua_call(L, 1, 0);
    return;
  }
  saros__promise_ref(promise);
  if (saros__mailbox_post(promise->reporter, on_asked, promise) != 0) saros__promise_unref(promise);
}

/* Pushes the values of the message and returns how many, or raises the error that it is. */
static int take(lua_State *L, saros_runtime_t *rt, const saros_message_t *message, bool failed) {
  int n = saros__unpack(L, rt, message);
  if (!failed) return n;
  saros__store_slot(L, rt, SAROS_SLOT_TRACEBACK);
  return lua_error(L);
}

int saros__promise_take(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise) {
  switch (saros__promise_state(promise)) {
    case SAROS_PROMISE_RESULTS: return take(L, rt, promise->message, false);
    case SAROS_PROMISE_FAILED:
      retrieve(L, rt, promise);
      return take(L, rt, promise->message, true);
    case SAROS_PROMISE_CANCELLED:
      if (promise->message) return take(L, rt, promise->message, true);
      saros__push_cancelled(L, rt, 0);
      return lua_error(L);
    default: return saros__raise(L, rt, "RuntimeError", "Event loop is closed");
  }
}
