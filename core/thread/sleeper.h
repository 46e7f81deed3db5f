/* sleeper.h: who waits for other threads: a task, which is suspended, or a thread
 * without a loop, which blocks.
 *
 * What is waited for (a channel, a promise; called the owner here) makes a sleeper
 * part of a larger structure and keeps it in a list of its own, under its own lock.
 * It notifies a sleeper once. That of a task then travels to the task's loop as a
 * parcel, which the owner delivers after it has given its lock back: a loop that is
 * closed gives the parcel back at once.
 *
 * A sleeper is held by its ticket, a userdata on the stack of whoever waits; by the
 * loop while the task waits; by its parcel while that is on the way. The last one
 * frees it. So nothing is left behind by a task whose coroutine the program has
 * closed, or whose loop was collected: the ticket's finalizer gives up for it.
 *
 * Threads: notify and deliver are for any, the rest is for the one that waits.
 * `notified` is protected by the owner's lock.
 */
#ifndef SAROS_THREAD_SLEEPER_H
#define SAROS_THREAD_SLEEPER_H

#include <stdatomic.h>

#include "task/task.h"
#include "thread/mailbox.h"

typedef struct saros_sleeper saros_sleeper_t;

typedef struct saros_sleeper_class {
  /* Nobody waits any more: takes the sleeper out of its list, and gives back what it was notified of but has not
   * taken. Takes the owner's lock. May be called again. */
  void (*give_up)(saros_sleeper_t *sleeper);
  /* On any thread. */
  void (*free)(saros_sleeper_t *sleeper);
} saros_sleeper_class_t;

struct saros_sleeper {
  saros_parcel_t parcel; /* first */
  saros_guest_t guest;
  const saros_sleeper_class_t *class;
  saros_mailbox_t *home; /* of the task's loop, a reference; NULL: a thread that blocks */
  saros_task_t *task;
  atomic_uint holds;
  bool waiting; /* the loop holds it */
  bool notified;
};

/* The task that will wait; NULL in a thread that may block. Raises where neither can wait. */
saros_task_t *saros__sleeper_task(lua_State *L, saros_runtime_t *rt, const char *what);

/* Pushes the ticket of a new sleeper, the first part of `size` bytes that are zero else. May raise. */
saros_sleeper_t *saros__sleeper_push(lua_State *L, saros_runtime_t *rt, const saros_sleeper_class_t *class, size_t size,
                                     saros_task_t *task);

/* Suspends the task until the sleeper is notified, or the task cancelled; `k` runs then, with the index of the ticket
 * as context. The ticket is on top. `return saros__sleeper_suspend(...)`. */
int saros__sleeper_suspend(lua_State *L, saros_sleeper_t *sleeper, lua_KFunction k);
/* First thing in the continuation: gives the sleeper, or raises the CancelledError. */
saros_sleeper_t *saros__sleeper_resumed(lua_State *L, saros_runtime_t *rt, int ticket);

enum saros_blocked { SAROS_BLOCKED_NOTIFIED, SAROS_BLOCKED_TIMEOUT, SAROS_BLOCKED_STOPPED };
/* Blocks the thread until the sleeper is notified; until the deadline at the latest, in nanoseconds of the monotonic
 * clock; or until the thread is to stop: then `return saros__blocking_end(L, rt, before)`. The owner's lock is not
 * held; `changed` is what its notifications signal. */
enum saros_blocked saros__sleeper_block(lua_State *L, saros_runtime_t *rt, saros_sleeper_t *sleeper, uv_mutex_t *lock,
                                        uv_cond_t *changed, uint64_t deadline, lua_Hook before);

/* Whoever waited is done with the sleeper of the ticket: gives up and lets it go. */
void saros__sleeper_release(lua_State *L, int ticket);

/* With the owner's lock held, once: parcels are collected in `outbox`, the newest first. */
void saros__sleeper_notify(saros_sleeper_t *sleeper, saros_parcel_t **outbox, uv_cond_t *changed);
/* Afterwards, without it. */
void saros__sleeper_deliver(saros_parcel_t *outbox);

void saros__sleeper_open(lua_State *L, saros_runtime_t *rt);

#endif
