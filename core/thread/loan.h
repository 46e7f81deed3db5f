/* loan.h: long strings that travel without a copy in between.
 *
 * A message of an executor's job does not have the bytes of a long string, but a
 * loan: the lender's state keeps the string, so that its bytes stay where they are,
 * and the reader's string is made of them directly. A loan is a shared object
 * (shared.h), of which the lender has a reference, and each message that carries it
 * another. When the lender's is the only one left, the string is let go: that is
 * looked at when jobs come and go (saros__loans_review), since it takes the lender's
 * thread.
 *
 * A lender whose state closes recalls what it has lent: a loan gets a copy of its
 * own then, so no state has to live for another one.
 *
 * Reading makes a string, which may run finalizers, and the lock is held meanwhile.
 * Code that runs then comes after the copying. So whoever is about to wait for
 * another thread, which may be a lender that closes, says first that the reading is
 * over: saros__loan_was_read.
 *
 * Threads: the lender's and the reader's. The lock protects `bytes` and what they
 * point to; it is held while a string is made of them, or a copy, and no other lock
 * is taken then.
 */
#ifndef SAROS_THREAD_LOAN_H
#define SAROS_THREAD_LOAN_H

#include "thread/shared.h"

typedef struct saros_loan saros_loan_t;

/* Shorter strings are copied: that takes less time than this here. */
enum { SAROS_LEAST_LOAN = 65536 };

/* Lends the string at `index`; the reference is the lender's, a message takes its own. NULL when the state is
 * closing: then it has to be copied. May raise. */
saros_shared_t *saros__loan_new(lua_State *L, saros_runtime_t *rt, int index);

/* In another state: pushes the string. May raise. */
void saros__loan_push(lua_State *L, saros_runtime_t *rt, saros_shared_t *loan);

/* Code of this state runs: what was being read has been copied. */
void saros__loan_was_read(saros_runtime_t *rt);

/* Lets strings go that nobody will read any more, the oldest ones first. Needs room for two values, and does not
 * raise. */
void saros__loans_review(lua_State *L, saros_runtime_t *rt);

void saros__loan_open(lua_State *L, saros_runtime_t *rt);

#endif
