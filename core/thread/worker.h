/* worker.h: how a worker sees its pool; see pool.h.
 *
 * Threads: the worker's, for what says nothing else.
 */
#ifndef SAROS_THREAD_WORKER_H
#define SAROS_THREAD_WORKER_H

#include "thread/pool.h"
#include "thread/spin.h"

typedef struct saros_worker {
  saros_workers_t *pool;                     /* a reference */
  struct saros_worker *previous, *next;      /* of the pool's living ones; `next` alone of those that have ended */
  struct saros_worker *below;                /* that fell asleep before */
  uv_thread_t thread;
  uv_sem_t wake;
  saros_job_t *job; /* that it runs */
  saros_stop_t stop;   /* of a thread that runs Lua */
  saros_child_t child; /* of one that has a process */
  saros_spinner_t spinner;
  uint64_t sample_began; /* nanoseconds */
  unsigned sampled;      /* jobs that it has done since */
  uint32_t pause;        /* before it looks for jobs while nothing is urgent, nanoseconds */
  bool is_awaited;       /* the loop of its last job had come to look at the ones before */
  unsigned number;
  bool detached; /* nobody will join its thread: it frees itself */
} saros_worker_t;

/* Any thread: starts one, which looks for jobs; under the pool's lock. */
saros_worker_t *saros__worker_start(saros_workers_t *pool, const saros_worker_class_t *class, unsigned number);
/* Any thread: when its thread has ended. */
void saros__worker_free(saros_worker_t *worker);

/* ---- what the pool has for its workers, in pool.c and pool_search.c ---- */

/* Puts what new workers need into the arguments: the name, the paths, as copies; the initializer, which stays the
 * pool's. */
typedef struct saros_workers_setup {
  char name[16];
  saros_paths_t paths;
  const saros_message_t *initializer;
} saros_workers_setup_t;
void saros__workers_setup(saros_workers_t *pool, const saros_worker_t *worker, saros_workers_setup_t *setup);
/* How processes are started; it does not change. */
const saros_command_t *saros__workers_command(const saros_workers_t *pool);

/* The worker's setup, and the thread's name as the system shows it. */
void saros__worker_enter(saros_worker_t *worker, saros_workers_setup_t *setup);

/* The worker's job is over: what would stop it comes too late. Returns the next one, if there is one, else the worker
 * has to search. */
saros_job_t *saros__workers_finish(saros_workers_t *pool, saros_worker_t *worker);

/* Waits for a job, which the worker then runs; NULL: it has to end. A worker begins like this. */
saros_job_t *saros__workers_search(saros_workers_t *pool, saros_worker_t *worker);

/* No worker can work: all jobs fail, now and later. Takes the reason over, which may be NULL. */
void saros__workers_break(saros_workers_t *pool, char *reason);

/* The worker ends: all that it does afterwards is to return. */
void saros__workers_leave(saros_workers_t *pool, saros_worker_t *worker);

#endif
