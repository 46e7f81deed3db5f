#include "task/task.h"

#include "loop/errors.h"
#include "loop/handle.h"
#include "structures/hints.h"
#include "task/context.h"
#include "task/current.h"
#include "task/generator.h"
#include "task/pool.h"

lua_State *saros__running_state(saros_loop_t *loop) {
  saros_task_t *task = loop->rt->current;
  return task ? saros__task_innermost(task) : loop->L;
}

/* ---- the body: the function at the bottom of every task's coroutine ---- */

/* Its stack is: message handler, function, arguments. It returns the whole stack: the handler, which nobody
 * needs any more, says that the results above it are the body's; nil in its place that an error is. */
static int body_ended(lua_State *L, int status, lua_KContext context) {
  (void)context;
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_pushnil(L);
    lua_replace(L, 1);
  }
  return lua_gettop(L);
}

static int body(lua_State *L) {
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, body_ended);
  return body_ended(L, status, 0);
}

/* ---- making a task ---- */

static void link_task(saros_task_pool_t *pool, saros_task_t *task) {
  task->previous = pool->last;
  if (pool->last) {
    pool->last->next = task;
  } else {
    pool->first = task;
  }
  pool->last = task;
  pool->live++;
}

static void unlink_task(saros_task_pool_t *pool, saros_task_t *task) {
  if (task->previous) {
    task->previous->next = task->next;
  } else {
    pool->first = task->next;
  }
  if (task->next) {
    task->next->previous = task->previous;
  } else {
    pool->last = task->previous;
  }
  task->previous = task->next = NULL;
  pool->live--;
}

static void begin(saros_loop_t *loop, saros_task_t *task, lua_State *co, uint32_t slot) {
  task->co = co;
  task->slot = slot;
  task->number = ++loop->rt->next_task_number;
  link_task(&loop->tasks, task);
}

/* Pushes a new task, which has no coroutine yet. */
static saros_task_t *new_task(lua_State *L, saros_loop_t *loop) {
  saros_task_t *task = lua_newuserdatauv(L, sizeof *task, SAROS_UV_EXTRAS);
  *task = (saros_task_t){.wait = SAROS_WAIT_NONE};
  saros__future_init(&task->future, loop, SAROS_MARKER_TASK);
  saros__push_slot(L, loop->rt, SAROS_SLOT_TASK);
  lua_setmetatable(L, -2);
  if (loop->debug) saros__future_trace(L, -1, &task->future);
  return task;
}

saros_task_t *saros__task_adopt(lua_State *L, saros_loop_t *loop, lua_State *co) {
  saros_task_t *task = new_task(L, loop);
  if (loop->rt->has_context) saros__task_share_context(L, -1, task);
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  begin(loop, task, co, saros__pool_adopt(L, loop, lua_gettop(L) - 1));
  task->started = task->stepping = true;
  loop->rt->current = task;
  return task;
}

saros_task_t *saros__task_new_unscheduled(lua_State *L, saros_loop_t *loop, int first) {
  saros_runtime_t *rt = loop->rt;
  int n = lua_gettop(L) - first + 1;
  saros_task_t *task = new_task(L, loop);
  if (rt->has_context) saros__task_copy_context(L, -1, task);
  saros__loop_reserve(L, loop, 1);
  lua_State *co;
  uint32_t slot = saros__pool_take(L, loop, &co, n + 2);
  lua_insert(L, first); /* the task, then the function and its arguments */
  lua_pushvalue(rt->anchor, SAROS_SLOT_BODY);
  lua_pushvalue(rt->anchor, SAROS_SLOT_HANDLER);
  lua_xmove(rt->anchor, co, 2);
  lua_xmove(L, co, n);
  begin(loop, task, co, slot);
  return task;
}

saros_task_t *saros__task_new(lua_State *L, saros_loop_t *loop, int first) {
  saros_task_t *task = saros__task_new_unscheduled(L, loop, first);
  saros__task_schedule(L, loop, task);
  return task;
}

void saros__create_task(lua_State *L, saros_loop_t *loop, int first) {
  if (!loop->has_factory) {
    saros__task_new(L, loop, first);
    return;
  }
  int n = lua_gettop(L) - first + 1;
  luaL_checkstack(L, 4, NULL);
  saros__loop_push(L, loop, SAROS_LOOP_FACTORY);
  lua_insert(L, first);
  saros__push_loop(L, loop);
  lua_insert(L, first + 1);
  lua_call(L, n + 1, 1);
}

static void push_task(lua_State *L, const saros_task_t *task) {
  lua_State *anchor = task->future.loop->anchor;
  lua_rawgeti(anchor, SAROS_LOOP_TASKS, (lua_Integer)task->slot + 1);
  lua_xmove(anchor, L, 1);
}

void saros__push_task(lua_State *L, saros_task_t *task) {
  push_task(L, task);
}

/* ---- scheduling a step ---- */

static void run_step(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra);

enum { CACHE_LINE = 64, TASK_AHEAD = 5, COROUTINE_AHEAD = 2, COROUTINE_LINES = 8 };

/* Asks for the memory of the tasks that step next: first the task, then, when that has come, its coroutine. */
static SAROS_ALWAYS_INLINE void prefetch_steps(const saros_ready_t *ready) {
  size_t left = ready->current.count - ready->position;
  const saros_entry_t *next = &ready->current.items[ready->position];
  if (left > TASK_AHEAD && next[TASK_AHEAD].run == run_step) {
    const char *task = next[TASK_AHEAD].target;
    for (size_t at = 0; at < sizeof(saros_task_t); at += CACHE_LINE) SAROS_PREFETCH(task + at);
  }
  if (left > COROUTINE_AHEAD && next[COROUTINE_AHEAD].run == run_step) {
    const char *co = (const char *)((const saros_task_t *)next[COROUTINE_AHEAD].target)->co;
    for (int line = 0; line < COROUTINE_LINES; line++) SAROS_PREFETCH(co + line * CACHE_LINE);
  }
}

static void run_step(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra) {
  (void)extra;
  prefetch_steps(&loop->ready);
  saros__task_step(L, loop, target);
}

/* Where the task goes on; for one that has not begun, its function stands for a frame. */
static void push_step_traceback(lua_State *L, saros_task_t *task) {
  if (task->started) {
    saros__push_traceback(L, task->co, 0);
    return;
  }
  saros_place_t place;
  saros__find_place(task, &place);
  lua_pushfstring(L, place.line > 0 ? "\n\t%s:%d: in ?" : "", place.source, place.line);
}

static bool push_step_task(lua_State *L, const saros_entry_t *entry) {
  saros_task_t *task = entry->target;
  if (entry->run != run_step) return false;
  if (task->co) {
    saros__push_task(L, task);
    push_step_traceback(L, task);
  } else {
    lua_pushnil(L);
    lua_pushnil(L);
  }
  return true;
}

/* What an overridden call_soon receives for a step: callable once, and its tostring names the task and the
 * line where it will go on. */
typedef struct saros_step {
  saros_marker_t marker;
  saros_task_t *task; /* NULL once it was called */
  saros_place_t place;
} saros_step_t;

#define MARKER_STEP SAROS_MARKER('S', 't')

static int step_call(lua_State *L) {
  saros_step_t *step = saros__test_marker(L, 1, MARKER_STEP);
  if (!step) return luaL_typeerror(L, 1, "task step");
  saros_task_t *task = step->task;
  step->task = NULL;
  if (task && task->co && saros__future_loop(&task->future)) {
    saros__task_step(L, task->future.loop, task);
  }
  return 0;
}

static int step_tostring(lua_State *L) {
  saros_step_t *step = saros__test_marker(L, 1, MARKER_STEP);
  if (!step) return luaL_typeerror(L, 1, "task step");
  lua_pushliteral(L, "TaskStep: ");
  lua_getiuservalue(L, 1, 1);
  saros__task_push_name(L, -1, lua_touserdata(L, -1));
  lua_remove(L, -2);
  saros__push_place(L, &step->place);
  lua_concat(L, 3);
  return 1;
}

static void schedule_by_method(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  luaL_checkstack(L, 6, NULL);
  saros_step_t *step = lua_newuserdatauv(L, sizeof *step, 1);
  *step = (saros_step_t){.marker = MARKER_STEP, .task = task};
  saros__find_place(task, &step->place);
  saros__push_task(L, task);
  lua_setiuservalue(L, -2, 1);
  saros__push_slot(L, loop->rt, SAROS_SLOT_STEP);
  lua_setmetatable(L, -2);
  saros__schedule_call(L, loop, 1);
}

void saros__task_schedule(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  if (loop->closed) return;
  if (loop->overrides & SAROS_OVERRIDE_CALL_SOON) {
    schedule_by_method(L, loop, task);
    return;
  }
  saros__loop_reserve(L, loop, 1);
  saros_ready_push(&loop->ready, run_step, task, 0);
}

/* ---- ending ---- */

/* Takes the task, whose userdata is on some stack, out of the loop. The coroutine is reused if it ended well. */
static void retire(saros_task_t *task, bool reuse) {
  saros_loop_t *loop = task->future.loop;
  task->co = NULL;
  task->generator = NULL;
  task->wait = SAROS_WAIT_NONE;
  unlink_task(&loop->tasks, task);
  saros__pool_give(loop, task->slot, reuse);
}

/* Ends a task without results whose waiters are the core's own: the common case, in which its userdata is
 * not needed. It stays in the loop's table, and so alive, until its slot is given back. */
static bool end_plainly(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  saros_future_t *future = &task->future;
  if (future->has_extras || loop->overrides || !saros_ready_reserve(&loop->ready, 1)) return false;
  task->co = NULL;
  task->wait = SAROS_WAIT_NONE;
  unlink_task(&loop->tasks, task);
  future->nresults = 0;
  future->state = SAROS_RESULT;
  if (future->waiter_count > 0) {
    future->waiter_count = 0;
    future->first.wake(L, loop, future, 0, future->first.target);
  }
  saros__pool_give(loop, task->slot, true);
  return true;
}

/* Ends a failed task with the error on top of L, which is popped. */
static void end_failed(lua_State *L, saros_task_t *task, bool reuse) {
  saros_runtime_t *rt = task->future.loop->rt;
  saros__push_task(L, task);
  retire(task, reuse);
  lua_insert(L, -2); /* task error */
  if (saros__is_error(L, rt, -1, SAROS_SLOT_CANCELLED)) {
    saros__future_set_cancelled(L, -2, &task->future);
  } else if (saros__is_error(L, rt, -1, SAROS_SLOT_INTERRUPT)) {
    lua_pushvalue(L, -1);
    saros__future_set_error(L, -3, &task->future);
    saros__future_silence(&task->future);
    lua_error(L); /* it leaves the loop, so it is not lost */
  } else {
    saros__future_set_error(L, -2, &task->future);
  }
  lua_pop(L, 1);
}

void saros__task_end_cancelled(lua_State *L, saros_task_t *task) {
  saros__push_task(L, task);
  retire(task, false);
  lua_insert(L, -2);
  saros__future_set_cancelled(L, -2, &task->future);
  lua_pop(L, 1);
}

/* The body returned: `n` values on the coroutine's stack, the first of which tells how. */
static void end_body(lua_State *L, saros_task_t *task, int n) {
  lua_State *co = task->co;
  bool succeeded = !lua_isnil(co, -n);
  if (succeeded && n == 1 && !task->must_cancel && end_plainly(L, task->future.loop, task)) return;
  luaL_checkstack(L, n + 4, "too many results");
  if (!succeeded) {
    lua_xmove(co, L, 1);
    end_failed(L, task, true);
    return;
  }
  if (task->must_cancel) { /* cancelled right before it ended */
    saros__push_task(L, task);
    saros__task_push_cancelled(L, task);
    retire(task, true);
    saros__future_set_cancelled(L, -2, &task->future);
    lua_pop(L, 1);
    return;
  }
  int index = lua_gettop(L) + 1;
  push_task(L, task);
  if (n > 1) lua_xmove(co, L, n - 1);
  retire(task, true);
  saros__future_set_results(L, index, &task->future, n - 1);
  lua_settop(L, index - 1);
}

/* The coroutine is not in the state in which the loop left it. */
static void end_tampered(lua_State *L, saros_task_t *task) {
  saros__task_withdraw(task);
  saros__push_error(L, task->future.loop->rt, "RuntimeError",
                    "the task's coroutine was resumed or closed by the program");
  end_failed(L, task, false);
}

/* ---- a step ---- */

/* Runs when the bare coroutine.yield returns, still inside it, so that a pcall around it sees the error; the
 * count makes sure of it where yield is not called as a function of its own. */
static void raise_at_yield(lua_State *L, lua_Debug *ar) {
  (void)ar;
  saros_runtime_t *rt = saros__runtime_open(L);
  lua_pop(L, 1);
  lua_sethook(L, rt->saved_hook, rt->saved_mask, rt->saved_count);
  saros__push_slot(L, rt, SAROS_SLOT_YIELD_ERROR);
  lua_pushnil(L);
  saros__store_slot(L, rt, SAROS_SLOT_YIELD_ERROR);
  lua_error(L);
}

/* A coroutine suspended by a bare yield has no continuation of ours: a hook raises the error on top of
 * L, popped, as soon as it goes on. The program's own hook is put back then. */
static void arm_yield(lua_State *L, saros_task_t *task) {
  saros_runtime_t *rt = task->future.loop->rt;
  saros__store_slot(L, rt, SAROS_SLOT_YIELD_ERROR);
  lua_State *co = saros__task_innermost(task);
  rt->saved_hook = lua_gethook(co);
  rt->saved_mask = lua_gethookmask(co);
  rt->saved_count = lua_gethookcount(co);
  lua_sethook(co, raise_at_yield, LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static void prepare_bare_yield(lua_State *L, saros_task_t *task) {
  if (task->must_cancel) {
    task->must_cancel = false;
    saros__task_push_cancelled(L, task);
    arm_yield(L, task);
  } else if (task->bad_yield) {
    saros__push_error(L, task->future.loop->rt, "RuntimeError",
                      "a task may not yield values: await something, or use saros.sleep(0)");
    arm_yield(L, task);
  }
  task->bad_yield = false;
}

static bool is_resumable(const saros_task_t *task) {
  if (task->started) return lua_status(task->co) == LUA_YIELD;
  return lua_status(task->co) == LUA_OK && lua_gettop(task->co) >= 3;
}

/* The coroutine yielded `n` values. */
static void after_yield(lua_State *L, saros_loop_t *loop, saros_task_t *task, int n) {
  if (task->suspended) return; /* by the core, which knows what will wake it */
  lua_pop(task->co, n);
  task->wait = SAROS_WAIT_NONE;
  task->bad_yield = n > 0;
  if (!loop->closing) saros__task_schedule(L, loop, task);
}

void saros__task_returned(lua_State *L, saros_loop_t *loop, saros_task_t *task, int status, int n) {
  task->stepping = false;
  if (status == LUA_YIELD) {
    after_yield(L, loop, task, n);
  } else if (status == LUA_OK) {
    end_body(L, task, n);
  } else { /* out of memory before the body was protected */
    lua_xmove(task->co, L, 1);
    end_failed(L, task, false);
  }
}

void saros__task_step(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  lua_State *co = task->co;
  saros_runtime_t *rt = loop->rt;
  if (!co || task->stepping) return;
  if (!is_resumable(task)) {
    end_tampered(L, task);
    return;
  }
  int nargs = 0;
  if (!task->started && task->must_cancel) { /* its body never runs */
    saros__task_push_cancelled(L, task);
    saros__task_end_cancelled(L, task);
    return;
  }
  bool contexts = rt->has_context || task->has_context;
  if (contexts) saros__task_enter_context(L, task);
  if (!task->started) {
    nargs = lua_gettop(co) - 1;
    task->started = true;
  } else if (!task->suspended) {
    prepare_bare_yield(L, task);
  }
  saros_task_t *outer = rt->current;
  rt->current = task;
  task->stepping = true;
  task->suspended = false;
  int n = 0;
  int status = lua_resume(co, L, nargs, &n);
  rt->current = outer;
  if (contexts) {
    saros__context_set(L, rt);
  } else if (rt->has_context) {
    saros__context_clear(rt);
  }
  saros__task_returned(L, loop, task, status, n);
}

static const luaL_Reg step_metamethods[] = {
    {"__call", step_call}, {"__tostring", step_tostring}, {NULL, NULL}};

void saros__step_open(lua_State *L, saros_runtime_t *rt) {
  lua_newtable(L);
  saros__set_functions(L, rt, step_metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_STEP);
  rt->push_step_task = push_step_task;
  lua_pushcfunction(L, body);
  saros__store_slot(L, rt, SAROS_SLOT_BODY);
}
