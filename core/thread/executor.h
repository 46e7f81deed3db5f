/* executor.h: ThreadPoolExecutor and ProcessPoolExecutor, pools of workers as objects.
 *
 * The userdata owns the pool. As long as jobs are out, their loop keeps the
 * executor, so that one that nobody refers to goes on until they are done. Its
 * finalizer finds jobs only when the state closes, or their loop was closed: it
 * drops those that wait, stops those that run, and waits for a bounded time;
 * threads that are still there then are left to themselves. Processes are killed, so
 * that does not take long.
 *
 * A job of a process ends with its loop: nobody could be told of its results, and
 * nobody could cancel it any more.
 *
 * Threads: the state's own.
 */
#ifndef SAROS_THREAD_EXECUTOR_H
#define SAROS_THREAD_EXECUTOR_H

#include "thread/pool.h"

#define SAROS_MARKER_EXECUTOR SAROS_MARKER('E', 'x')

typedef struct saros_executor {
  saros_marker_t marker;
  bool has_processes;       /* its workers have processes do the jobs */
  saros_workers_t *workers; /* NULL before it is complete, and after its finalizer */
  saros_slab_t *jobs;       /* that gives the next one its memory, or NULL */
  uint32_t outstanding;     /* blocks that are out and refer to it */
  uint32_t loop_id;         /* of the loop that keeps it meanwhile */
} saros_executor_t;

/* The executor at `index`, or NULL. */
saros_executor_t *saros__executor_test(lua_State *L, int index);

/* Pushes a new executor with the usual number of workers. */
void saros__executor_push_default(lua_State *L, saros_runtime_t *rt);

/* Makes a job for this loop of the function at `first` and the arguments above it; pops them and pushes the future. */
void saros__executor_submit(lua_State *L, saros_loop_t *loop, int executor, int first);

/* Shuts the executor at `index` down. Suspends a task until its workers have ended, or blocks elsewhere: `return
 * saros__executor_shutdown(...)`, which gives no results. */
int saros__executor_shutdown(lua_State *L, saros_runtime_t *rt, int index, bool wait, bool cancel);

/* Adds thread_pool and process_pool to the module on top, and the classes. */
void saros__executor_open(lua_State *L, saros_runtime_t *rt);

/* ---- default_executor.c ---- */

/* Adds run_in_executor, set_default_executor and shutdown_default_executor to the class on top. */
void saros__default_executor_methods(lua_State *L, saros_runtime_t *rt);
/* Adds to_thread and blocking_sleep to the module on top. */
void saros__default_executor_open(lua_State *L, saros_runtime_t *rt);

#endif
