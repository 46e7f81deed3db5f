#include "thread/backlog.h"

/* ---- life ---- */

int saros__short_lock_init(uv_mutex_t *lock) {
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

int saros__backlog_init(saros_backlog_t *backlog) {
  return saros__short_lock_init(&backlog->lock);
}

void saros__backlog_destroy(saros_backlog_t *backlog) {
  uv_mutex_destroy(&backlog->lock);
}

/* ---- the inbox ---- */

void saros__backlog_add(saros_backlog_t *backlog, saros_job_t *job) {
  saros_jobs_t *inbox = &backlog->inbox;
  job->next = NULL;
  job->previous = inbox->last;
  job->queued = true;
  if (inbox->last) {
    inbox->last->next = job;
  } else {
    inbox->first = job;
    atomic_store(&backlog->filled, true);
  }
  inbox->last = job;
  unsigned added = atomic_load_explicit(&backlog->added, memory_order_relaxed);
  atomic_store_explicit(&backlog->added, added + 1, memory_order_relaxed);
}

static void empty_inbox(saros_backlog_t *backlog) {
  backlog->inbox = (saros_jobs_t){NULL, NULL};
  atomic_store(&backlog->filled, false);
}

/* ---- the queue ---- */

/* To write what is there already would cost whoever looks at it. */
static void note_left(saros_backlog_t *backlog) {
  bool left = backlog->queue.first != NULL;
  if (atomic_load(&backlog->left) != left) atomic_store(&backlog->left, left);
}

/* What has come is the queue, if that is empty. */
static void fetch(saros_backlog_t *backlog) {
  if (backlog->queue.first || !atomic_load(&backlog->filled)) return;
  uv_mutex_lock(&backlog->lock);
  backlog->queue = backlog->inbox;
  note_left(backlog); /* first: at no time there seems to be nothing */
  empty_inbox(backlog);
  uv_mutex_unlock(&backlog->lock);
}

saros_job_t *saros__backlog_take(saros_backlog_t *backlog) {
  fetch(backlog);
  saros_job_t *job = backlog->queue.first;
  if (!job) return NULL;
  backlog->queue.first = job->next;
  if (job->next) {
    job->next->previous = NULL;
  } else {
    backlog->queue.last = NULL;
    note_left(backlog);
  }
  job->queued = false;
  backlog->taken++;
  return job;
}

unsigned saros__backlog_count(saros_backlog_t *backlog) {
  return atomic_load_explicit(&backlog->added, memory_order_relaxed) - backlog->taken;
}

/* ---- both ---- */

/* Takes a job out of the list whose end it may be. */
static void unlink_end(saros_jobs_t *jobs, saros_job_t *job) {
  if (jobs->first == job) jobs->first = job->next;
  if (jobs->last == job) jobs->last = job->previous;
}

void saros__backlog_remove(saros_backlog_t *backlog, saros_job_t *job) {
  unlink_end(&backlog->queue, job);
  unlink_end(&backlog->inbox, job);
  if (job->next) job->next->previous = job->previous;
  if (job->previous) job->previous->next = job->next;
  job->queued = false;
  backlog->taken++;
  if (!backlog->inbox.first) atomic_store(&backlog->filled, false);
  note_left(backlog);
}

saros_job_t *saros__backlog_take_all(saros_backlog_t *backlog) {
  saros_job_t *list = backlog->queue.first ? backlog->queue.first : backlog->inbox.first;
  if (backlog->queue.last) backlog->queue.last->next = backlog->inbox.first;
  for (saros_job_t *job = list; job; job = job->next) job->queued = false;
  backlog->queue = (saros_jobs_t){NULL, NULL};
  backlog->taken = atomic_load(&backlog->added);
  empty_inbox(backlog);
  note_left(backlog);
  return list;
}
