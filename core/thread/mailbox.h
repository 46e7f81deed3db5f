/* mailbox.h: a loop as other threads see it.
 *
 * A loop that travels to another state arrives as a proxy of its mailbox, which
 * outlives the loop: a call that comes too late finds it closed. The loop makes
 * its mailbox when one is first needed, and closes it when it is closed itself.
 *
 * Two ways lead in. `post` is for calls: it goes through wakeup.h. `deliver` is
 * for jobs that were done, by the thousand: a list without a lock, looked at
 * before each poll; only a loop that sleeps is woken by a system call. A loop
 * that waits for jobs looks at the list for a few microseconds before it goes to
 * sleep (spin.h).
 *
 * Threads: `post` and `deliver` are for any; the rest is for the loop's own.
 * The lock protects `loop`: while it is held the loop is not closed. Nothing is
 * run with the lock held. The list of arrivals ends with the loop: what is
 * delivered later finds a mark in its place.
 */
#ifndef SAROS_THREAD_MAILBOX_H
#define SAROS_THREAD_MAILBOX_H

#include "loop/loop.h"
#include "thread/shared.h"

/* Something that was done elsewhere. On the loop's thread, `arrive` is called once with the loop, outside of Lua;
 * for a loop that was closed before it is called with NULL, on any thread, to free what it carries. */
typedef struct saros_parcel {
  struct saros_parcel *next;
  void (*arrive)(saros_loop_t *loop, struct saros_parcel *parcel);
} saros_parcel_t;

typedef struct saros_mailbox saros_mailbox_t;

/* Somebody on the loop's thread who must be told when the loop closes. */
typedef struct saros_guest {
  struct saros_guest *previous, *next;
  void (*leave)(struct saros_guest *guest); /* the loop closes; the guest is no guest any more. Runs no Lua code. */
} saros_guest_t;

/* The mailbox of the loop, made now if it has none; not a reference of the caller's. May raise. */
saros_mailbox_t *saros__mailbox(lua_State *L, saros_loop_t *loop);

saros_shared_t *saros__mailbox_shared(saros_mailbox_t *mailbox);

/* Any thread: runs `run(loop, context)` on the loop's thread, in the poll. Returns 0, UV_ECANCELED if the loop is
 * closed, or UV_ENOMEM. */
int saros__mailbox_post(saros_mailbox_t *mailbox, saros_post_fn run, void *context);

/* Any thread: hands the parcel over, whatever became of the loop. The caller's reference to the mailbox goes
 * with it. False if the loop has not come to look at what was delivered before. */
bool saros__mailbox_deliver(saros_mailbox_t *mailbox, saros_parcel_t *parcel);

/* Gives a reference to what goes out of the loop. */
void saros__mailbox_ref(saros_mailbox_t *mailbox);

/* The loop expects one more parcel, or one less: what keeps run() going, and makes it worth looking twice. */
void saros__mailbox_expect(saros_mailbox_t *mailbox, int more);

/* The guest is told when the loop closes, until it goes itself. */
void saros__mailbox_enter(saros_mailbox_t *mailbox, saros_guest_t *guest);
void saros__mailbox_exit(saros_mailbox_t *mailbox, saros_guest_t *guest);

/* True if the mailbox is of a loop of this state. */
bool saros__mailbox_is_own(const saros_mailbox_t *mailbox, const saros_runtime_t *rt);

/* The mailbox of the open loop, or of the loop proxy, at `index`; else `bad argument`, or a RuntimeError. */
saros_mailbox_t *saros__mailbox_of(lua_State *L, int index);

/* The mailbox of the loop proxy at `index`, or `bad argument`. */
saros_mailbox_t *saros__mailbox_check(lua_State *L, int index);

/* What stands for a mailbox in other states; its methods are in calls.c. */
extern const saros_shared_class_t saros__proxy_class;

#endif
