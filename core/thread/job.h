/* job.h: one call in another thread, with the future of its results.
 *
 * The message of a job is the call, on the way to the worker, then the results or
 * the error, on the way back.
 *
 * Threads: whoever has the job: first the executor's, then a worker's, then the
 * loop's.
 */
#ifndef SAROS_THREAD_JOB_H
#define SAROS_THREAD_JOB_H

#include "thread/message.h"
#include "thread/pending.h"

struct saros_worker;
struct saros_executor;

enum saros_outcome {
  SAROS_JOB_NONE, /* nobody wants to know */
  SAROS_JOB_RESULTS,
  SAROS_JOB_FAILED, /* the message is the error, and a traceback or nil */
  SAROS_JOB_BROKEN,
};

typedef struct saros_job {
  saros_pending_t pending; /* first */
  struct saros_job *previous, *next; /* in the queue of the workers */
  bool queued;
  struct saros_worker *worker; /* that runs it */
  struct saros_executor *executor; /* alive as long as the loop keeps it, see executor.c */
  uint8_t outcome;
  bool lost; /* memory ran out for its message */
  saros_message_t message;
} saros_job_t;

/* In the worker's thread and state: makes the call. Does not raise. */
void saros__job_run(saros_job_t *job, lua_State *L, saros_runtime_t *rt);

/* Makes the call of a message in L, in protected mode; what it raises is on top then. */
int saros__run_message(lua_State *L, saros_runtime_t *rt, const saros_message_t *message);

/* Packs the error on top of L, with its traceback; false when memory runs out. Leaves things on the stack. */
bool saros__pack_failure(lua_State *L, saros_runtime_t *rt, saros_message_t *message);

#endif
