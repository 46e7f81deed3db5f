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

/* Argument: an error. Result: it as a string. */
static int describe(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  lua_pushfstring(L, "an initializer failed: %s", lua_tostring(L, -1));
  return 1;
}

/* The error on top as text, a copy; NULL if there is no memory. */
static char *copy_description(lua_State *L) {
  lua_pushcfunction(L, describe);
  lua_insert(L, -2);
  return lua_pcall(L, 1, 1, 0) == LUA_OK ? strdup(lua_tostring(L, -1)) : NULL;
}

/* False if it failed; then the pool is broken. */
static bool initialize(saros_worker_t *worker, lua_State *L, const saros_message_t *initializer) {
  if (!initializer) return true;
  bool ok = saros__run_message(L, worker->stop.rt, initializer) == LUA_OK;
  if (!ok) saros__workers_break(worker->pool, copy_description(L));
  lua_settop(L, 0);
  return ok;
}

static void run_jobs(saros_worker_t *worker, lua_State *L) {
  saros_job_t *job;
  while ((job = saros__workers_search(worker->pool, worker)) != NULL) {
    do {
      saros__job_run(job, L, worker->stop.rt);
      saros_job_t *next = saros__workers_finish(worker->pool, worker);
      saros__stop_clear(&worker->stop, L);
      saros__pending_deliver(&job->pending);
      job = next;
    } while (job);
  }
}

void saros__worker_main(void *argument) {
  saros_worker_t *worker = argument;
  saros_workers_t *pool = worker->pool;
  saros_workers_setup_t setup;
  saros__workers_setup(pool, worker, &setup);
  set_thread_name(setup.name);
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

saros_worker_t *saros__worker_start(saros_workers_t *pool, unsigned number) {
  saros_worker_t *worker = calloc(1, sizeof *worker);
  if (!worker) return NULL;
  worker->pool = pool;
  worker->number = number;
  if (uv_sem_init(&worker->wake, 0) != 0) {
    free(worker);
    return NULL;
  }
  if (uv_thread_create(&worker->thread, saros__worker_main, worker) != 0) {
    saros__worker_free(worker);
    return NULL;
  }
  return worker;
}

void saros__worker_free(saros_worker_t *worker) {
  uv_sem_destroy(&worker->wake);
  free(worker);
}
