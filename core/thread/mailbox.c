#include "thread/mailbox.h"

#include <stdlib.h>

#include "loop/errors.h"
#include "structures/hints.h"
#include "thread/loan.h"
#include "thread/slots.h"
#include "thread/spin.h"

struct saros_mailbox {
  saros_shared_t shared; /* first */
  uv_mutex_t lock;
  saros_loop_t *loop; /* NULL once it is closed */
  const saros_runtime_t *rt; /* only compared */
  char apart[SAROS_CACHE_LINE];
  /* Written by senders; while the loop is busy, by nobody else. */
  _Atomic(saros_parcel_t *) arrived; /* the newest one first */
  atomic_bool asleep; /* the loop waits in the system, or is about to */
  saros_cpu_t sender; /* where the last parcel came from */
  char apart_again[SAROS_CACHE_LINE];
  /* The loop's own. */
  int expected;
  uint32_t stock; /* references for what goes out */
  saros_spinner_t spinner;
  saros_guest_t *guests;
};

/* What `arrived` is when nothing can arrive any more. */
static inline saros_parcel_t *closed_mark(saros_mailbox_t *mailbox) {
  return (saros_parcel_t *)mailbox;
}

static void destroy(saros_shared_t *shared) {
  saros_mailbox_t *mailbox = (saros_mailbox_t *)shared;
  uv_mutex_destroy(&mailbox->lock);
  free(mailbox);
}

/* At home a loop is itself again. */
static bool push_own(lua_State *L, saros_runtime_t *rt, saros_shared_t *shared) {
  const saros_mailbox_t *mailbox = (saros_mailbox_t *)shared;
  if (mailbox->rt != rt || !mailbox->loop) return false;
  saros__push_loop(L, mailbox->loop);
  return true;
}

const saros_shared_class_t saros__proxy_class = {"LoopProxy", SAROS_SLOT_PROXY, destroy, push_own};

saros_shared_t *saros__mailbox_shared(saros_mailbox_t *mailbox) {
  return &mailbox->shared;
}

bool saros__mailbox_is_own(const saros_mailbox_t *mailbox, const saros_runtime_t *rt) {
  return mailbox->rt == rt;
}

saros_mailbox_t *saros__mailbox_check(lua_State *L, int index) {
  return (saros_mailbox_t *)saros__shared_check(L, index, &saros__proxy_class);
}

/* ---- arriving: on the loop's thread ---- */

/* Takes what has arrived, the oldest first, and leaves an empty list or the mark in its place. */
static saros_parcel_t *take_all(saros_mailbox_t *mailbox, saros_parcel_t *rest) {
  saros_parcel_t *newest = atomic_exchange(&mailbox->arrived, rest);
  saros_parcel_t *oldest = NULL;
  while (newest) {
    saros_parcel_t *next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

static void hand_out(saros_loop_t *loop, saros_parcel_t *parcel) {
  while (parcel) {
    saros_parcel_t *next = parcel->next;
    parcel->arrive(loop, parcel);
    parcel = next;
  }
}

static bool is_empty(saros_mailbox_t *mailbox) {
  return atomic_load_explicit(&mailbox->arrived, memory_order_relaxed) == NULL;
}

static bool collect(saros_loop_t *loop) {
  saros_mailbox_t *mailbox = loop->mailbox;
  if (is_empty(mailbox)) return false;
  hand_out(loop, take_all(mailbox, NULL));
  return true;
}

/* Looks whether something comes, for some microseconds. */
static void look(saros_mailbox_t *mailbox, uint64_t deadline) {
  uint64_t limit = saros__now_ns() + SAROS_SPIN_NS;
  if (limit > deadline) limit = deadline;
  do {
    for (int i = 0; i < SAROS_SPINS_PER_LOOK && is_empty(mailbox); i++) saros__spin();
  } while (is_empty(mailbox) && saros__now_ns() < limit);
  saros__spin_ended(&mailbox->spinner, !is_empty(mailbox));
}

/* The loop has nothing to do: true if something has come, else it may sleep now. */
static bool linger(saros_loop_t *loop, uint64_t deadline) {
  saros_mailbox_t *mailbox = loop->mailbox;
  saros__loan_was_read(loop->rt);
  if (mailbox->expected > 0 && is_empty(mailbox) && saros__spin_is_worth_it(&mailbox->spinner, &mailbox->sender)) {
    look(mailbox, deadline);
  }
  if (collect(loop)) return true;
  atomic_store(&mailbox->asleep, true);
  if (atomic_load(&mailbox->arrived) == NULL) return false; /* in this order: see saros__mailbox_deliver */
  atomic_store(&mailbox->asleep, false);
  return collect(loop);
}

static void wake_up(saros_loop_t *loop) {
  atomic_store(&loop->mailbox->asleep, false);
  collect(loop);
}

/* ---- the loop's mailbox ---- */

/* The loop closes: what comes from here on is handed to nobody. */
static void close_mailbox(saros_loop_t *loop) {
  saros_mailbox_t *mailbox = loop->mailbox;
  while (mailbox->guests) {
    saros_guest_t *guest = mailbox->guests;
    saros__mailbox_exit(mailbox, guest);
    guest->leave(guest);
  }
  loop->mailbox = NULL;
  uv_mutex_lock(&mailbox->lock);
  mailbox->loop = NULL;
  uv_mutex_unlock(&mailbox->lock);
  hand_out(NULL, take_all(mailbox, closed_mark(mailbox)));
  saros__shared_unref_many(&mailbox->shared, 1 + mailbox->stock);
}

saros_mailbox_t *saros__mailbox(lua_State *L, saros_loop_t *loop) {
  if (loop->mailbox) return loop->mailbox;
  saros_mailbox_t *mailbox = calloc(1, sizeof *mailbox);
  if (!mailbox || uv_mutex_init(&mailbox->lock) != 0) {
    free(mailbox);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  saros__shared_init(&mailbox->shared, &saros__proxy_class);
  mailbox->loop = loop;
  mailbox->rt = loop->rt;
  loop->mailbox = mailbox;
  loop->collect = collect;
  loop->linger = linger;
  loop->wake_up = wake_up;
  loop->close_mailbox = close_mailbox;
  return mailbox;
}

saros_mailbox_t *saros__mailbox_of(lua_State *L, int index) {
  saros_shared_t *shared = saros__shared_test(L, index);
  if (shared && shared->class == &saros__proxy_class) return (saros_mailbox_t *)shared;
  if (!saros__test_marker(L, index, SAROS_MARKER_LOOP)) luaL_typeerror(L, index, "EventLoop");
  return saros__mailbox(L, saros__check_open_loop(L, index));
}

void saros__mailbox_ref(saros_mailbox_t *mailbox) {
  saros__shared_take(&mailbox->shared, &mailbox->stock);
}

void saros__mailbox_expect(saros_mailbox_t *mailbox, int more) {
  mailbox->expected += more;
}

void saros__mailbox_enter(saros_mailbox_t *mailbox, saros_guest_t *guest) {
  guest->previous = NULL;
  guest->next = mailbox->guests;
  if (mailbox->guests) mailbox->guests->previous = guest;
  mailbox->guests = guest;
}

void saros__mailbox_exit(saros_mailbox_t *mailbox, saros_guest_t *guest) {
  if (guest->next) guest->next->previous = guest->previous;
  if (guest->previous) {
    guest->previous->next = guest->next;
  } else {
    mailbox->guests = guest->next;
  }
}

/* ---- any thread ---- */

int saros__mailbox_post(saros_mailbox_t *mailbox, saros_post_fn run, void *context) {
  uv_mutex_lock(&mailbox->lock);
  int code = mailbox->loop ? saros__wakeup_post(&mailbox->loop->wakeup, run, context) : UV_ECANCELED;
  uv_mutex_unlock(&mailbox->lock);
  return code;
}

/* Wakes a loop that sleeps, unless it was closed meanwhile. */
static void rouse(saros_mailbox_t *mailbox) {
  uv_mutex_lock(&mailbox->lock);
  if (mailbox->loop) uv_async_send(&mailbox->loop->wakeup.async);
  uv_mutex_unlock(&mailbox->lock);
}

/* The loop says that it sleeps, then looks whether the list is empty; here it is the other way round. So one of both
 * notices the other. Only the first parcel of a list needs to look. */
bool saros__mailbox_deliver(saros_mailbox_t *mailbox, saros_parcel_t *parcel) {
  saros__cpu_note(&mailbox->sender);
  saros_parcel_t *newest = atomic_load(&mailbox->arrived); /* whoever sees the mark sees what the loop did before */
  do {
    parcel->next = newest;
  } while (newest != closed_mark(mailbox) && !atomic_compare_exchange_weak(&mailbox->arrived, &newest, parcel));
  if (newest == closed_mark(mailbox)) {
    parcel->arrive(NULL, parcel);
  } else if (newest == NULL && atomic_load(&mailbox->asleep) && atomic_exchange(&mailbox->asleep, false)) {
    rouse(mailbox);
  }
  bool is_first = newest == NULL;
  saros__shared_unref(&mailbox->shared);
  return is_first;
}
