#include "task/group.h"

#include "loop/errors.h"
#include "loop/handle.h"

#define MARKER_GROUP SAROS_MARKER('G', 'r')

enum { UV_HANDLER = 1 };

typedef struct saros_group {
  saros_marker_t marker;
  saros_loop_t *loop;
  uint32_t loop_id;
  uint32_t count; /* children that are not done, or whose end the group has not seen */
} saros_group_t;

static saros_group_t *check_group(lua_State *L) {
  saros_group_t *group = saros__test_marker(L, 1, MARKER_GROUP);
  if (!group) luaL_typeerror(L, 1, "task group");
  if (group->loop->id != group->loop_id || group->loop->closed) {
    saros__raise(L, saros__runtime(L), "RuntimeError", "Event loop is closed");
  }
  return group;
}

/* ---- children that are done ---- */

/* Calls handler(child or nil, whether it was the last one). The child is the failed one that `key` names. */
static void tell(lua_State *L, saros_loop_t *loop, saros_group_t *group, const void *key) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 10, NULL);
  saros__loop_anchored(L, loop, group);
  if (group->count == 0) saros__loop_release(L, loop, group);
  lua_getiuservalue(L, top + 1, UV_HANDLER);
  if (key) {
    saros__loop_anchored(L, loop, key);
    saros__loop_release(L, loop, key);
  } else {
    lua_pushnil(L);
  }
  lua_pushboolean(L, group->count == 0);
  lua_call(L, 2, 0);
  lua_settop(L, top);
}

static void on_child_done(lua_State *L, saros_loop_t *loop, void *target, uintptr_t failed) {
  saros_group_t *group = target;
  group->count--;
  if (failed || group->count == 0) tell(L, loop, group, (const void *)failed);
}

/* For an overridden call_soon: upvalues the group, nil once it was called, and the failed child or NULL. */
static int child_done_by_callback(lua_State *L) {
  saros_group_t *group = lua_touserdata(L, lua_upvalueindex(2));
  if (!group) return 0;
  lua_pushvalue(L, lua_upvalueindex(2)); /* stays alive here */
  lua_pushnil(L);
  lua_replace(L, lua_upvalueindex(2));
  on_child_done(L, group->loop, group, (uintptr_t)lua_touserdata(L, lua_upvalueindex(3)));
  return 0;
}

static void schedule_by_method(lua_State *L, saros_loop_t *loop, saros_group_t *group, void *failed) {
  luaL_checkstack(L, 8, NULL);
  saros__push_slot(L, loop->rt, SAROS_SLOT_RUNTIME);
  saros__loop_anchored(L, loop, group);
  lua_pushlightuserdata(L, failed);
  lua_pushcclosure(L, child_done_by_callback, 3);
  saros__schedule_call(L, loop, 1);
}

static void wake_group(lua_State *L, saros_loop_t *loop, saros_future_t *child, int index, void *target) {
  void *failed = child->state == SAROS_FAILED ? child : NULL;
  if (loop->closed) return;
  if (failed) { /* the loop does not keep it any more */
    lua_pushvalue(L, index);
    saros__loop_anchor(L, loop, failed);
  }
  if (loop->overrides & SAROS_OVERRIDE_CALL_SOON) {
    schedule_by_method(L, loop, target, failed);
    return;
  }
  saros__loop_reserve(L, loop, 1);
  saros_ready_push(&loop->ready, on_child_done, target, (uintptr_t)failed);
}

/* ---- Lua ---- */

/*** Makes a group on the running loop; private.
 * @function group.new
 * @tparam function handler called as `handler(child, last)` with a child that failed, and with nil when the
 * last one is done
 * @return the group
 * @raise RuntimeError if no loop is running
 */
static int group_new(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__check_callable(L, 1);
  lua_settop(L, 1);
  saros_loop_t *loop = saros__need_running(L, rt);
  saros_group_t *group = lua_newuserdatauv(L, sizeof *group, UV_HANDLER);
  *group = (saros_group_t){MARKER_GROUP, loop, loop->id, 0};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, UV_HANDLER);
  return 1;
}

/* Lets the group at 1 wait for the child at 2. One that was started eagerly may be done: the group hears of it in
 * the next iteration all the same, as it could not cancel the parent, which is running, in the middle of its body. */
static void add_child(lua_State *L, saros_group_t *group, saros_future_t *child) {
  if (group->count == 0) {
    lua_pushvalue(L, 1);
    saros__loop_anchor(L, group->loop, group);
  }
  if (saros__future_done(child)) {
    wake_group(L, group->loop, child, 2, group);
  } else {
    saros__future_add_waiter(L, 2, child, wake_group, group);
  }
  group->count++;
}

/*** Makes a task that is a child of the group; private.
 * @function group.create_task
 * @param group
 * @tparam function fn
 * @param[opt] ... its arguments
 * @treturn Task
 * @raise RuntimeError if the loop is closed, or its task factory makes no tasks
 */
static int group_create_task(lua_State *L) {
  saros_group_t *group = check_group(L);
  saros__check_callable(L, 2);
  saros__create_task(L, group->loop, 2);
  saros_future_t *child = saros__test_future(L, 2);
  if (!child || child->marker != SAROS_MARKER_TASK) {
    return saros__raise(L, group->loop->rt, "RuntimeError", "the task factory returned a %s, not a task",
                        luaL_typename(L, 2));
  }
  add_child(L, group, child);
  return 1;
}

/*** How many children are not done, or were not seen to be; private.
 * @function group.count
 * @param group
 * @treturn integer
 */
static int group_count(lua_State *L) {
  lua_pushinteger(L, check_group(L)->count);
  return 1;
}

/*** The children that are not done, in order of creation; private.
 * @function group.children
 * @param group
 * @treturn {Task,...}
 */
static int group_children(lua_State *L) {
  saros_group_t *group = check_group(L);
  lua_Integer n = 0;
  lua_createtable(L, (int)group->count, 0);
  if (group->count == 0) return 1;
  for (saros_task_t *task = group->loop->tasks.first; task; task = task->next) {
    if (!saros__future_has_waiter(&task->future, wake_group, group)) continue;
    saros__push_task(L, task);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static const luaL_Reg functions[] = {{"new", group_new},
                                     {"create_task", group_create_task},
                                     {"count", group_count},
                                     {"children", group_children},
                                     {NULL, NULL}};

void saros__group_functions(lua_State *L, saros_runtime_t *rt) {
  lua_newtable(L);
  saros__set_functions(L, rt, functions);
  lua_setfield(L, -2, "group");
}
