/* backlog.h: the jobs of a pool that no worker has begun, in the order in which they came.
 *
 * What comes goes into the inbox. A worker that finds the queue empty moves the whole
 * inbox into it, and takes from there. So the loop that adds jobs and the workers that
 * take them write to different lines of the cache, and seldom wait for each other.
 *
 * Threads: adding is for one, the rest for any. Two locks protect it, which are always
 * locked in this order: the pool's own, for the queue and for taking from it; then the
 * one in here, for the inbox. What is atomic may be looked at without them.
 */
#ifndef SAROS_THREAD_BACKLOG_H
#define SAROS_THREAD_BACKLOG_H

#include "structures/hints.h"
#include "thread/job.h"
#include "thread/spin.h"

/* Each linked to both neighbours. */
typedef struct saros_jobs {
  saros_job_t *first, *last;
} saros_jobs_t;

typedef struct saros_backlog {
  char apart[SAROS_CACHE_LINE];
  uv_mutex_t lock;
  saros_jobs_t inbox;
  atomic_bool filled;  /* there is something in the inbox */
  atomic_uint added;   /* how many jobs ever were */
  saros_cpu_t sender;  /* where the last job came from */
  char apart_again[SAROS_CACHE_LINE];
  saros_jobs_t queue;
  atomic_bool left;    /* there is something in the queue */
  unsigned taken;      /* how many jobs ever were */
} saros_backlog_t;

/* A lock that is held for some nanoseconds at a time: not worth sleeping for. Returns 0 or an error number. */
int saros__short_lock_init(uv_mutex_t *lock);

/* Of a backlog that is all zero. Returns 0 or an error number. */
int saros__backlog_init(saros_backlog_t *backlog);
void saros__backlog_destroy(saros_backlog_t *backlog);

/* True if there is no job, as far as this thread can know. */
static inline bool saros__backlog_is_empty(saros_backlog_t *backlog) {
  return !atomic_load(&backlog->left) && !atomic_load(&backlog->filled);
}

/* With the inbox locked: adds a job at the end. */
void saros__backlog_add(saros_backlog_t *backlog, saros_job_t *job);

/* With the pool locked: the first job, or NULL. */
saros_job_t *saros__backlog_take(saros_backlog_t *backlog);
/* About how many there are. */
unsigned saros__backlog_count(saros_backlog_t *backlog);

/* With both locked: takes out a job that is waiting; or all of them, as a list in order. */
void saros__backlog_remove(saros_backlog_t *backlog, saros_job_t *job);
saros_job_t *saros__backlog_take_all(saros_backlog_t *backlog);

#endif
