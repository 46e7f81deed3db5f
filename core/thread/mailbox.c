#include "thread/mailbox.h"

#include <stdlib.h>

#include "loop/errors.h"
#include "thread/slots.h"

struct saros_mailbox {
  saros_shared_t shared; /* first */
  uv_mutex_t lock;
  saros_loop_t *loop; /* NULL once it is closed */
  const saros_runtime_t *rt; /* only compared */
  _Atomic(saros_parcel_t *) arrived; /* the newest one first */
  atomic_bool asleep; /* the loop waits in the system, or is about to */
  int expected;
};

/* How long a loop looks for parcels before it sleeps, in nanoseconds, and how often between two looks at the clock. */
enum { SPIN_NS = 20000, SPINS_PER_LOOK = 32 };

static inline void pause_spin(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
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

static saros_parcel_t *take_all(saros_mailbox_t *mailbox) {
  saros_parcel_t *newest = atomic_exchange_explicit(&mailbox->arrived, NULL, memory_order_acquire);
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
  hand_out(loop, take_all(mailbox));
  return true;
}

/* The loop has nothing to do: true if something has come, else it may sleep now. */
static bool linger(saros_loop_t *loop, uint64_t deadline) {
  saros_mailbox_t *mailbox = loop->mailbox;
  if (mailbox->expected > 0) {
    uint64_t limit = saros__now_ns() + SPIN_NS;
    if (limit > deadline) limit = deadline;
    do {
      for (int i = 0; i < SPINS_PER_LOOK && is_empty(mailbox); i++) pause_spin();
    } while (is_empty(mailbox) && saros__now_ns() < limit);
  }
  if (collect(loop)) return true;
  atomic_store(&mailbox->asleep, true);
  if (is_empty(mailbox)) return false;
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
  loop->mailbox = NULL;
  uv_mutex_lock(&mailbox->lock);
  mailbox->loop = NULL;
  uv_mutex_unlock(&mailbox->lock);
  hand_out(NULL, take_all(mailbox));
  saros__shared_unref(&mailbox->shared);
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

void saros__mailbox_expect(saros_mailbox_t *mailbox, int more) {
  mailbox->expected += more;
}

/* ---- any thread ---- */

int saros__mailbox_post(saros_mailbox_t *mailbox, saros_post_fn run, void *context) {
  uv_mutex_lock(&mailbox->lock);
  int code = mailbox->loop ? saros__wakeup_post(&mailbox->loop->wakeup, run, context) : UV_ECANCELED;
  uv_mutex_unlock(&mailbox->lock);
  return code;
}

/* Wakes a loop that sleeps; one that is closed gets what is left. */
static void rouse(saros_mailbox_t *mailbox) {
  uv_mutex_lock(&mailbox->lock);
  bool closed = !mailbox->loop;
  if (!closed) uv_async_send(&mailbox->loop->wakeup.async);
  uv_mutex_unlock(&mailbox->lock);
  if (closed) hand_out(NULL, take_all(mailbox));
}

void saros__mailbox_deliver(saros_mailbox_t *mailbox, saros_parcel_t *parcel) {
  saros__shared_ref(&mailbox->shared); /* the parcel's own reference may go as soon as it is in */
  saros_parcel_t *newest = atomic_load_explicit(&mailbox->arrived, memory_order_relaxed);
  do {
    parcel->next = newest;
  } while (!atomic_compare_exchange_weak(&mailbox->arrived, &newest, parcel));
  uv_mutex_lock(&mailbox->lock);
  bool closed = !mailbox->loop;
  uv_mutex_unlock(&mailbox->lock);
  if (closed || (newest == NULL && atomic_exchange(&mailbox->asleep, false))) rouse(mailbox);
  saros__shared_unref(&mailbox->shared);
}
