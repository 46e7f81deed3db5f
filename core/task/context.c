#include "task/context.h"

/* Pops a context and stores it as that of the task at `index`. */
static void store(lua_State *L, int index, saros_task_t *task) {
  saros__future_extras(L, index, &task->future);
  lua_insert(L, -2);
  lua_setfield(L, -2, "context");
  lua_pop(L, 1);
  task->has_context = true;
}

void saros__task_share_context(lua_State *L, int index, saros_task_t *task) {
  index = lua_absindex(L, index);
  saros__push_slot(L, task->future.loop->rt, SAROS_SLOT_CONTEXT);
  store(L, index, task);
}

void saros__task_copy_context(lua_State *L, int index, saros_task_t *task) {
  index = lua_absindex(L, index);
  saros__context_push_copy(L, task->future.loop->rt);
  store(L, index, task);
}

void saros__task_enter_context(lua_State *L, saros_task_t *task) {
  saros_runtime_t *rt = task->future.loop->rt;
  luaL_checkstack(L, 6, NULL);
  saros__push_slot(L, rt, SAROS_SLOT_CONTEXT);
  if (task->has_context) {
    saros__push_task(L, task);
    saros__future_extra(L, -1, &task->future, "context");
    lua_remove(L, -2);
  } else {
    lua_pushnil(L);
  }
  saros__context_set(L, rt);
}

/* Makes the context on top the current one, and the running task's; pops it. */
static void change(lua_State *L, saros_runtime_t *rt) {
  if (rt->current) {
    luaL_checkstack(L, 8, NULL);
    saros__push_task(L, rt->current);
    lua_pushvalue(L, -2);
    store(L, lua_gettop(L) - 1, rt->current);
    lua_pop(L, 1);
  }
  saros__context_set(L, rt);
}

/* current_context(): the context of the running code; nil for one that is empty and was never seen. */
static int current_context(lua_State *L) {
  saros__push_slot(L, saros__runtime(L), SAROS_SLOT_CONTEXT);
  return 1;
}

/* own_context(): the same, but never nil. */
static int own_context(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  if (!rt->has_context) {
    saros__context_push_copy(L, rt);
    change(L, rt);
  }
  return current_context(L);
}

/* copy_context(): a new context with the same values. */
static int copy_context(lua_State *L) {
  saros__context_push_copy(L, saros__runtime(L));
  return 1;
}

/* change_context(context or nil): makes it the current one; returns the one that was. */
static int change_context(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  lua_settop(L, 1);
  saros__push_slot(L, rt, SAROS_SLOT_CONTEXT);
  lua_insert(L, 1);
  change(L, rt);
  return 1;
}

static saros_task_t *test_task(lua_State *L, int index) {
  saros_future_t *future = saros__test_future(L, index);
  return future && future->marker == SAROS_MARKER_TASK ? (saros_task_t *)future : NULL;
}

/* task_context(task): the context of a task; nil for one that is empty and was never seen. */
static int task_context(lua_State *L) {
  saros_task_t *task = test_task(L, 1);
  if (!task || !task->has_context) return 0;
  saros__future_extra(L, 1, &task->future, "context");
  return 1;
}

/* share_context(task, context): a task that has not started will run in this very context. */
static int share_context(lua_State *L) {
  saros_task_t *task = test_task(L, 1);
  lua_settop(L, 2);
  if (task) store(L, 1, task);
  return 0;
}

/* bind_context(fn): the function, or what calls it without results in a copy of the current context. */
static int bind_context(lua_State *L) {
  saros__check_callable(L, 1);
  lua_settop(L, 1);
  saros__context_bind(L, saros__runtime(L), 1);
  return 1;
}

static const luaL_Reg functions[] = {{"current_context", current_context},
                                     {"own_context", own_context},
                                     {"copy_context", copy_context},
                                     {"change_context", change_context},
                                     {"task_context", task_context},
                                     {"share_context", share_context},
                                     {"bind_context", bind_context},
                                     {NULL, NULL}};

void saros__context_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__push_slot(L, rt, SAROS_SLOT_CONTEXT_CLASS);
  lua_setfield(L, -2, "Context");
}
