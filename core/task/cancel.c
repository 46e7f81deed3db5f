/* cancel.c: cancelling tasks. */
#include "loop/errors.h"
#include "task/generator.h"

/* Two messages: that of the request that cancelled the wait, as of the future that CPython would await
 * there, and that of the last other request, which stays with the task. */
#define WAIT_MESSAGE "wait_message"
#define TASK_MESSAGE "cancel_message"

void saros__task_push_cancelled(lua_State *L, saros_task_t *task) {
  saros_runtime_t *rt = task->future.loop->rt;
  luaL_checkstack(L, 8, NULL);
  if (!task->future.has_extras) {
    saros__push_cancelled(L, rt, 0);
    return;
  }
  saros__push_task(L, task);
  saros__future_extra(L, -1, &task->future,
                      task->wait == SAROS_WAIT_CANCELLED ? WAIT_MESSAGE : TASK_MESSAGE);
  saros__push_cancelled(L, rt, lua_isnil(L, -1) ? 0 : lua_gettop(L));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* Remembers the message at `message` (0: none) of the request that will raise. */
static void store_message(lua_State *L, int index, saros_task_t *task, int message) {
  if (!message && !task->future.has_extras) return;
  saros__future_extras(L, index, &task->future);
  if (message) {
    lua_pushvalue(L, message);
  } else {
    lua_pushnil(L);
  }
  lua_setfield(L, -2, task->wait == SAROS_WAIT_INTERNAL ? WAIT_MESSAGE : TASK_MESSAGE);
  lua_pop(L, 1);
}

void saros__task_cancel_wait(lua_State *L, saros_task_t *task) {
  if (!task->future.has_extras) return;
  luaL_checkstack(L, 8, NULL);
  saros__push_task(L, task);
  saros__future_extras(L, -1, &task->future);
  lua_getfield(L, -1, TASK_MESSAGE);
  lua_setfield(L, -2, WAIT_MESSAGE);
  lua_pop(L, 2);
}

void saros__task_withdraw(saros_task_t *task) {
  uint8_t wait = task->wait;
  task->wait = SAROS_WAIT_NONE;
  if (wait == SAROS_WAIT_INTERNAL) {
    if (task->withdraw) task->withdraw(task, task->on.owner);
  } else if (wait == SAROS_WAIT_FUTURE) {
    saros__future_remove_waiter(task->on.awaited, saros__wake_task, task);
  }
}

/* Pushes the future that a suspended task awaits: it is on top of the stack of the coroutine that awaits. */
static saros_future_t *push_awaited(lua_State *L, saros_task_t *task) {
  lua_State *co = saros__task_innermost(task);
  lua_pushvalue(co, -1);
  lua_xmove(co, L, 1);
  return task->on.awaited;
}

/* True if the task is suspended as the loop left it, so that its stack can be looked at. */
static bool is_waiting_for_future(const saros_task_t *task) {
  return task->wait == SAROS_WAIT_FUTURE && task->suspended && lua_status(task->co) == LUA_YIELD &&
         lua_status(saros__task_innermost(task)) == LUA_YIELD;
}

/* True if the request has come through this gather already: its children await it. */
static bool is_on_path(const saros_cancel_path_t *path, const saros_future_t *gather) {
  while (path && path->gather != gather) path = path->outer;
  return path != NULL;
}

/* The chain has no end, because its tasks await each other in a circle: this one's wait is the one that the
 * request cancels, which unwinds the others. (CPython ends in a RecursionError.) */
static void break_circle(lua_State *L, int index, saros_task_t *task, int message) {
  saros__task_schedule(L, task->future.loop, task);
  saros__task_withdraw(task);
  task->wait = SAROS_WAIT_INTERNAL; /* whose message it is */
  store_message(L, index, task, message);
  task->wait = SAROS_WAIT_CANCELLED;
}

/* One request follows the chain of tasks that await tasks to its end, in a loop: chains are long. */
bool saros__task_cancel(lua_State *L, int index, saros_task_t *task, int message,
                        const saros_cancel_path_t *path) {
  index = lua_absindex(L, index);
  if (message) message = lua_absindex(L, message);
  int top = lua_gettop(L);
  luaL_checkstack(L, 10, NULL);
  saros__future_silence(&task->future);
  if (saros__future_done(&task->future)) return false;
  if (!saros__future_loop(&task->future)) return false; /* collected, with what the task waited for */
  lua_pushvalue(L, index);
  for (uint32_t hops = 0;; hops++) {
    saros_loop_t *loop = task->future.loop;
    int here = lua_gettop(L);
    task->cancelling++;
    if (is_waiting_for_future(task)) {
      saros_future_t *awaited = push_awaited(L, task);
      if (hops > loop->tasks.live || is_on_path(path, awaited)) {
        lua_pop(L, 1);
        break_circle(L, here, task, message);
        break;
      }
      lua_replace(L, here);
      if (awaited->marker == SAROS_MARKER_TASK) {
        task = (saros_task_t *)awaited;
        saros__future_silence(awaited);
        continue;
      }
      if (saros__future_cancel_along(L, here, awaited, message, path)) break;
      saros__push_task(L, task); /* a gather whose children are all done: it cannot be cancelled any more */
      lua_replace(L, here);
    }
    store_message(L, here, task, message);
    if (task->wait == SAROS_WAIT_INTERNAL) {
      saros__task_end_wait(L, loop, task, SAROS_WAIT_CANCELLED);
      if (task->withdraw) task->withdraw(task, task->on.owner);
    } else {
      task->must_cancel = true;
      /* It waits, but not as the loop left it: the program has resumed or closed its coroutine, and nothing else
       * would end it. */
      if (task->wait == SAROS_WAIT_FUTURE && !task->stepping && lua_status(task->co) != LUA_YIELD) {
        saros__task_schedule(L, loop, task);
      }
    }
    break;
  }
  lua_settop(L, top);
  return true;
}
