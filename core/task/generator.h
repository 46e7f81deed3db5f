/* generator.h: iterators whose body may await.
 *
 * The body is a coroutine of its own, which the generator resumes inside the
 * code that asks for a value, its consumer. If that is a task, the body counts
 * as the task's own code: when it awaits, its coroutine yields to the generator,
 * and the generator, a C function with a continuation, yields the consumer's; a
 * step of the task goes the same way down again. So current_task(), time limits
 * and cancellation in the body are the consumer's. Generators nest: the bodies
 * that are part of a task are a list from the innermost outwards, task->generator.
 *
 * A body is not linked to a task where the consumer is none, or cannot suspend
 * itself (inside table.sort, say): then it runs, and its awaits are refused.
 *
 * Who keeps whom: a generator keeps its coroutine, and while it is linked the
 * task; the task keeps the innermost generator (in the place of its result), that
 * one the next. The arguments of the body's coroutine include `yield`, which
 * refers to the generator: a cycle.
 *
 * A generator that is abandoned between two values is closed by its finalizer:
 * by a task on the loop on which it first ran, or on the spot, without awaiting, if
 * that is closed. A loop knows its generators (a weak table on
 * its anchor), so that the runner can close them before the loop.
 *
 * Threads: the state's own.
 */
#ifndef SAROS_TASK_GENERATOR_H
#define SAROS_TASK_GENERATOR_H

#include "task/task.h"

typedef struct saros_generator {
  saros_marker_t marker;
  lua_State *co;                  /* of the body; NULL once it has ended */
  lua_State *consumer;            /* in which it runs now; NULL between values */
  saros_task_t *task;             /* whose code it is now, or NULL */
  struct saros_generator *outer;  /* the next one that is linked to the same task or script */
  struct saros_generator *caller; /* whose body was running when this one was resumed */
  saros_loop_t *loop;             /* on which it first ran, or NULL */
  uint32_t loop_id;
  int nargs;          /* for the first resume */
  lua_Integer number; /* in order of creation */
  bool started;
  bool in_script; /* linked to the launcher's script, which has no loop yet */
  bool yielded;   /* its coroutine yields a value, it does not await */
  bool closing;   /* close() is raising in it */
} saros_generator_t;

/* The coroutine on which the task's code is: its own, or that of a generator's body. */
static inline lua_State *saros__task_innermost(const saros_task_t *task) {
  return task->generator ? task->generator->co : task->co;
}

/* True if L runs the task's own code. No code runs on its coroutine while a generator is linked. */
static inline bool saros__task_runs_on(const saros_task_t *task, const lua_State *L) {
  return task->co == L || (task->generator && task->generator->co == L);
}

/* The same for a launcher's script that has no loop. */
static inline bool saros__script_runs_on(const saros_runtime_t *rt, const lua_State *L) {
  if (!rt->script) return false;
  return rt->script == L || (rt->script_generator && rt->script_generator->co == L);
}

/* The launcher's script has become the task on top of L: so have the bodies in it. */
void saros__generators_adopt(lua_State *L, saros_runtime_t *rt, saros_task_t *task);

/* Pushes a traceback of the task's code, generators included. */
void saros__push_task_traceback(lua_State *L, saros_task_t *task);

void saros__generator_functions(lua_State *L, saros_runtime_t *rt);

#endif
