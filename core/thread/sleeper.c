#include "thread/sleeper.h"

#include <stdlib.h>

#include "loop/errors.h"
#include "thread/blocking.h"
#include "thread/loan.h"
#include "thread/slots.h"

typedef struct saros_ticket {
  saros_sleeper_t *sleeper; /* NULL before it is complete, and once it was released */
} saros_ticket_t;

static saros_sleeper_t *of_guest(saros_guest_t *guest) {
  return (saros_sleeper_t *)((char *)guest - offsetof(saros_sleeper_t, guest));
}

/* ---- life ---- */

static void let_go(saros_sleeper_t *sleeper) {
  if (atomic_fetch_sub_explicit(&sleeper->holds, 1, memory_order_acq_rel) > 1) return;
  if (sleeper->home) saros__shared_unref(saros__mailbox_shared(sleeper->home));
  sleeper->class->free(sleeper);
}

static void hold(saros_sleeper_t *sleeper) {
  atomic_fetch_add_explicit(&sleeper->holds, 1, memory_order_relaxed);
}

static void release(saros_ticket_t *ticket) {
  saros_sleeper_t *sleeper = ticket->sleeper;
  if (!sleeper) return;
  ticket->sleeper = NULL;
  sleeper->class->give_up(sleeper);
  let_go(sleeper);
}

void saros__sleeper_release(lua_State *L, int ticket) {
  release(lua_touserdata(L, ticket));
}

static int ticket_gc(lua_State *L) {
  release(lua_touserdata(L, 1));
  return 0;
}

static void arrive(saros_loop_t *loop, saros_parcel_t *parcel);
static void leave(saros_guest_t *guest);

saros_sleeper_t *saros__sleeper_push(lua_State *L, saros_runtime_t *rt, const saros_sleeper_class_t *class, size_t size,
                                     saros_task_t *task) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  saros_mailbox_t *home = task ? saros__mailbox(L, task->future.loop) : NULL;
  saros_ticket_t *ticket = lua_newuserdatauv(L, sizeof *ticket, 0);
  ticket->sleeper = NULL;
  saros__push_slot(L, rt, SAROS_SLOT_TICKET);
  lua_setmetatable(L, -2);
  saros_sleeper_t *sleeper = calloc(1, size);
  if (!sleeper) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  sleeper->parcel.arrive = arrive;
  sleeper->guest.leave = leave;
  sleeper->class = class;
  sleeper->home = home;
  sleeper->task = task;
  if (home) saros__shared_ref(saros__mailbox_shared(home));
  atomic_init(&sleeper->holds, 1);
  ticket->sleeper = sleeper;
  return sleeper;
}

/* ---- a task ---- */

saros_task_t *saros__sleeper_task(lua_State *L, saros_runtime_t *rt, const char *what) {
  return rt->running || rt->script ? saros__task_suspendable(L, rt, what) : NULL;
}

/* The loop, which is open, does not hold the sleeper any more. */
static void stop_waiting(saros_sleeper_t *sleeper) {
  saros_loop_t *loop = sleeper->task->future.loop;
  sleeper->waiting = false;
  saros__mailbox_exit(sleeper->home, &sleeper->guest);
  saros__mailbox_expect(sleeper->home, -1);
  saros__loop_unref(loop);
}

/* The task was cancelled, or its loop closes. */
static void withdraw(saros_task_t *task, void *owner) {
  saros_sleeper_t *sleeper = owner;
  (void)task;
  if (!sleeper->waiting) return;
  stop_waiting(sleeper);
  sleeper->class->give_up(sleeper);
  let_go(sleeper);
}

/* The loop closes, or was collected, and the task will not go on. */
static void leave(saros_guest_t *guest) {
  saros_sleeper_t *sleeper = of_guest(guest);
  sleeper->waiting = false;
  sleeper->class->give_up(sleeper);
  let_go(sleeper);
}

static int wake(lua_State *L) {
  saros_task_t *task = lua_touserdata(L, 1);
  saros__task_wake(L, task->future.loop, task);
  return 0;
}

static void arrive(saros_loop_t *loop, saros_parcel_t *parcel) {
  saros_sleeper_t *sleeper = (saros_sleeper_t *)parcel;
  if (loop && sleeper->waiting) {
    stop_waiting(sleeper);
    saros__loop_protect(loop, wake, sleeper->task, "Cannot wake a task that waits for another thread");
    let_go(sleeper);
  }
  let_go(sleeper);
}

int saros__sleeper_suspend(lua_State *L, saros_sleeper_t *sleeper, lua_KFunction k) {
  saros_task_t *task = sleeper->task;
  saros__task_settle(L, task); /* may raise: the ticket gives up then */
  sleeper->waiting = true;
  hold(sleeper);
  saros__mailbox_enter(sleeper->home, &sleeper->guest);
  saros__mailbox_expect(sleeper->home, 1);
  saros__loop_ref(task->future.loop);
  return saros__task_suspend_settled(L, task, withdraw, sleeper, lua_gettop(L), k);
}

saros_sleeper_t *saros__sleeper_resumed(lua_State *L, saros_runtime_t *rt, int ticket) {
  if (!saros__task_goes_on(L, rt)) {
    saros__sleeper_release(L, ticket);
    lua_error(L);
  }
  return ((saros_ticket_t *)lua_touserdata(L, ticket))->sleeper;
}

/* ---- a thread ---- */

enum saros_blocked saros__sleeper_block(lua_State *L, saros_runtime_t *rt, saros_sleeper_t *sleeper, uv_mutex_t *lock,
                                        uv_cond_t *changed, uint64_t deadline, lua_Hook before) {
  enum saros_blocked result = SAROS_BLOCKED_NOTIFIED;
  saros__loan_was_read(rt);
  uv_mutex_lock(lock);
  while (!sleeper->notified && result == SAROS_BLOCKED_NOTIFIED) {
    uint64_t now = saros__now_ns(), left = deadline > now ? deadline - now : 0;
    if (left == 0) {
      result = SAROS_BLOCKED_TIMEOUT;
    } else if (saros__blocking_stopped(L, rt, before)) {
      result = SAROS_BLOCKED_STOPPED;
    } else {
      uv_cond_timedwait(changed, lock, left < SAROS_BLOCKING_SLICE ? left : SAROS_BLOCKING_SLICE);
    }
  }
  uv_mutex_unlock(lock);
  return result;
}

/* ---- the owner's side ---- */

void saros__sleeper_notify(saros_sleeper_t *sleeper, saros_parcel_t **outbox, uv_cond_t *changed) {
  sleeper->notified = true;
  if (!sleeper->home) {
    uv_cond_broadcast(changed);
    return;
  }
  hold(sleeper);
  sleeper->parcel.next = *outbox;
  *outbox = &sleeper->parcel;
}

void saros__sleeper_deliver(saros_parcel_t *outbox) {
  saros_parcel_t *ordered = NULL;
  while (outbox) { /* the first who was told is the last in the list */
    saros_parcel_t *next = outbox->next;
    outbox->next = ordered;
    ordered = outbox;
    outbox = next;
  }
  while (ordered) {
    saros_parcel_t *next = ordered->next;
    saros_mailbox_t *home = ((saros_sleeper_t *)ordered)->home;
    saros__shared_ref(saros__mailbox_shared(home)); /* the parcel's */
    saros__mailbox_deliver(home, ordered);
    ordered = next;
  }
}

void saros__sleeper_open(lua_State *L, saros_runtime_t *rt) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, ticket_gc);
  lua_setfield(L, -2, "__gc");
  saros__store_slot(L, rt, SAROS_SLOT_TICKET);
}
