#include "thread/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thread/spin.h"
#include "thread/worker.h"

struct saros_workers {
  atomic_uint refs;
  uv_mutex_t lock;
  uv_cond_t ended; /* no worker is left */
  saros_job_t *first, *last; /* the queue */
  atomic_uint queued; /* its length, written under the lock */
  saros_cpu_t sender; /* where the last job came from */
  saros_worker_t *living;
  saros_worker_t *asleep; /* the last one first */
  saros_worker_t *gone;   /* to be joined */
  unsigned max, count, started;
  unsigned searching; /* workers that look for a job, or are being woken or started to do so */
  atomic_bool shut, broken; /* written under the lock */
  char *reason;
  saros_parcel_t *told; /* to be delivered when no worker is left */
  saros_message_t *initializer;
  saros_paths_t paths;
  saros_command_t command;
  const saros_worker_class_t *class;
  char name[16];
};

/* ---- life and death ---- */

/* Held for some nanoseconds at a time: not worth sleeping for. */
static int init_lock(uv_mutex_t *lock) {
#ifdef __GLIBC__
  pthread_mutexattr_t attributes;
  if (pthread_mutexattr_init(&attributes) != 0) return UV_ENOMEM;
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
  int code = pthread_mutex_init(lock, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return code;
#else
  return uv_mutex_init(lock);
#endif
}

saros_workers_t *saros__workers_new(const saros_workers_options_t *options) {
  saros_workers_t *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  if (init_lock(&pool->lock) != 0) goto no_lock;
  if (uv_cond_init(&pool->ended) != 0) goto no_condition;
  atomic_init(&pool->refs, 1);
  atomic_init(&pool->queued, 0);
  pool->max = options->max;
  pool->initializer = options->initializer;
  pool->paths = options->paths;
  pool->command = options->command;
  pool->class = options->class;
  snprintf(pool->name, sizeof pool->name, "%s", options->name);
  return pool;
no_condition:
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
  uv_cond_destroy(&pool->ended);
  uv_mutex_destroy(&pool->lock);
  saros__message_free(pool->initializer);
  saros__paths_free(&pool->paths);
  free(pool->command.program);
  free(pool->command.code);
  free(pool->reason);
  free(pool);
}

/* ---- the queue; under the lock ---- */

static void set_queued(saros_workers_t *pool, int more) {
  unsigned queued = atomic_load_explicit(&pool->queued, memory_order_relaxed);
  atomic_store_explicit(&pool->queued, queued + (unsigned)more, memory_order_relaxed);
}

static void append(saros_workers_t *pool, saros_job_t *job) {
  job->next = NULL;
  job->previous = pool->last;
  if (pool->last) {
    pool->last->next = job;
  } else {
    pool->first = job;
  }
  pool->last = job;
  job->queued = true;
  set_queued(pool, 1);
}

static void take_out(saros_workers_t *pool, saros_job_t *job) {
  if (job->next) {
    job->next->previous = job->previous;
  } else {
    pool->last = job->previous;
  }
  if (job->previous) {
    job->previous->next = job->next;
  } else {
    pool->first = job->next;
  }
  job->queued = false;
  set_queued(pool, -1);
}

/* ---- waking and starting; under the lock ---- */

static bool start_worker(saros_workers_t *pool) {
  saros_worker_t *worker = saros__worker_start(pool, pool->class, pool->started);
  if (!worker) return false;
  atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
  pool->started++;
  pool->count++;
  worker->next = pool->living;
  if (pool->living) pool->living->previous = worker;
  pool->living = worker;
  return true;
}

/* There are jobs: sees to it that somebody looks for them. Returns a worker to wake when the lock is released. */
static saros_worker_t *call_for_worker(saros_workers_t *pool) {
  if (pool->searching > 0 || pool->broken) return NULL;
  saros_worker_t *worker = pool->asleep;
  if (worker) {
    pool->asleep = worker->below;
    pool->searching++;
    return worker;
  }
  if (pool->count < pool->max && start_worker(pool)) pool->searching++;
  return NULL;
}

static void wake(saros_worker_t *worker) {
  if (worker) uv_sem_post(&worker->wake);
}

/* They look, and end if there is nothing left to do. */
static void wake_all(saros_workers_t *pool) {
  while (pool->asleep) {
    saros_worker_t *worker = pool->asleep;
    pool->asleep = worker->below;
    pool->searching++;
    uv_sem_post(&worker->wake);
  }
}

/* ---- for the executor ---- */

static enum saros_workers_state state_of(const saros_workers_t *pool) {
  return pool->shut ? SAROS_WORKERS_SHUT : pool->broken ? SAROS_WORKERS_BROKEN : SAROS_WORKERS_OPEN;
}

enum saros_workers_state saros__workers_state(saros_workers_t *pool) {
  return state_of(pool);
}

/* It is there before anybody can learn that the pool is broken, and stays. */
const char *saros__workers_reason(const saros_workers_t *pool) {
  return pool->reason ? pool->reason : "not enough memory";
}

enum saros_workers_state saros__workers_add(saros_workers_t *pool, saros_job_t *job) {
  saros_worker_t *worker = NULL;
  saros__cpu_note(&pool->sender);
  uv_mutex_lock(&pool->lock);
  enum saros_workers_state state = state_of(pool);
  if (state == SAROS_WORKERS_OPEN) {
    worker = call_for_worker(pool);
    if (pool->count > 0) {
      append(pool, job);
    } else {
      state = SAROS_WORKERS_NO_THREAD;
    }
  }
  uv_mutex_unlock(&pool->lock);
  wake(worker);
  return state;
}

bool saros__workers_cancel(saros_workers_t *pool, saros_job_t *job) {
  uv_mutex_lock(&pool->lock);
  bool queued = job->queued;
  if (queued) {
    take_out(pool, job);
  } else if (job->worker) {
    pool->class->stop(job->worker);
  }
  uv_mutex_unlock(&pool->lock);
  return queued;
}

static saros_job_t *take_all(saros_workers_t *pool) {
  saros_job_t *list = pool->first;
  for (saros_job_t *job = list; job; job = job->next) job->queued = false;
  pool->first = pool->last = NULL;
  atomic_store_explicit(&pool->queued, 0, memory_order_relaxed);
  return list;
}

saros_job_t *saros__workers_take_all(saros_workers_t *pool) {
  uv_mutex_lock(&pool->lock);
  saros_job_t *list = take_all(pool);
  uv_mutex_unlock(&pool->lock);
  return list;
}

void saros__workers_shut(saros_workers_t *pool) {
  uv_mutex_lock(&pool->lock);
  pool->shut = true;
  wake_all(pool);
  uv_mutex_unlock(&pool->lock);
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

static bool is_empty(saros_workers_t *pool) {
  return atomic_load_explicit(&pool->queued, memory_order_relaxed) == 0;
}

/* Looks at the queue for some microseconds, without the lock. */
static void look_for_jobs(saros_workers_t *pool, saros_worker_t *worker) {
  if (!saros__spin_is_worth_it(&worker->spinner, &pool->sender)) return;
  uint64_t limit = saros__now_ns() + SAROS_SPIN_NS;
  do {
    for (int i = 0; i < SAROS_SPINS_PER_LOOK && is_empty(pool); i++) saros__spin();
  } while (is_empty(pool) && saros__now_ns() < limit);
  saros__spin_ended(&worker->spinner, !is_empty(pool));
}

/* Under the lock: the first job, with another worker to wake for the rest; or NULL. */
static saros_job_t *take_job(saros_workers_t *pool, saros_worker_t *worker, saros_worker_t **other) {
  saros_job_t *job = pool->first;
  if (!job) return NULL;
  take_out(pool, job);
  job->worker = worker;
  worker->job = job;
  if (pool->first) *other = call_for_worker(pool);
  return job;
}

saros_job_t *saros__workers_finish(saros_workers_t *pool, saros_worker_t *worker) {
  saros_worker_t *other = NULL;
  uv_mutex_lock(&pool->lock);
  worker->job->worker = NULL;
  worker->job = NULL;
  pool->class->done(worker);
  saros_job_t *job = take_job(pool, worker, &other);
  if (!job) pool->searching++;
  uv_mutex_unlock(&pool->lock);
  wake(other);
  return job;
}

/* Under the lock, which is released meanwhile: sleeps until somebody wakes the worker to search again. */
static void sleep_until_woken(saros_workers_t *pool, saros_worker_t *worker) {
  pool->searching--;
  worker->below = pool->asleep;
  pool->asleep = worker;
  uv_mutex_unlock(&pool->lock);
  uv_sem_wait(&worker->wake);
  uv_mutex_lock(&pool->lock);
}

saros_job_t *saros__workers_search(saros_workers_t *pool, saros_worker_t *worker) {
  saros_worker_t *other = NULL;
  saros_job_t *job = NULL;
  uv_mutex_lock(&pool->lock);
  for (bool looked = false; state_of(pool) == SAROS_WORKERS_OPEN && !pool->first; looked = !looked) {
    if (looked) {
      sleep_until_woken(pool, worker);
    } else {
      uv_mutex_unlock(&pool->lock);
      look_for_jobs(pool, worker);
      uv_mutex_lock(&pool->lock);
    }
  }
  if (pool->first) {
    pool->searching--;
    job = take_job(pool, worker, &other);
  }
  uv_mutex_unlock(&pool->lock);
  wake(other);
  return job;
}

void saros__workers_break(saros_workers_t *pool, char *reason) {
  uv_mutex_lock(&pool->lock);
  if (pool->broken) {
    free(reason);
  } else {
    pool->reason = reason;
    pool->broken = true;
  }
  saros_job_t *list = take_all(pool);
  wake_all(pool);
  uv_mutex_unlock(&pool->lock);
  while (list) {
    saros_job_t *next = list->next;
    list->outcome = SAROS_JOB_BROKEN;
    saros__pending_deliver(&list->pending);
    list = next;
  }
}

void saros__workers_leave(saros_workers_t *pool, saros_worker_t *worker) {
  uv_mutex_lock(&pool->lock);
  pool->searching--;
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
  if (--pool->count == 0) {
    told = pool->told;
    pool->told = NULL;
    uv_cond_broadcast(&pool->ended);
  }
  uv_mutex_unlock(&pool->lock);
  if (detached) saros__worker_free(worker);
  deliver_told(told);
  saros__workers_release(pool);
}
