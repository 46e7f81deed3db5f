#include "task/script.h"

#include "loop/errors.h"
#include "loop/context.h"
#include "loop/interrupt.h"
#include "task/generator.h"

/* Something needs a loop, on whatever coroutine of the script: see script.h. */
static saros_loop_t *adopt(lua_State *L, saros_runtime_t *rt) {
  lua_State *script = rt->script;
  luaL_checkstack(L, 8, NULL);
  rt->script = NULL; /* whatever makes the loop does not need one itself */
  saros__push_slot(L, rt, SAROS_SLOT_ADOPT);
  lua_call(L, 0, 1);
  saros_loop_t *loop = saros__check_open_loop(L, -1);
  saros__check_not_running(L, loop);
  int index = lua_gettop(L);
  saros__generators_adopt(L, rt, saros__task_adopt(L, loop, script));
  saros__store_slot(L, rt, SAROS_SLOT_SCRIPT);
  saros__loop_enter(L, loop, index);
  loop->iterating = true; /* the script counts as a callback of the first iteration */
  lua_pop(L, 1);
  return loop;
}

/* A script that fails takes the loop with it; one that ends well leaves it to the rest. */
static void stop_if_failed(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index,
                           void *target) {
  (void)L;
  (void)index;
  (void)target;
  if (future->state != SAROS_RESULT) loop->stopping = true;
}

/* How the script's coroutine came back the first time. */
typedef struct saros_script_return {
  saros_loop_t *loop;
  int status, values;
} saros_script_return_t;

/* Arguments: how it came back, the loop, the task. Goes on with the loop until nothing is left. */
static int go_on(lua_State *L) {
  saros_script_return_t *back = lua_touserdata(L, 1);
  saros_task_t *task = lua_touserdata(L, 3);
  saros_loop_t *loop = back->loop;
  saros__task_returned(L, loop, task, back->status, back->values);
  if (task->future.state == SAROS_PENDING) {
    saros__future_add_waiter(L, 3, &task->future, stop_if_failed, NULL);
  } else if (task->future.state != SAROS_RESULT) {
    return 0;
  }
  saros__loop_go_on(L, loop, 2);
  return 0;
}

/* The script became a task: runs the loop. Returns what run_script does. */
static int run_adopted(lua_State *L, saros_runtime_t *rt, int status, int values) {
  saros_script_return_t back = {rt->running, status, values};
  rt->current = NULL;
  saros__context_clear(rt);
  lua_pushcfunction(L, go_on);
  lua_pushlightuserdata(L, &back);
  saros__push_loop(L, back.loop);
  saros__push_slot(L, rt, SAROS_SLOT_SCRIPT);
  saros_task_t *task = lua_touserdata(L, -1);
  lua_pushvalue(L, -1);
  lua_insert(L, 1); /* the task stays at 1 */
  status = lua_pcall(L, 3, 0, 0);
  if (back.loop->running) saros__loop_leave(back.loop);
  if (status != LUA_OK) {
    saros__future_silence(&task->future);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  if (task->future.state == SAROS_FAILED || task->future.state == SAROS_CANCELLED) {
    lua_pushboolean(L, 0);
    saros__future_push_error(L, 1, &task->future);
    saros__future_extra(L, 1, &task->future, "traceback");
    return 3;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/*** Runs a script's main chunk as the launcher does; private. As plain Lua, until it first needs a running
 * loop; then it is that loop's main task, and what is left on the loop runs to completion.
 * @function run_script
 * @local
 * @tparam function new_loop called without arguments when a loop is needed; returns one
 * @tparam function chunk
 * @param[opt] ... its arguments
 * @return[1] true
 * @return[2] false
 * @return[2] the error
 * @return[2] its traceback, if the error is no error object
 */
static int run_script(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__check_callable(L, 1);
  saros__check_callable(L, 2);
  int n = lua_gettop(L) - 1;
  lua_State *co = lua_newthread(L);
  if (!lua_checkstack(co, n + 4)) return luaL_error(L, "not enough memory");
  lua_insert(L, 1); /* thread new_loop chunk ... */
  lua_pushvalue(rt->anchor, SAROS_SLOT_BODY);
  lua_pushvalue(rt->anchor, SAROS_SLOT_HANDLER);
  lua_xmove(rt->anchor, co, 2);
  lua_xmove(L, co, n);
  saros__store_slot(L, rt, SAROS_SLOT_ADOPT);
  rt->script = co;
  saros__interrupt_enter_script(rt, co);
  int values = 0;
  int status = lua_resume(co, L, n + 1, &values);
  bool adopted = rt->script == NULL && rt->running;
  rt->script = NULL;
  rt->script_generator = NULL;
  saros__interrupt_leave_script(rt);
  if (adopted) return run_adopted(L, rt, status, values);
  if (status == LUA_YIELD) {
    return saros__raise(L, rt, "RuntimeError", "attempt to yield from outside a coroutine");
  }
  if (status == LUA_OK && !lua_isnil(co, -values)) return lua_pushboolean(L, 1), 1;
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  saros__push_slot(L, rt, SAROS_SLOT_TRACEBACK);
  return 3;
}

/*** The task that the launcher's script became, or nil; private.
 * @function script_task
 * @local
 * @treturn ?Task
 */
static int script_task(lua_State *L) {
  saros__push_slot(L, saros__runtime(L), SAROS_SLOT_SCRIPT);
  return 1;
}

/*** The running loop; under the launcher, a script that has none gets one here; private.
 * @function need_loop
 * @local
 * @treturn EventLoop
 * @raise RuntimeError if no loop is running
 */
static int need_loop(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__push_loop(L, saros__need_running(L, rt));
  return 1;
}

static const luaL_Reg functions[] = {{"run_script", run_script},
                                     {"script_task", script_task},
                                     {"need_loop", need_loop},
                                     {NULL, NULL}};

void saros__script_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  rt->adopt_script = adopt;
}
