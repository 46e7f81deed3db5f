/* job.h: one call in another thread, with the future of its results.
 *
 * The message of a job is the call, on the way to the worker, then the results or
 * the error, on the way back. The owner of its pending part is the executor, which is
 * alive as long as the loop keeps it, see executor.c.
 *
 * Threads: whoever has the job: first the executor's, then a worker's, then the
 * loop's.
 */
#ifndef SAROS_THREAD_JOB_H
#define SAROS_THREAD_JOB_H

#include "thread/message.h"
#include "thread/pending.h"
#include "thread/slab.h"

struct saros_worker;

enum saros_outcome {
  SAROS_JOB_NONE, /* nobody wants to know */
  SAROS_JOB_RESULTS,
  SAROS_JOB_FAILED, /* the message is the error, and a traceback or nil */
  SAROS_JOB_BROKEN,
  SAROS_JOB_DIED, /* the process that ran it has ended, with `status` */
};

typedef struct saros_job {
  saros_pending_t pending; /* first */
  struct saros_job *previous, *next; /* in the queue of the workers */
  struct saros_worker *worker; /* that runs it */
  bool queued;
  uint8_t outcome;
  bool lost; /* memory ran out for its message */
  int status; /* as waitpid gives it; -1: unknown */
  saros_slab_t *slab; /* that its memory is of */
  saros_message_t message;
} saros_job_t;

/* In the worker's thread and state: makes the call. Does not raise. */
void saros__job_run(saros_job_t *job, lua_State *L, saros_runtime_t *rt);

/* The message of the job is the results. */
void saros__job_has_results(saros_job_t *job);

/* Makes the call of a message alone, which is replaced by what comes back; SAROS_JOB_NONE when memory runs out for
 * that. `mode` is SAROS_PACK_LEND or SAROS_PACK_FOR_PROCESS. All of the stack of L is the call's. */
enum saros_outcome saros__perform(lua_State *L, saros_runtime_t *rt, saros_message_t *message, int mode);

/* Calls an initializer, and clears the stack of L. False if it failed, with the reason as text, the caller's to free;
 * NULL if there is no memory for it. */
bool saros__run_initializer(lua_State *L, saros_runtime_t *rt, const saros_message_t *initializer, char **reason);

/* Makes the call of a message in L, in protected mode; what it raises is on top then. */
int saros__run_message(lua_State *L, saros_runtime_t *rt, const saros_message_t *message);

/* Packs the error on top of L, with its traceback; false when memory runs out. Leaves things on the stack. `mode` is 0,
 * SAROS_PACK_LEND or SAROS_PACK_FOR_PROCESS. */
bool saros__pack_failure(lua_State *L, saros_runtime_t *rt, int mode, saros_message_t *message);

#endif
