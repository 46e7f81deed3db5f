#include "thread/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thread/pool_parts.h"

/* ---- life and death ---- */

saros_workers_t *saros__workers_new(const saros_workers_options_t *options) {
  saros_workers_t *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  if (saros__short_lock_init(&pool->lock) != 0) goto no_lock;
  if (saros__backlog_init(&pool->backlog) != 0) goto no_backlog;
  if (uv_cond_init(&pool->ended) != 0) goto no_condition;
  if (uv_cond_init(&pool->watched) != 0) goto no_other_condition;
  atomic_init(&pool->refs, 1);
  atomic_init(&pool->free, options->max);
  pool->job_ns = SAROS_FIRST_GUESS;
  pool->max = options->max;
  pool->initializer = options->initializer;
  pool->paths = options->paths;
  pool->command = options->command;
  pool->class = options->class;
  snprintf(pool->name, sizeof pool->name, "%s", options->name);
  return pool;
no_other_condition:
  uv_cond_destroy(&pool->ended);
no_condition:
  saros__backlog_destroy(&pool->backlog);
no_backlog:
  uv_mutex_destroy(&pool->lock);
no_lock:
  free(pool);
  return NULL;
}

/* Nobody else has the pool. Workers that nobody joined may still be on their last steps. */
void saros__workers_release(saros_workers_t *pool) {
  if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) != 1) return;
  while (pool->gone) {
    saros_worker_t *worker = pool->gone;
    pool->gone = worker->next;
    pthread_detach(worker->thread);
    saros__worker_free(worker);
  }
  uv_cond_destroy(&pool->watched);
  uv_cond_destroy(&pool->ended);
  saros__backlog_destroy(&pool->backlog);
  uv_mutex_destroy(&pool->lock);
  saros__message_free(pool->initializer);
  saros__paths_free(&pool->paths);
  free(pool->command.program);
  free(pool->command.code);
  free(pool->reason);
  free(pool);
}

static void lock_both(saros_workers_t *pool) {
  uv_mutex_lock(&pool->lock);
  uv_mutex_lock(&pool->backlog.lock);
}

static void unlock_both(saros_workers_t *pool) {
  uv_mutex_unlock(&pool->backlog.lock);
  uv_mutex_unlock(&pool->lock);
}

/* ---- for the executor ---- */

enum saros_workers_state saros__workers_state(saros_workers_t *pool) {
  return saros__workers_state_of(pool);
}

/* It is there before anybody can learn that the pool is broken, and stays. */
const char *saros__workers_reason(const saros_workers_t *pool) {
  return pool->reason ? pool->reason : "not enough memory";
}

/* Sees to it that somebody looks for the jobs that there are. */
static void summon(saros_workers_t *pool) {
  uv_mutex_lock(&pool->lock);
  saros_worker_t *worker = saros__backlog_is_empty(&pool->backlog) ? NULL : saros__workers_call(pool);
  uv_mutex_unlock(&pool->lock);
  saros__worker_wake(worker);
}

/* The first worker is there before the first job. */
static bool need_worker(saros_workers_t *pool) {
  if (atomic_load_explicit(&pool->count, memory_order_relaxed) > 0) return true;
  uv_mutex_lock(&pool->lock);
  if (saros__workers_state_of(pool) == SAROS_WORKERS_OPEN && pool->count == 0) saros__workers_call(pool);
  bool has_worker = pool->count > 0;
  uv_mutex_unlock(&pool->lock);
  return has_worker;
}

/* Who falls asleep does not search any more, then looks whether there is a job; here it is the other way round. So one
 * of both notices the other. */
enum saros_workers_state saros__workers_add(saros_workers_t *pool, saros_job_t *job) {
  bool has_worker = need_worker(pool);
  saros__cpu_note(&pool->backlog.sender);
  uv_mutex_lock(&pool->backlog.lock);
  enum saros_workers_state state = saros__workers_state_of(pool);
  if (state == SAROS_WORKERS_OPEN && !has_worker) state = SAROS_WORKERS_NO_THREAD;
  if (state == SAROS_WORKERS_OPEN) saros__backlog_add(&pool->backlog, job);
  uv_mutex_unlock(&pool->backlog.lock);
  if (atomic_load(&pool->searching) == 0 && atomic_load(&pool->free) > 0) summon(pool);
  return state;
}

bool saros__workers_cancel(saros_workers_t *pool, saros_job_t *job) {
  lock_both(pool);
  bool queued = job->queued;
  if (queued) {
    saros__backlog_remove(&pool->backlog, job);
  } else if (job->worker) {
    pool->class->stop(job->worker);
  }
  unlock_both(pool);
  return queued;
}

saros_job_t *saros__workers_take_all(saros_workers_t *pool) {
  lock_both(pool);
  saros_job_t *list = saros__backlog_take_all(&pool->backlog);
  unlock_both(pool);
  return list;
}

void saros__workers_shut(saros_workers_t *pool) {
  lock_both(pool);
  pool->shut = true;
  saros__workers_wake_all(pool);
  unlock_both(pool);
}

void saros__workers_stop(saros_workers_t *pool) {
  uv_mutex_lock(&pool->lock);
  for (saros_worker_t *worker = pool->living; worker; worker = worker->next) pool->class->stop(worker);
  uv_mutex_unlock(&pool->lock);
}

/* ---- the end of all workers ---- */

bool saros__workers_wait(saros_workers_t *pool, uint64_t limit) {
  uint64_t end = saros__now_ns() + limit;
  uv_mutex_lock(&pool->lock);
  while (pool->count > 0) {
    uint64_t now = saros__now_ns();
    if (now >= end || uv_cond_timedwait(&pool->ended, &pool->lock, end - now) == UV_ETIMEDOUT) break;
  }
  bool ended = pool->count == 0;
  uv_mutex_unlock(&pool->lock);
  return ended;
}

void saros__workers_tell(saros_workers_t *pool, saros_pending_t *pending) {
  uv_mutex_lock(&pool->lock);
  bool ended = pool->count == 0;
  if (!ended) {
    pending->parcel.next = pool->told;
    pool->told = &pending->parcel;
  }
  uv_mutex_unlock(&pool->lock);
  if (ended) saros__pending_deliver(pending);
}

void saros__workers_join(saros_workers_t *pool) {
  uv_mutex_lock(&pool->lock);
  saros_worker_t *gone = pool->gone;
  pool->gone = NULL;
  uv_mutex_unlock(&pool->lock);
  while (gone) {
    saros_worker_t *worker = gone;
    gone = worker->next;
    uv_thread_join(&worker->thread);
    saros__worker_free(worker);
  }
}

void saros__workers_detach(saros_workers_t *pool) {
  uv_mutex_lock(&pool->lock);
  for (saros_worker_t *worker = pool->living; worker; worker = worker->next) {
    if (!worker->detached) pthread_detach(worker->thread);
    worker->detached = true;
  }
  uv_mutex_unlock(&pool->lock);
}

static void deliver_told(saros_parcel_t *told) {
  while (told) {
    saros_parcel_t *next = told->next;
    saros__pending_deliver(saros__pending_of(told));
    told = next;
  }
}

/* ---- for the workers ---- */

/* The name with the worker's number, of which nothing is cut off. */
static void make_name(const saros_workers_t *pool, unsigned number, char name[16]) {
  char suffix[12];
  int size = snprintf(suffix, sizeof suffix, "_%u", number);
  snprintf(name, 16, "%.*s%s", 15 - size, pool->name, suffix);
}

static char *copy(const char *text) {
  return text ? strdup(text) : NULL;
}

void saros__workers_setup(saros_workers_t *pool, const saros_worker_t *worker, saros_workers_setup_t *setup) {
  uv_mutex_lock(&pool->lock);
  make_name(pool, worker->number, setup->name);
  setup->paths = (saros_paths_t){copy(pool->paths.path), copy(pool->paths.cpath)};
  setup->initializer = pool->initializer;
  uv_mutex_unlock(&pool->lock);
}

const saros_command_t *saros__workers_command(const saros_workers_t *pool) {
  return &pool->command;
}

void saros__workers_break(saros_workers_t *pool, char *reason) {
  lock_both(pool);
  if (pool->broken) {
    free(reason);
  } else {
    pool->reason = reason;
    pool->broken = true;
  }
  saros_job_t *list = saros__backlog_take_all(&pool->backlog);
  saros__workers_wake_all(pool);
  unlock_both(pool);
  while (list) {
    saros_job_t *next = list->next;
    list->outcome = SAROS_JOB_BROKEN;
    saros__pending_deliver(&list->pending);
    list = next;
  }
}

void saros__workers_leave(saros_workers_t *pool, saros_worker_t *worker) {
  uv_mutex_lock(&pool->lock);
  atomic_fetch_sub(&pool->searching, 1);
  if (worker->next) worker->next->previous = worker->previous;
  if (worker->previous) {
    worker->previous->next = worker->next;
  } else {
    pool->living = worker->next;
  }
  bool detached = worker->detached;
  if (!detached) {
    worker->next = pool->gone;
    pool->gone = worker;
  }
  saros_parcel_t *told = NULL;
  if (atomic_fetch_sub(&pool->count, 1) == 1) {
    told = pool->told;
    pool->told = NULL;
    uv_cond_broadcast(&pool->ended);
  }
  uv_mutex_unlock(&pool->lock);
  if (detached) saros__worker_free(worker);
  deliver_told(told);
  saros__workers_release(pool);
}
