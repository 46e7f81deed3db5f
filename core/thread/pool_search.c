#include "thread/pool_parts.h"

/* Jobs that take less than TINY nanoseconds are over before another worker is awake. It watches instead, which is to
 * look every WATCH nanoseconds. How long they take is measured for SAMPLE jobs at a time. */
enum { TINY = 5000, WATCH = 100000, SAMPLE = 16 };

/* ---- waking and starting; under the lock ---- */

static bool start_worker(saros_workers_t *pool) {
  saros_worker_t *worker = saros__worker_start(pool, pool->class, pool->started);
  if (!worker) return false;
  atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
  pool->started++;
  atomic_fetch_add(&pool->count, 1);
  atomic_fetch_sub(&pool->free, 1);
  worker->next = pool->living;
  if (pool->living) pool->living->previous = worker;
  pool->living = worker;
  return true;
}

/* The one that fell asleep last, who searches from here on; or NULL. */
static saros_worker_t *rouse_one(saros_workers_t *pool) {
  saros_worker_t *worker = pool->asleep;
  if (!worker) return NULL;
  pool->asleep = worker->below;
  atomic_fetch_sub(&pool->free, 1);
  atomic_fetch_add(&pool->searching, 1);
  return worker;
}

saros_worker_t *saros__workers_call(saros_workers_t *pool) {
  if (pool->searching > 0 || pool->broken) return NULL;
  saros_worker_t *worker = rouse_one(pool);
  if (!worker && pool->count < pool->max && start_worker(pool)) atomic_fetch_add(&pool->searching, 1);
  return worker;
}

void saros__workers_wake_all(saros_workers_t *pool) {
  for (saros_worker_t *worker = rouse_one(pool); worker; worker = rouse_one(pool)) uv_sem_post(&worker->wake);
  uv_cond_broadcast(&pool->watched);
}

/* ---- looking ---- */

static bool is_empty(saros_workers_t *pool) {
  return saros__backlog_is_empty(&pool->backlog);
}

static bool has_to_wait(saros_workers_t *pool) {
  return saros__workers_state_of(pool) == SAROS_WORKERS_OPEN && is_empty(pool);
}

/* Jobs are tiny, and the loop of the last one is busy with something else, which may be to make more of them: nothing
 * is urgent. */
static bool may_gather(const saros_workers_t *pool, const saros_worker_t *worker) {
  return !worker->is_awaited && pool->job_ns < TINY;
}

/* To look for each job as soon as it is made would have both threads wait for each other. So jobs are let gather, the
 * longer the longer it goes on. */
static void let_gather(saros_worker_t *worker) {
  worker->pause = worker->pause * 2 + 1000 < SAROS_SPIN_NS ? worker->pause * 2 + 1000 : SAROS_SPIN_NS;
  uint64_t end = saros__now_ns() + worker->pause;
  while (saros__now_ns() < end) {
    for (int i = 0; i < SAROS_SPINS_PER_LOOK; i++) saros__spin();
  }
}

/* Looks at the queue for some microseconds, without the lock. */
static void look_for_jobs(saros_workers_t *pool, saros_worker_t *worker, bool gather) {
  if (!saros__spin_is_worth_it(&worker->spinner, &pool->backlog.sender)) return;
  if (gather) {
    let_gather(worker);
  } else {
    worker->pause = 0;
  }
  uint64_t limit = saros__now_ns() + SAROS_SPIN_NS;
  do {
    for (int i = 0; i < SAROS_SPINS_PER_LOOK && is_empty(pool); i++) saros__spin();
  } while (is_empty(pool) && saros__now_ns() < limit);
  saros__spin_ended(&worker->spinner, !is_empty(pool));
}

/* ---- watching ---- */

static void begin_sample(saros_worker_t *worker) {
  worker->sampled = 0;
  worker->sample_began = saros__now_ns();
}

/* Under the lock: the worker has done a job. That jobs take long is known at once, that they are short by and by. */
static void sample(saros_workers_t *pool, saros_worker_t *worker) {
  if (++worker->sampled < SAMPLE && pool->backlog.queue.first) return;
  uint64_t now = saros__now_ns(), each = (now - worker->sample_began) / worker->sampled;
  pool->job_ns = each > pool->job_ns ? each : pool->job_ns - (pool->job_ns - each) / 4;
  worker->sampled = 0;
  worker->sample_began = now;
}

/* How many workers run jobs. */
static unsigned count_busy(saros_workers_t *pool) {
  return pool->max - pool->free - pool->searching;
}

/* Others are at it, and quick. */
static bool is_brisk(saros_workers_t *pool) {
  return pool->job_ns < TINY && count_busy(pool) > 0 && saros__workers_state_of(pool) == SAROS_WORKERS_OPEN &&
         saros__backlog_count(&pool->backlog) * pool->job_ns < WATCH;
}

/* Under the lock, which is released meanwhile: as long as others are quick to take the jobs that there are, this worker
 * does not. When one of them takes long, or there are more and more, it does. */
static void watch(saros_workers_t *pool) {
  bool goes_on = !is_empty(pool);
  while (goes_on && is_brisk(pool)) {
    unsigned taken = pool->backlog.taken;
    uv_cond_timedwait(&pool->watched, &pool->lock, WATCH);
    goes_on = pool->backlog.taken != taken;
  }
}

/* ---- waiting for jobs ---- */

/* Under the lock, which is released meanwhile: sleeps until somebody wakes the worker to search again. */
static void sleep_until_woken(saros_workers_t *pool, saros_worker_t *worker) {
  /* In this order: see saros__workers_add. */
  atomic_fetch_add(&pool->free, 1);
  atomic_fetch_sub(&pool->searching, 1);
  if (!is_empty(pool)) {
    atomic_fetch_add(&pool->searching, 1);
    atomic_fetch_sub(&pool->free, 1);
    return;
  }
  worker->below = pool->asleep;
  pool->asleep = worker;
  if (pool->searching > 0) uv_cond_broadcast(&pool->watched); /* who watches may have nobody to watch any more */
  uv_mutex_unlock(&pool->lock);
  uv_sem_wait(&worker->wake);
  uv_mutex_lock(&pool->lock);
}

/* Under the lock, which is released meanwhile: looks once, and a while later once more if that is early enough. Else
 * the loop would have to wake the worker for the next job, and that costs more than the job. */
static void look(saros_workers_t *pool, saros_worker_t *worker) {
  bool gather = may_gather(pool, worker);
  uv_mutex_unlock(&pool->lock);
  look_for_jobs(pool, worker, gather);
  uv_mutex_lock(&pool->lock);
  if (gather && has_to_wait(pool)) uv_cond_timedwait(&pool->watched, &pool->lock, WATCH);
}

/* ---- jobs for a worker ---- */

/* Under the lock: the first job, with another worker to wake for the rest; or NULL. */
static saros_job_t *take_job(saros_workers_t *pool, saros_worker_t *worker, saros_worker_t **other) {
  saros_job_t *job = saros__backlog_take(&pool->backlog);
  if (!job) return NULL;
  job->worker = worker;
  worker->job = job;
  if (pool->backlog.queue.first) *other = saros__workers_call(pool);
  return job;
}

saros_job_t *saros__workers_finish(saros_workers_t *pool, saros_worker_t *worker) {
  saros_worker_t *other = NULL;
  uv_mutex_lock(&pool->lock);
  worker->job->worker = NULL;
  worker->job = NULL;
  pool->class->done(worker);
  sample(pool, worker);
  saros_job_t *job = take_job(pool, worker, &other);
  if (!job) atomic_fetch_add(&pool->searching, 1);
  uv_mutex_unlock(&pool->lock);
  saros__worker_wake(other);
  return job;
}

saros_job_t *saros__workers_search(saros_workers_t *pool, saros_worker_t *worker) {
  saros_worker_t *other = NULL;
  saros_job_t *job = NULL;
  uv_mutex_lock(&pool->lock);
  bool looked = false;
  do {
    for (; has_to_wait(pool); looked = !looked) {
      if (looked) {
        sleep_until_woken(pool, worker);
      } else {
        look(pool, worker);
      }
    }
    watch(pool);
    looked = true;
  } while (has_to_wait(pool));
  if (!is_empty(pool)) {
    atomic_fetch_sub(&pool->searching, 1);
    begin_sample(worker);
    job = take_job(pool, worker, &other);
    /* What has come into the inbox meanwhile called nobody, as this worker searched. */
    if (!other && !is_empty(pool)) other = saros__workers_call(pool);
  }
  uv_mutex_unlock(&pool->lock);
  saros__worker_wake(other);
  return job;
}
