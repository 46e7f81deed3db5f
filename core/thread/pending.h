/* pending.h: a future that another thread completes.
 *
 * Both ends are in one block, a pending_t that is part of a larger structure. While
 * it is out, the loop keeps the future, and run() goes on. It comes back once, as a
 * parcel; then its future is completed on the loop's thread, by `settle`, and the
 * block is freed. A loop that closes meanwhile forgets the future, and the block is
 * freed where it arrives.
 *
 * `future` belongs to the loop's thread: NULL once nobody waits any more.
 *
 * Threads: saros__pending_deliver is for any, the rest is for the loop's own.
 */
#ifndef SAROS_THREAD_PENDING_H
#define SAROS_THREAD_PENDING_H

#include <stddef.h>

#include "structures/hints.h"
#include "task/future.h"
#include "thread/mailbox.h"

typedef struct saros_pending saros_pending_t;

typedef struct saros_pending_class {
  /* The future was completed by somebody else, cancelled as a rule; on its loop's thread. NULL: nothing to do. */
  void (*abandoned)(saros_pending_t *pending);
  /* Pushes the results and returns how many, or raises the future's error. */
  int (*settle)(lua_State *L, saros_loop_t *loop, saros_pending_t *pending);
  /* It is out no more, on the loop's thread; must not raise. The loop is NULL, and so is L, if it closes before: no
   * Lua then. May be NULL. */
  void (*returned)(lua_State *L, saros_loop_t *loop, saros_pending_t *pending);
  /* On any thread. */
  void (*free)(saros_pending_t *pending);
} saros_pending_class_t;

struct saros_pending {
  /* The loop's own. Guests are linked: whoever comes or goes writes to its neighbours, so this part is apart from
   * the rest. */
  saros_guest_t guest; /* first */
  const saros_pending_class_t *class;
  saros_future_t *future;
  void *owner;   /* whatever the class knows it by */
  uint32_t slot; /* where the loop keeps it */
  char apart[SAROS_CACHE_LINE - (sizeof(saros_guest_t) + 4 * sizeof(void *)) % SAROS_CACHE_LINE];
  /* Whoever has it. */
  saros_parcel_t parcel;
  saros_mailbox_t *home; /* a reference, while it is out */
  bool is_plain; /* settling raises nothing, unless memory runs out */
  bool is_bare;  /* it raises nothing at all, and has one result at most */
};

static inline saros_pending_t *saros__pending_of(saros_parcel_t *parcel) {
  return (saros_pending_t *)((char *)parcel - offsetof(saros_pending_t, parcel));
}

/* Pushes a new future of this loop, which the loop keeps in a slot; it gets its mailbox, too. May raise. */
saros_future_t *saros__pending_future(lua_State *L, saros_loop_t *loop, uint32_t *slot);
/* Nothing is out for the future in this slot: the loop need not keep it. Does not raise. */
void saros__pending_drop(lua_State *L, saros_loop_t *loop, uint32_t slot);
/* Pushes it. */
void saros__pending_push(lua_State *L, const saros_pending_t *pending);

/* Sends the block out for a new future, which is at `index`. Does not fail. */
void saros__pending_begin(lua_State *L, saros_loop_t *loop, saros_pending_t *pending, int index, uint32_t slot);

/* Any thread: it comes back. False if its loop has not come to look at what came before. */
bool saros__pending_deliver(saros_pending_t *pending);

#endif
