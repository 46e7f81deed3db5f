#include "thread/executor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "loop/errors.h"
#include "task/task.h"
#include "thread/blocking.h"
#include "thread/loan.h"
#include "thread/slots.h"
#include "thread/transfer.h"

/* How long a finalizer waits for jobs to stop; nanoseconds. */
#define FINALIZER_LIMIT 500000000u

enum { DEFAULT_LIMIT = 32, DEFAULT_EXTRA = 4 };

/* ---- arguments ---- */

saros_executor_t *saros__executor_test(lua_State *L, int index) {
  return saros__test_marker(L, index, SAROS_MARKER_EXECUTOR);
}

static saros_executor_t *check_executor(lua_State *L, int index) {
  saros_executor_t *executor = saros__executor_test(L, index);
  if (!executor || !executor->workers) luaL_typeerror(L, index, "ThreadPoolExecutor");
  return executor;
}

static int call_mode(const saros_executor_t *executor) {
  return SAROS_PACK_CALL | (executor->has_processes ? SAROS_PACK_FOR_PROCESS : SAROS_PACK_LEND);
}

static int refuse(lua_State *L, saros_runtime_t *rt, const saros_executor_t *executor,
                  enum saros_workers_state state) {
  switch (state) {
    case SAROS_WORKERS_SHUT:
      return saros__raise(L, rt, "RuntimeError", "cannot schedule new futures after shutdown");
    case SAROS_WORKERS_BROKEN:
      return saros__raise(L, rt, "BrokenExecutor", "%s", saros__workers_reason(executor->workers));
    default: return saros__raise(L, rt, "RuntimeError", "can't start new thread");
  }
}

/* ---- what is out ---- */

/* The loop keeps the executor at `index`. May raise. */
static void keep(lua_State *L, saros_loop_t *loop, saros_executor_t *executor, int index) {
  if (executor->outstanding > 0 && executor->loop_id == loop->id) return;
  lua_pushvalue(L, index);
  saros__loop_anchor(L, loop, executor);
  executor->loop_id = loop->id;
}

static void let_go(lua_State *L, saros_loop_t *loop, saros_executor_t *executor) {
  if (--executor->outstanding == 0 && loop) saros__loop_release(L, loop, executor);
}

/* ---- jobs ---- */

static saros_job_t *job_of(saros_pending_t *pending) {
  return (saros_job_t *)pending;
}

static saros_executor_t *executor_of(saros_pending_t *pending) {
  return pending->owner;
}

static void abandoned(saros_pending_t *pending) {
  saros_workers_t *workers = executor_of(pending)->workers;
  if (workers && saros__workers_cancel(workers, job_of(pending))) saros__pending_deliver(pending);
}

/* The process that ran the job has ended in the middle of it. */
static int raise_death(lua_State *L, saros_runtime_t *rt, int status) {
  bool known = status != -1, signalled = known && WIFSIGNALED(status);
  if (signalled) {
    int number = WTERMSIG(status);
    saros__push_error(L, rt, "BrokenExecutor", "a worker process was ended by signal %d (%s)", number,
                      strsignal(number));
    lua_pushinteger(L, number);
    lua_setfield(L, -2, "signal");
  } else if (known) {
    saros__push_error(L, rt, "BrokenExecutor", "a worker process ended with status %d", WEXITSTATUS(status));
    lua_pushinteger(L, WEXITSTATUS(status));
    lua_setfield(L, -2, "status");
  } else {
    saros__push_error(L, rt, "BrokenExecutor", "a worker process has ended");
  }
  return lua_error(L);
}

static int settle(lua_State *L, saros_loop_t *loop, saros_pending_t *pending) {
  saros_job_t *job = job_of(pending);
  if (job->outcome == SAROS_JOB_BROKEN) return refuse(L, loop->rt, executor_of(pending), SAROS_WORKERS_BROKEN);
  if (job->outcome == SAROS_JOB_DIED) return raise_death(L, loop->rt, job->status);
  if (job->outcome == SAROS_JOB_NONE) {
    saros__push_cancelled(L, loop->rt, 0);
    return lua_error(L);
  }
  if (job->lost) return luaL_error(L, "not enough memory");
  int n = saros__unpack(L, loop->rt, &job->message);
  if (job->outcome == SAROS_JOB_RESULTS) return n;
  saros__store_slot(L, loop->rt, SAROS_SLOT_TRACEBACK);
  return lua_error(L);
}

static void job_returned(lua_State *L, saros_loop_t *loop, saros_pending_t *pending) {
  saros_executor_t *executor = executor_of(pending);
  if (!loop && executor->has_processes) abandoned(pending);
  let_go(L, loop, executor);
  if (!loop) return;
  saros__message_clear(&job_of(pending)->message);
  saros__loans_review(L, loop->rt);
}

static void free_job(saros_pending_t *pending) {
  saros_job_t *job = job_of(pending);
  saros__message_clear(&job->message);
  saros__slab_free(job->slab);
}

static const saros_pending_class_t job_class = {abandoned, settle, job_returned, free_job};

/* NULL: out of memory. */
static saros_job_t *new_job(saros_executor_t *executor) {
  saros_slab_t *slab;
  saros_job_t *job = saros__slab_get(&executor->jobs, sizeof *job, &slab);
  if (!job) return NULL;
  job->slab = slab;
  job->pending.class = &job_class;
  job->pending.owner = executor;
  job->queued = job->lost = false;
  job->worker = NULL;
  job->outcome = SAROS_JOB_NONE;
  saros__message_init(&job->message);
  return job;
}

/* Gives up a job that was not sent out. */
static void drop_job(lua_State *L, saros_loop_t *loop, saros_executor_t *executor, uint32_t slot, saros_job_t *job) {
  if (job) free_job(&job->pending);
  saros__pending_drop(L, loop, slot);
  if (executor->outstanding == 0) saros__loop_release(L, loop, executor);
}

void saros__executor_submit(lua_State *L, saros_loop_t *loop, int index, int first) {
  saros_executor_t *executor = lua_touserdata(L, index);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  enum saros_workers_state state = saros__workers_state(executor->workers);
  if (state != SAROS_WORKERS_OPEN) refuse(L, loop->rt, executor, state);
  keep(L, loop, executor, index);
  uint32_t slot;
  saros_future_t *future = saros__pending_future(L, loop, &slot);
  lua_insert(L, first);
  /* Nothing is raised from here on before the job is out, or dropped. */
  saros_job_t *job = new_job(executor);
  if (!job) {
    drop_job(L, loop, executor, slot, NULL);
    luaL_error(L, "not enough memory");
    return;
  }
  int n = lua_gettop(L) - first;
  if (!saros__pack_into(L, loop->rt, first + 1, n, call_mode(executor), &job->message)) {
    drop_job(L, loop, executor, slot, job);
    saros__future_set_error(L, first, future);
    lua_settop(L, first);
    return;
  }
  executor->outstanding++;
  saros__pending_begin(L, loop, &job->pending, first, slot);
  state = saros__workers_add(executor->workers, job);
  if (state != SAROS_WORKERS_OPEN) {
    saros__pending_deliver(&job->pending);
    refuse(L, loop->rt, executor, state);
  }
  lua_settop(L, first);
}

/* ---- the end ---- */


static int settle_ending(lua_State *L, saros_loop_t *loop, saros_pending_t *pending) {
  (void)L;
  (void)loop;
  (void)pending;
  return 0;
}

static void ending_returned(lua_State *L, saros_loop_t *loop, saros_pending_t *pending) {
  saros_executor_t *executor = executor_of(pending);
  if (loop && executor->workers) saros__workers_join(executor->workers);
  let_go(L, loop, executor);
}

static void free_ending(saros_pending_t *pending) {
  free(pending);
}

static const saros_pending_class_t ending_class = {NULL, settle_ending, ending_returned, free_ending};

/* Makes a future of the workers' end, and suspends the task until then. */
static int await_end(lua_State *L, saros_runtime_t *rt, saros_executor_t *executor, int index) {
  saros_loop_t *loop = rt->running;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  keep(L, loop, executor, index);
  uint32_t slot;
  saros__pending_future(L, loop, &slot);
  saros_pending_t *ending = calloc(1, sizeof *ending); /* somebody who waits for the workers' end */
  if (!ending) {
    saros__pending_drop(L, loop, slot);
    return luaL_error(L, "not enough memory");
  }
  ending->class = &ending_class;
  ending->owner = executor;
  executor->outstanding++;
  int top = lua_gettop(L);
  saros__pending_begin(L, loop, ending, top, slot);
  saros__workers_tell(executor->workers, ending);
  return saros__await(L, rt, top, "shutdown");
}

static int block_until_end(lua_State *L, saros_runtime_t *rt, saros_workers_t *workers) {
  lua_Hook before = lua_gethook(L);
  saros__loan_was_read(rt);
  while (!saros__workers_wait(workers, SAROS_BLOCKING_SLICE)) {
    if (saros__blocking_stopped(L, rt, before)) return saros__blocking_end(L, rt, before);
  }
  saros__workers_join(workers);
  return 0;
}

/* Cancels the futures of the jobs in the list, which nobody has begun. */
static void cancel_jobs(lua_State *L, saros_job_t *job) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  while (job) {
    saros_job_t *next = job->next;
    saros_future_t *future = job->pending.future;
    if (future) {
      saros__pending_push(L, &job->pending);
      saros__future_cancel(L, lua_gettop(L), future, 0);
      lua_pop(L, 1);
    }
    saros__pending_deliver(&job->pending);
    job = next;
  }
}

static bool can_suspend(lua_State *L, saros_runtime_t *rt) {
  saros_task_t *task = rt->current;
  return task && task->co == L && lua_isyieldable(L) && !rt->running->closing;
}

int saros__executor_shutdown(lua_State *L, saros_runtime_t *rt, int index, bool wait, bool cancel) {
  saros_executor_t *executor = lua_touserdata(L, index);
  saros__workers_shut(executor->workers);
  if (cancel) cancel_jobs(L, saros__workers_take_all(executor->workers));
  if (!wait) return 0;
  if (can_suspend(L, rt)) return await_end(L, rt, executor, index);
  return block_until_end(L, rt, executor->workers);
}

/* ---- methods ---- */

/*** Threads that run functions, each with a Lua state of its own. `saros.ThreadPoolExecutor` makes one. Mirrors
 * `concurrent.futures.ThreadPoolExecutor`.
 * @type ThreadPoolExecutor
 */

/*** Runs a function in a worker, with copies of its upvalues and arguments. What cannot be transferred makes the
 * future fail. Cancelling the future takes a job back that waits, and stops the Lua code of one that runs.
 * Mirrors `concurrent.futures.Executor.submit`.
 * @function ThreadPoolExecutor:submit
 * @tparam function fn what to call there
 * @param[opt] ... its arguments
 * @treturn Future a future of all its results; its error, if it is an error object, has the worker's `traceback`
 * @raise RuntimeError after `shutdown`, and without a running loop; BrokenExecutor when an initializer has failed
 */
static int executor_submit(lua_State *L) {
  check_executor(L, 1);
  saros__check_callable(L, 2);
  saros__executor_submit(L, saros__need_running(L, saros__runtime(L)), 1, 2);
  return 1;
}

/* The option at `key` of the table at `index`. */
static bool boolean_option(lua_State *L, int index, const char *key, bool value) {
  if (lua_getfield(L, index, key) != LUA_TNIL) {
    if (!lua_isboolean(L, -1)) {
      luaL_error(L, "bad argument #1 to 'shutdown' (option '%s': boolean expected, got %s)", key, luaL_typename(L, -1));
    }
    value = lua_toboolean(L, -1);
  }
  lua_pop(L, 1);
  return value;
}

static void check_options(lua_State *L, saros_runtime_t *rt, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    const char *key = luaL_tolstring(L, -1, NULL);
    if (strcmp(key, "wait") != 0 && strcmp(key, "cancel_futures") != 0) {
      saros__raise(L, rt, "ValueError", "unknown option '%s' for 'shutdown' (known: cancel_futures, wait)", key);
    }
    lua_pop(L, 1);
  }
}

/*** Runs functions in processes of their own; `local executor <close> = saros.ProcessPoolExecutor()` shuts it down
 * at the end of the scope. Mirrors `concurrent.futures.ProcessPoolExecutor`.
 * @type ProcessPoolExecutor
 */

/*** Runs a function in a worker process, with copies of its upvalues and arguments. What cannot be transferred makes
 * the future fail, and so does a process that ends meanwhile: with a BrokenExecutor, which has the `signal` or the
 * `status`. Cancelling the future takes a job back that waits, and kills the process of one that runs. Mirrors
 * `concurrent.futures.Executor.submit`.
 * @function ProcessPoolExecutor:submit
 * @tparam function fn what to call there
 * @param[opt] ... its arguments
 * @treturn Future a future of all its results; its error, if it is an error object, has the worker's `traceback`
 * @raise RuntimeError after `shutdown`, and without a running loop; BrokenExecutor when an initializer has failed, or
 * no process could be started
 */

/*** Takes no more jobs, and ends the processes when they have done those that there are. It may be called again.
 * Mirrors `concurrent.futures.Executor.shutdown`.
 * @function ProcessPoolExecutor:shutdown
 * @tparam ?table options what to do about the jobs that there are
 * @tparam[opt=true] boolean options.wait return when all processes have ended: a task is suspended, other code blocks
 * @tparam[opt=false] boolean options.cancel_futures cancel the jobs that no worker has begun
 * @raise ValueError for an unknown option
 */

/*** Takes no more jobs, and ends the workers when they have done those that there are. It may be called again.
 * Mirrors `concurrent.futures.Executor.shutdown`.
 * @function ThreadPoolExecutor:shutdown
 * @tparam ?table options what to do about the jobs that there are
 * @tparam[opt=true] boolean options.wait return when all threads have ended: a task is suspended, other code blocks
 * @tparam[opt=false] boolean options.cancel_futures cancel the jobs that no worker has begun
 * @raise ValueError for an unknown option
 */
static int executor_shutdown(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  check_executor(L, 1);
  bool wait = true, cancel = false;
  if (!lua_isnoneornil(L, 2)) {
    check_options(L, rt, 2);
    wait = boolean_option(L, 2, "wait", true);
    cancel = boolean_option(L, 2, "cancel_futures", false);
  }
  return saros__executor_shutdown(L, rt, 1, wait, cancel);
}

static int executor_close(lua_State *L) {
  check_executor(L, 1);
  lua_settop(L, 1);
  return saros__executor_shutdown(L, saros__runtime(L), 1, true, false);
}

/* See executor.h. What is delivered has no running loop to arrive at. */
static int executor_gc(lua_State *L) {
  saros_executor_t *executor = saros__executor_test(L, 1);
  if (!executor || !executor->workers) return 0;
  saros__loan_was_read(saros__runtime(L));
  saros_workers_t *workers = executor->workers;
  executor->workers = NULL;
  saros__workers_shut(workers);
  saros_job_t *job = saros__workers_take_all(workers);
  while (job) {
    saros_job_t *next = job->next;
    saros__pending_deliver(&job->pending);
    job = next;
  }
  saros__workers_stop(workers);
  if (!saros__workers_wait(workers, FINALIZER_LIMIT)) saros__workers_detach(workers);
  saros__workers_join(workers);
  saros__workers_release(workers);
  saros__slab_leave(executor->jobs);
  executor->jobs = NULL;
  return 0;
}

static int executor_tostring(lua_State *L) {
  const saros_executor_t *executor = saros__executor_test(L, 1);
  bool has_processes = executor && executor->has_processes;
  lua_pushfstring(L, "%s: %p", has_processes ? "ProcessPoolExecutor" : "ThreadPoolExecutor", lua_topointer(L, 1));
  return 1;
}

/* ---- making one ---- */

/* Gives the executor its workers; the options are taken over, whatever happens. */
static void give_workers(lua_State *L, saros_executor_t *executor, saros_workers_options_t *options) {
  const saros_command_t *command = &options->command;
  bool is_complete = !executor->has_processes || (command->program && command->code);
  if (is_complete) executor->workers = saros__workers_new(options);
  if (executor->workers) return;
  saros__paths_free(&options->paths);
  saros__message_free(options->initializer);
  free(options->command.program);
  free(options->command.code);
  luaL_error(L, "not enough memory");
}

/* Pushes an executor without workers. */
static saros_executor_t *push_empty(lua_State *L, saros_runtime_t *rt, bool has_processes) {
  saros_executor_t *executor = lua_newuserdatauv(L, sizeof *executor, 0);
  *executor = (saros_executor_t){.marker = SAROS_MARKER_EXECUTOR, .has_processes = has_processes};
  saros__push_slot(L, rt, has_processes ? SAROS_SLOT_PROCESS_POOL : SAROS_SLOT_POOL);
  lua_setmetatable(L, -2);
  return executor;
}

static unsigned count_cpus(void) {
  uv_cpu_info_t *cpus;
  int count = 1;
  if (uv_cpu_info(&cpus, &count) == 0) uv_free_cpu_info(cpus, count);
  return (unsigned)count;
}

static unsigned default_workers(void) {
  unsigned count = count_cpus();
  return count + DEFAULT_EXTRA < DEFAULT_LIMIT ? count + DEFAULT_EXTRA : DEFAULT_LIMIT;
}

void saros__executor_push_default(lua_State *L, saros_runtime_t *rt) {
  saros_executor_t *executor = push_empty(L, rt, false);
  saros_workers_options_t options = {.class = &saros__thread_workers, .max = default_workers(), .name = "saros"};
  saros__paths_read(L, &options.paths);
  give_workers(L, executor, &options);
}

/* Packs the initializer at `first` and the arguments above it, if there is one. May raise. */
static saros_message_t *pack_initializer(lua_State *L, saros_runtime_t *rt, const saros_executor_t *executor,
                                         int first) {
  if (lua_isnoneornil(L, first)) return NULL;
  return saros__pack(L, rt, first, lua_gettop(L) - first + 1, call_mode(executor));
}

/* Arguments: how many workers or nil, the threads' name, an initializer or nil, its arguments. They were checked. */
static int thread_pool(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_workers_options_t options = {.class = &saros__thread_workers, .name = luaL_checkstring(L, 2)};
  options.max = lua_isnoneornil(L, 1) ? default_workers() : (unsigned)luaL_checkinteger(L, 1);
  saros_executor_t *executor = push_empty(L, rt, false);
  lua_insert(L, 1);
  options.initializer = pack_initializer(L, rt, executor, 4);
  saros__paths_read(L, &options.paths);
  give_workers(L, executor, &options);
  lua_settop(L, 1);
  return 1;
}

/* Arguments: how many workers or nil, the program to start, the code for it, an initializer or nil, its arguments. They
 * were checked. */
static int process_pool(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_workers_options_t options = {.class = &saros__process_workers, .name = "saros"};
  options.max = lua_isnoneornil(L, 1) ? count_cpus() : (unsigned)luaL_checkinteger(L, 1);
  const char *program = luaL_checkstring(L, 2), *code = luaL_checkstring(L, 3);
  saros_executor_t *executor = push_empty(L, rt, true);
  lua_insert(L, 1);
  options.initializer = pack_initializer(L, rt, executor, 5);
  options.command = (saros_command_t){strdup(program), strdup(code)};
  give_workers(L, executor, &options);
  lua_settop(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
    {"thread_pool", thread_pool}, {"process_pool", process_pool}, {NULL, NULL}};

static const luaL_Reg methods[] = {
    {"submit", executor_submit}, {"shutdown", executor_shutdown}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__close", executor_close},
                                       {"__gc", executor_gc},
                                       {"__tostring", executor_tostring},
                                       {NULL, NULL}};

/* Makes a class, whose methods the Lua layer finds under a name of the module on top, to add its own. */
static void open_class(lua_State *L, saros_runtime_t *rt, const char *name, const char *methods_name, int slot) {
  saros__new_class(L, rt, name, methods, metamethods);
  lua_getfield(L, -1, "__index");
  lua_setfield(L, -3, methods_name);
  saros__store_slot(L, rt, slot);
}

void saros__executor_open(lua_State *L, saros_runtime_t *rt) {
  open_class(L, rt, "ThreadPoolExecutor", "thread_pool_methods", SAROS_SLOT_POOL);
  open_class(L, rt, "ProcessPoolExecutor", "process_pool_methods", SAROS_SLOT_PROCESS_POOL);
  saros__set_functions(L, rt, functions);
}
