#include "thread/worker.h"

#include <stdlib.h>
#include <string.h>

#include "loop/errors.h"

/* The name as the system shows it; other threads of the process keep theirs. */
static void set_thread_name(const char *name) {
  if (*name == '\0') return;
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#endif
}

void saros__worker_enter(saros_worker_t *worker, saros_workers_setup_t *setup) {
  saros__workers_setup(worker->pool, worker, setup);
  set_thread_name(setup->name);
}

/* False if it failed; then the pool is broken. */
static bool initialize(saros_worker_t *worker, lua_State *L, const saros_message_t *initializer) {
  if (!initializer) return true;
  char *reason;
  bool ok = saros__run_initializer(L, worker->stop.rt, initializer, &reason);
  if (!ok) saros__workers_break(worker->pool, reason);
  return ok;
}

static void run_jobs(saros_worker_t *worker, lua_State *L) {
  saros_job_t *job;
  while ((job = saros__workers_search(worker->pool, worker)) != NULL) {
    do {
      saros__job_run(job, L, worker->stop.rt);
      saros_job_t *next = saros__workers_finish(worker->pool, worker);
      saros__stop_clear(&worker->stop, L);
      worker->is_awaited = saros__pending_deliver(&job->pending);
      job = next;
    } while (job);
  }
}

static void worker_main(void *argument) {
  saros_worker_t *worker = argument;
  saros_workers_t *pool = worker->pool;
  saros_workers_setup_t setup;
  saros__worker_enter(worker, &setup);
  lua_State *L = saros__state_new(&setup.paths, &worker->stop);
  saros__paths_free(&setup.paths);
  if (!L) {
    saros__workers_break(pool, strdup("not enough memory for a worker"));
  } else {
    if (initialize(worker, L, setup.initializer)) run_jobs(worker, L);
    saros__state_close(L, &worker->stop);
  }
  saros__workers_leave(pool, worker);
}

static void stop_worker(saros_worker_t *worker) {
  if (worker->job) saros__stop_request(&worker->stop);
}

static void job_done(saros_worker_t *worker) {
  saros__stop_done(&worker->stop);
}

const saros_worker_class_t saros__thread_workers = {worker_main, stop_worker, job_done};

saros_worker_t *saros__worker_start(saros_workers_t *pool, const saros_worker_class_t *class, unsigned number) {
  saros_worker_t *worker = calloc(1, sizeof *worker);
  if (!worker) return NULL;
  worker->pool = pool;
  worker->number = number;
  if (saros__child_init(&worker->child) != 0) goto no_child;
  if (uv_sem_init(&worker->wake, 0) != 0) goto no_semaphore;
  if (uv_thread_create(&worker->thread, class->main, worker) == 0) return worker;
  uv_sem_destroy(&worker->wake);
no_semaphore:
  saros__child_destroy(&worker->child);
no_child:
  free(worker);
  return NULL;
}

void saros__worker_free(saros_worker_t *worker) {
  saros__child_destroy(&worker->child);
  uv_sem_destroy(&worker->wake);
  free(worker);
}
