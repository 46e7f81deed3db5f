/* pool.h: threads that run jobs.
 *
 * A worker is a thread with a Lua state of its own (worker.c), or one that has a process
 * run its jobs (process_worker.c): its class says which. Jobs wait in one backlog
 * (backlog.h), and a worker takes one at a time: none waits behind a long one while
 * another worker is free. Workers that have nothing to do look at the backlog for some
 * microseconds, because falling asleep and waking up again take longer than most jobs;
 * then they sleep, and the last one to do so is the first to be woken, for its memory is
 * warm.
 *
 * Waking and starting are chained: whoever adds a job sees to it that one worker
 * looks for jobs, and a worker that has found one, and leaves others behind, does
 * the same. So many long jobs soon occupy all. When jobs are tiny, whoever is called
 * does not take any but watches: it looks ten thousand times a second whether the
 * others get on, and helps if they do not. So a burst of tiny jobs is done by few,
 * and one that takes long among them delays nobody by more than that.
 *
 * Who owns what: the executor has a reference to its pool, and so has every worker.
 * A job belongs to the pool from saros__workers_add until it is delivered. Workers
 * that have ended are kept to be joined.
 *
 * The lock protects everything but what is atomic, and the backlog's inbox. It is not
 * held while Lua runs, and no other lock is taken with it but the inbox's and a child's;
 * it is while a thread is started or signalled, for then the thread cannot end.
 *
 * Threads: the executor's, for what says nothing else.
 */
#ifndef SAROS_THREAD_POOL_H
#define SAROS_THREAD_POOL_H

#include "thread/child.h"
#include "thread/job.h"
#include "thread/state.h"

typedef struct saros_workers saros_workers_t;

/* How the workers of a pool do their jobs. */
typedef struct saros_worker_class {
  /* What a worker's thread runs; the argument is the worker. */
  void (*main)(void *worker);
  /* Any thread, under the pool's lock: what the worker does has to end. */
  void (*stop)(struct saros_worker *worker);
  /* The worker's thread, under the pool's lock: its job is done, what would stop it comes too late. */
  void (*done)(struct saros_worker *worker);
} saros_worker_class_t;

extern const saros_worker_class_t saros__thread_workers, saros__process_workers;

typedef struct saros_workers_options {
  const saros_worker_class_t *class;
  unsigned max;
  const char *name;              /* of the threads, without their numbers */
  saros_message_t *initializer;  /* a call, or NULL */
  saros_paths_t paths;           /* of the workers' states */
  saros_command_t command;       /* of processes: how to start one */
} saros_workers_options_t;

/* Takes the initializer, the paths and the command over; NULL when out of memory, and then they are still the
 * caller's. */
saros_workers_t *saros__workers_new(const saros_workers_options_t *options);

/* Whether jobs can be added; else why not. */
enum saros_workers_state { SAROS_WORKERS_OPEN, SAROS_WORKERS_SHUT, SAROS_WORKERS_BROKEN, SAROS_WORKERS_NO_THREAD };
enum saros_workers_state saros__workers_state(saros_workers_t *workers);
/* Why the pool is broken. */
const char *saros__workers_reason(const saros_workers_t *workers);

/* Adds a job, if the pool is open. Without any worker, none can be started either, it is not added. */
enum saros_workers_state saros__workers_add(saros_workers_t *workers, saros_job_t *job);

/* Takes a job back that no worker has begun: true. One that runs is told to stop, and will be delivered. */
bool saros__workers_cancel(saros_workers_t *workers, saros_job_t *job);

/* No more jobs are added; workers end when there are none left. */
void saros__workers_shut(saros_workers_t *workers);
/* Takes all jobs out that no worker has begun, as a list in order. */
saros_job_t *saros__workers_take_all(saros_workers_t *workers);
/* Makes every job that runs stop. */
void saros__workers_stop(saros_workers_t *workers);

/* Waits until all workers have ended, for this many nanoseconds at most; true if they have. */
bool saros__workers_wait(saros_workers_t *workers, uint64_t limit);
/* The same without a thread that waits: `pending` is delivered when they have, now if need be. */
void saros__workers_tell(saros_workers_t *workers, saros_pending_t *pending);
/* Joins the threads of workers that have ended. */
void saros__workers_join(saros_workers_t *workers);
/* Nobody will join the others any more: they go on by themselves. */
void saros__workers_detach(saros_workers_t *workers);

/* Drops the executor's reference. */
void saros__workers_release(saros_workers_t *workers);

#endif
