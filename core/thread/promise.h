/* promise.h: what one thread will give, and any number of others may wait for.
 *
 * A promise is kept once: with results or an error, as a message that everyone who
 * asks unpacks for himself; or without, when a call was cancelled or its loop is
 * gone. The message does not change any more, so it is read without the lock.
 *
 * An error that nobody asks for must not be lost. A promise may have a loop that is
 * told of its error, which makes a failed future there: when the last reference to
 * the promise goes, or the loop closes, and nobody has asked, that future reports it.
 *
 * Threads: any. The lock protects the fields; nothing else is locked while it is
 * held, and no Lua code runs.
 */
#ifndef SAROS_THREAD_PROMISE_H
#define SAROS_THREAD_PROMISE_H

#include "thread/message.h"
#include "thread/sleeper.h"

enum saros_promised {
  SAROS_PROMISE_PENDING,
  SAROS_PROMISE_RESULTS,
  SAROS_PROMISE_FAILED,    /* the message is the error, and a traceback or nil */
  SAROS_PROMISE_CANCELLED, /* the same, with the CancelledError; or no message */
  SAROS_PROMISE_LOST,      /* no message: its loop was closed, or memory ran out */
};

typedef struct saros_promise saros_promise_t;

/* NULL when out of memory. The caller has a reference. Errors are reported to the loop of the mailbox, if not NULL. */
saros_promise_t *saros__promise_new(saros_mailbox_t *reporter);
/* The same for one that nobody keeps yet, and that has none. */
void saros__promise_report_to(saros_promise_t *promise, saros_mailbox_t *reporter);
void saros__promise_ref(saros_promise_t *promise);
void saros__promise_unref(saros_promise_t *promise);

enum saros_promised saros__promise_state(saros_promise_t *promise);
/* True if it failed, nobody has asked, and no loop was told. */
bool saros__promise_is_unreported(saros_promise_t *promise);

/* Keeps the promise, with a message that is its own from here on, or NULL; false, and the message is freed, if it
 * was kept before. */
bool saros__promise_keep(saros_promise_t *promise, enum saros_promised how, saros_message_t *message);

/* Packs the error on top of L, which is popped; NULL when memory runs out. */
saros_message_t *saros__promise_failure(lua_State *L, saros_runtime_t *rt);

/* How a C function waits: the name that messages give it, and what follows. `k` finds the stack as it was, and the
 * promise still pending if the time was up. */
typedef struct saros_promise_wait {
  const char *what;
  int (*k)(lua_State *L);
} saros_promise_wait_t;

/* Waits until the promise is kept, for at most as many seconds as are at the index `timeout`, if there is something.
 * Suspends a task, blocks elsewhere. Something on the stack keeps the promise. `return saros__promise_wait(...)`. */
int saros__promise_wait(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise, int timeout,
                        const saros_promise_wait_t *wait);

/* Pushes the results and returns how many, or raises the error, of a promise that was kept. */
int saros__promise_take(lua_State *L, saros_runtime_t *rt, saros_promise_t *promise);

#endif
