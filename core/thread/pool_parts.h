/* pool_parts.h: what the files of the pool share.
 *
 * pool.c is what the executor sees, and the beginning and end of pool and workers;
 * pool_search.c is how workers find jobs, and fall asleep when there are none.
 *
 * Threads: as pool.h says. What says so is under the pool's lock.
 */
#ifndef SAROS_THREAD_POOL_PARTS_H
#define SAROS_THREAD_POOL_PARTS_H

#include "thread/backlog.h"
#include "thread/worker.h"

/* How long jobs take, before one was done; nanoseconds. */
enum { SAROS_FIRST_GUESS = 100000 };

struct saros_workers {
  atomic_uint refs;
  unsigned max;
  saros_message_t *initializer;
  saros_paths_t paths;
  saros_command_t command;
  const saros_worker_class_t *class;
  char name[16];
  char *reason;
  atomic_bool shut, broken; /* written under both locks */
  atomic_uint count;     /* workers; written under the lock, as what follows */
  atomic_uint searching; /* workers that look for a job, or are being woken or started to do so */
  atomic_uint free;      /* how many more could be */
  saros_backlog_t backlog;
  /* The rest is the workers'. */
  uv_mutex_t lock;
  uv_cond_t ended;   /* no worker is left */
  uint64_t job_ns;   /* how long a job takes, as far as is known: see pool_search.c */
  uv_cond_t watched; /* a worker fell asleep, or the pool is shut or broken */
  saros_worker_t *living;
  saros_worker_t *asleep; /* the last one first */
  saros_worker_t *gone;   /* to be joined */
  unsigned started;
  saros_parcel_t *told; /* to be delivered when no worker is left */
};

static inline enum saros_workers_state saros__workers_state_of(const saros_workers_t *pool) {
  return pool->shut ? SAROS_WORKERS_SHUT : pool->broken ? SAROS_WORKERS_BROKEN : SAROS_WORKERS_OPEN;
}

/* Under the lock: there are jobs, or will be; sees to it that somebody looks for them. Returns a worker to wake when
 * the lock is released, or NULL. */
saros_worker_t *saros__workers_call(saros_workers_t *pool);

/* Wakes it, if there is one. */
static inline void saros__worker_wake(saros_worker_t *worker) {
  if (worker) uv_sem_post(&worker->wake);
}

/* Under the lock: all that sleep look, and end if there is nothing left to do. */
void saros__workers_wake_all(saros_workers_t *pool);

#endif
