#include "task/gather.h"

#include <string.h>

#include "loop/errors.h"
#include "loop/handle.h"
#include "task/awaitable.h"
#include "task/task.h"

enum { UV_CHILDREN = SAROS_UV_EXTRAS + 1 };

/* How many gathers, one in the other, a request to cancel goes through: each takes C stack. CPython raises its
 * RecursionError at about as many. */
#define MAX_NESTING 1000

typedef struct saros_gather {
  saros_future_t future; /* first: a gather is a future */
  uint32_t entries;      /* length of the list of children */
  uint32_t children;     /* how many different ones */
  uint32_t finished;
  uint32_t pins; /* reasons why the loop must keep it: tasks it waits for, entries under way */
  bool return_exceptions;
  bool cancel_requested;
} saros_gather_t;

/* ---- results ---- */

static int text_of(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* Replaces a raised value that is no error object by an Error that carries it. */
static void wrap_value(lua_State *L, saros_runtime_t *rt) {
  if (saros__is_error(L, rt, -1, SAROS_SLOT_ERROR)) return;
  lua_pushcfunction(L, text_of);
  lua_pushvalue(L, -2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    if (saros__is_error(L, rt, -1, SAROS_SLOT_INTERRUPT)) lua_error(L);
    lua_pop(L, 1);
    lua_pushfstring(L, "%s whose __tostring fails", luaL_typename(L, -1));
  }
  saros__push_error(L, rt, "Error", "%s", lua_tostring(L, -1));
  lua_remove(L, -2);
  lua_insert(L, -2);
  lua_setfield(L, -2, "value");
}

/* Pushes what the result list gets for the child at `index`: its first result, or its error. */
static void push_outcome(lua_State *L, saros_runtime_t *rt, int index) {
  saros_future_t *child = lua_touserdata(L, index);
  if (child->state == SAROS_RESULT) {
    if (child->nresults > 0) {
      lua_getiuservalue(L, index, SAROS_UV_VALUE);
    } else {
      lua_pushnil(L);
    }
    return;
  }
  saros__future_push_error(L, index, child);
  wrap_value(L, rt);
}

/* Completes the gather at `index`, whose children are all done; `last` is the one that was last. */
static void complete(lua_State *L, saros_loop_t *loop, int index, saros_gather_t *gather) {
  lua_getiuservalue(L, index, UV_CHILDREN);
  int children = lua_gettop(L);
  if (gather->cancel_requested) {
    lua_rawgeti(L, children, gather->entries);
    saros_future_t *last = lua_touserdata(L, -1);
    if (last->state == SAROS_CANCELLED) {
      saros__future_push_error(L, -1, last);
    } else {
      saros__push_cancelled(L, loop->rt, 0);
    }
    saros__future_set_error(L, index, &gather->future);
    return;
  }
  lua_createtable(L, (int)gather->entries, 1);
  for (uint32_t i = 1; i <= gather->entries; i++) {
    lua_rawgeti(L, children, i);
    const saros_future_t *child = lua_touserdata(L, -1);
    if (child->state != SAROS_RESULT || child->nresults > 0) { /* else there is nothing to store */
      push_outcome(L, loop->rt, children + 2);
      lua_rawseti(L, children + 1, i);
    }
    lua_settop(L, children + 1);
  }
  lua_pushinteger(L, gather->entries);
  lua_setfield(L, -2, "n");
  saros__future_set_results(L, index, &gather->future, 1);
}

/* Pushes the userdata of a child. */
static void push_child(lua_State *L, int index, const saros_gather_t *gather,
                       const saros_future_t *child) {
  lua_getiuservalue(L, index, UV_CHILDREN);
  for (uint32_t i = 1; i <= gather->entries; i++) {
    lua_rawgeti(L, -1, i);
    if (lua_touserdata(L, -1) == child) break;
    lua_pop(L, 1);
  }
  lua_remove(L, -2);
}

/* ---- staying alive ---- */

/* The gather at `index` must outlive what points to it: see gather.h. */
static void pin(lua_State *L, saros_loop_t *loop, int index, saros_gather_t *gather) {
  if (gather->pins == 0) {
    lua_pushvalue(L, index);
    saros__loop_anchor(L, loop, gather);
  }
  gather->pins++;
}

static void unpin(lua_State *L, saros_loop_t *loop, saros_gather_t *gather) {
  if (--gather->pins == 0) saros__loop_release(L, loop, gather);
}

/* ---- children ---- */

/* A child is done. */
static void on_child_done(lua_State *L, saros_loop_t *loop, void *target, uintptr_t extra) {
  saros_gather_t *gather = target;
  saros_future_t *child = (saros_future_t *)extra;
  gather->finished++;
  bool all = gather->finished == gather->children;
  bool fails = child->state != SAROS_RESULT && !gather->return_exceptions;
  if (saros__future_done(&gather->future)) {
    if (child->state == SAROS_FAILED) saros__future_silence(child);
    unpin(L, loop, gather);
    return;
  }
  if (!all && !fails) {
    unpin(L, loop, gather);
    return;
  }
  int top = lua_gettop(L);
  luaL_checkstack(L, 12, NULL);
  saros__loop_anchored(L, loop, gather);
  int index = lua_gettop(L);
  if (fails) {
    push_child(L, index, gather, child);
    saros__future_push_error(L, -1, child);
    saros__future_set_error(L, index, &gather->future);
  } else {
    complete(L, loop, index, gather);
  }
  unpin(L, loop, gather);
  lua_settop(L, top);
}

/* For an overridden call_soon: upvalues gather and child. */
static int child_done_by_callback(lua_State *L) {
  saros_gather_t *gather = lua_touserdata(L, lua_upvalueindex(2));
  lua_pushnil(L);
  lua_replace(L, lua_upvalueindex(2));
  if (!gather) return 0; /* called twice */
  on_child_done(L, gather->future.loop, gather, (uintptr_t)lua_touserdata(L, lua_upvalueindex(3)));
  return 0;
}

/* Pushes the userdata of a gather that waits for the child at `index`. */
static void push_gather(lua_State *L, saros_loop_t *loop, int index, saros_gather_t *gather) {
  if (gather->pins > 0) {
    saros__loop_anchored(L, loop, gather);
  } else {
    saros__future_extras(L, index, saros__test_future(L, index));
    lua_rawgetp(L, -1, gather);
    lua_remove(L, -2);
  }
}

static void wake_gather(lua_State *L, saros_loop_t *loop, saros_future_t *child, int index,
                        void *target) {
  saros_gather_t *gather = target;
  if (loop->closed) return;
  if (child->marker != SAROS_MARKER_TASK) {
    luaL_checkstack(L, 8, NULL);
    push_gather(L, loop, index, gather);
    pin(L, loop, lua_gettop(L), gather);
    lua_pop(L, 1);
  }
  if (loop->overrides & SAROS_OVERRIDE_CALL_SOON) {
    luaL_checkstack(L, 8, NULL);
    index = lua_absindex(L, index);
    saros__push_slot(L, loop->rt, SAROS_SLOT_RUNTIME);
    saros__loop_anchored(L, loop, gather);
    lua_pushvalue(L, index);
    lua_pushcclosure(L, child_done_by_callback, 3);
    saros__schedule_call(L, loop, 1);
    return;
  }
  saros__loop_reserve(L, loop, 1);
  saros_ready_push(&loop->ready, on_child_done, gather, (uintptr_t)child);
}

bool saros__gather_cancel(lua_State *L, int index, saros_future_t *future, int message,
                          const saros_cancel_path_t *path) {
  saros_gather_t *gather = (saros_gather_t *)future;
  saros_cancel_path_t here = {.outer = path, .gather = future, .length = path ? path->length + 1 : 1};
  bool requested = false;
  if (here.length > MAX_NESTING) {
    saros__raise(L, future->loop->rt, "RuntimeError",
                 "cannot cancel more than %d gathers that are nested in each other", MAX_NESTING);
  }
  luaL_checkstack(L, 12, NULL);
  lua_getiuservalue(L, index, UV_CHILDREN);
  int children = lua_gettop(L);
  for (uint32_t i = 1; i <= gather->entries; i++) {
    lua_rawgeti(L, children, i);
    if (saros__future_cancel_along(L, -1, lua_touserdata(L, -1), message, &here)) requested = true;
    lua_settop(L, children);
  }
  lua_pop(L, 1);
  if (requested) gather->cancel_requested = true;
  return requested;
}

void saros__gather_push_children(lua_State *L, int index) {
  lua_getiuservalue(L, index, UV_CHILDREN);
}

/* ---- making one ---- */

/* True for a table that is a list or options: not awaitable itself. */
static bool is_plain_table(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TTABLE && !saros__is_awaitable(L, index);
}

/* Reads the options at `index`. */
static bool read_options(lua_State *L, saros_runtime_t *rt, int index) {
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (!name || strcmp(name, "return_exceptions") != 0) {
      luaL_tolstring(L, -1, NULL);
      saros__raise(L, rt, "ValueError", "unknown option '%s' for 'gather' (known: return_exceptions)",
                   lua_tostring(L, -1));
    }
  }
  int type = lua_getfield(L, index, "return_exceptions");
  bool value = lua_toboolean(L, -1);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
    luaL_argerror(L, index, lua_pushfstring(L, "option 'return_exceptions': boolean expected, got %s",
                                            luaL_typename(L, -1)));
  }
  lua_pop(L, 1);
  return value;
}

/* Reads the arguments: leaves the list of awaitables at 1 and nothing else, sets its length. */
static bool read_arguments(lua_State *L, saros_runtime_t *rt, lua_Integer *n) {
  int top = lua_gettop(L);
  bool return_exceptions = false;
  if (is_plain_table(L, 1)) {
    if (!lua_isnoneornil(L, 2)) {
      luaL_checktype(L, 2, LUA_TTABLE);
      return_exceptions = read_options(L, rt, 2);
    }
    lua_settop(L, 1);
    *n = luaL_len(L, 1);
  } else {
    if (top > 1 && is_plain_table(L, top)) {
      return_exceptions = read_options(L, rt, top);
      lua_settop(L, --top);
    }
    *n = top;
    lua_createtable(L, top, 0);
    lua_insert(L, 1);
    for (int i = top; i > 0; i--) lua_rawseti(L, 1, i);
  }
  return return_exceptions;
}

/* Pushes a copy of the list at 1 and checks every entry, before anything is started; true if all of them are
 * futures already. */
static bool copy_awaitables(lua_State *L, lua_Integer n) {
  bool futures = true;
  lua_createtable(L, (int)n, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    if (!saros__test_future(L, 3)) {
      futures = false;
      if (!saros__is_awaitable(L, 3)) {
        luaL_argerror(L, (int)i, lua_pushfstring(L, "awaitable or function expected, got %s",
                                                 luaL_typename(L, 3)));
      }
    }
    lua_rawseti(L, 2, i);
  }
  return futures;
}

/* Replaces what is no future in the list at 2 by a task. */
static void start_children(lua_State *L, saros_runtime_t *rt, lua_Integer n) {
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i);
    if (!saros__ensure_future(L, rt, 3)) luaL_error(L, "the task factory returned no future");
    lua_rawseti(L, 2, i);
  }
}

static saros_gather_t *new_gather(lua_State *L, saros_loop_t *loop) {
  saros_gather_t *gather = lua_newuserdatauv(L, sizeof *gather, UV_CHILDREN);
  saros__future_init(&gather->future, loop, SAROS_MARKER_FUTURE);
  gather->future.gathering = true;
  gather->entries = gather->children = gather->finished = gather->pins = 0;
  gather->return_exceptions = gather->cancel_requested = false;
  saros__push_slot(L, loop->rt, SAROS_SLOT_FUTURE);
  lua_setmetatable(L, -2);
  if (loop->debug) saros__future_trace(L, -1, &gather->future);
  return gather;
}

/* Lets the gather at 3 wait for the child at 4. A task is kept by its loop, so the loop keeps the gather; any
 * other future keeps it itself, so that what nobody else keeps is garbage together. */
static void watch_child(lua_State *L, saros_loop_t *loop, saros_gather_t *gather,
                        saros_future_t *child) {
  bool is_task = child->marker == SAROS_MARKER_TASK;
  if (is_task) {
    pin(L, loop, 3, gather);
  } else {
    saros__future_extras(L, 4, child);
    lua_pushvalue(L, 3);
    lua_rawsetp(L, -2, gather);
    lua_pop(L, 1);
  }
  if (saros__future_done(child)) {
    wake_gather(L, loop, child, 4, gather);
  } else {
    saros__future_add_waiter(L, 4, child, wake_gather, gather);
  }
}

/* Lets the gather at 3 wait for each different child in the list at 2. */
static void watch_children(lua_State *L, saros_loop_t *loop, saros_gather_t *gather) {
  uint32_t mark = ++loop->rt->gather_mark;
  for (uint32_t i = 1; i <= gather->entries; i++) {
    lua_rawgeti(L, 2, i);
    saros_future_t *child = lua_touserdata(L, 4);
    if (child->loop_id != loop->id) {
      saros__raise(L, loop->rt, "ValueError", "gather: the futures belong to different loops");
    }
    if (child->mark != mark) {
      child->mark = mark;
      gather->children++;
      watch_child(L, loop, gather, child);
    }
    lua_pop(L, 1);
  }
}

/*** Waits for many awaitables at once. Mirrors `asyncio.gather`.
 * Functions become tasks, the same function twice runs twice; the same future counts once. Without
 * `return_exceptions` the first error is raised while the others go on. Cancelling the gather cancels
 * its children.
 * @function gather
 * @param ... awaitables; or one list of them, and a table of options: `return_exceptions` (false by
 * default): errors become entries of the result
 * @treturn Future its result is a list `{n=, ...}` with each one's first result
 * @raise ValueError for an unknown option, or futures of different loops
 */
static int task_gather(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  lua_Integer n = 0;
  if (lua_gettop(L) == 0) lua_newtable(L);
  bool return_exceptions = read_arguments(L, rt, &n);
  lua_settop(L, 1);
  if (n == 0) {
    saros_future_t *future = saros__future_new(L, saros__need_running(L, rt));
    lua_createtable(L, 0, 1);
    lua_pushinteger(L, 0);
    lua_setfield(L, -2, "n");
    saros__future_set_results(L, 2, future, 1);
    return 1;
  }
  if (!copy_awaitables(L, n)) start_children(L, rt, n);
  lua_rawgeti(L, 2, 1);
  saros_future_t *first = lua_touserdata(L, 3);
  saros_loop_t *loop = rt->running ? rt->running : saros__future_loop(first);
  if (!loop || loop->closed) return saros__raise(L, rt, "RuntimeError", "Event loop is closed");
  lua_settop(L, 2);
  saros_gather_t *gather = new_gather(L, loop);
  gather->return_exceptions = return_exceptions;
  gather->entries = (uint32_t)n;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 3, UV_CHILDREN);
  watch_children(L, loop, gather);
  return 1;
}

/*** What stands for a raised value in a list of errors; private.
 * @function wrap_error
 * @local
 * @tparam any value what was raised
 * @treturn Error the value, if it is an error object
 */
static int wrap_error(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  wrap_value(L, saros__runtime(L));
  return 1;
}

static const luaL_Reg functions[] = {{"gather", task_gather}, {"wrap_error", wrap_error}, {NULL, NULL}};

void saros__gather_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
