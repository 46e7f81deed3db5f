#include "task/generator.h"

#include <stdlib.h>
#include <string.h>

#include "loop/errors.h"
#include "loop/handle.h"

/* One file, though a long one: what runs the body, what links it to its consumer and what ends it share the
 * rule about index 1 below, and are only right together. */

#define MARKER_GENERATOR SAROS_MARKER('G', 'e')

/* User values. */
enum { UV_COROUTINE = 1, UV_TASK, UV_OUTER, UV_EXIT, UV_COUNT = UV_EXIT };

/* In every function here that runs the body the generator is at index 1, also while the function is
 * suspended or has called the body: push_generator and the continuation rely on it. */

static saros_generator_t *check_generator(lua_State *L, int index) {
  saros_generator_t *g = saros__test_marker(L, index, MARKER_GENERATOR);
  if (!g) luaL_typeerror(L, index, "Generator");
  return g;
}

/* Pushes the userdata of a generator whose body runs. */
static void push_generator(lua_State *L, const saros_generator_t *g) {
  lua_pushvalue(g->consumer, 1);
  lua_xmove(g->consumer, L, 1);
}

static void clear_value(lua_State *L, int which) {
  lua_pushnil(L);
  lua_setiuservalue(L, 1, which);
}

/* ---- the generators of a loop ---- */

static saros_loop_t *loop_of(const saros_generator_t *g) {
  return g->loop && g->loop->id == g->loop_id && !g->loop->closed ? g->loop : NULL;
}

/* Pushes the loop's weak table: number -> generator. */
static void push_table(lua_State *L, saros_loop_t *loop) {
  saros__loop_push(L, loop, SAROS_LOOP_GENERATORS);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  saros__push_weak_table(L, "v");
  lua_pushvalue(L, -1);
  saros__loop_store(L, loop, SAROS_LOOP_GENERATORS);
}

/* The body of the generator at `index` runs on a loop, maybe for the first time. */
static void enlist(lua_State *L, saros_loop_t *loop, saros_generator_t *g, int index) {
  if (loop_of(g)) return;
  push_table(L, loop);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, g->number);
  lua_pop(L, 1);
  g->loop = loop;
  g->loop_id = loop->id;
}

/* The body has ended. */
static void finish(lua_State *L, saros_generator_t *g) {
  saros_loop_t *loop = loop_of(g);
  g->co = NULL;
  clear_value(L, UV_COROUTINE);
  clear_value(L, UV_EXIT);
  if (!loop) return;
  saros__loop_push(L, loop, SAROS_LOOP_GENERATORS);
  lua_pushnil(L);
  lua_rawseti(L, -2, g->number);
  lua_pop(L, 1);
}

static int compare_numbers(const void *a, const void *b) {
  lua_Integer x = *(const lua_Integer *)a, y = *(const lua_Integer *)b;
  return (x > y) - (x < y);
}

/* Pushes the sorted keys of the table at 2 as one block; returns how many. */
static size_t push_numbers(lua_State *L, lua_Integer **numbers) {
  size_t count = 0, filled = 0;
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) count++;
  *numbers = lua_newuserdatauv(L, (count + 1) * sizeof **numbers, 0);
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    if (filled < count) (*numbers)[filled++] = lua_tointeger(L, -2);
  }
  qsort(*numbers, filled, sizeof **numbers, compare_numbers);
  return filled;
}

/*** The generators that have begun on a loop, have not ended and do not run; private.
 * @function generators
 * @local
 * @tparam EventLoop loop the loop
 * @treturn {Generator,...} in order of creation
 */
static int list_generators(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  lua_settop(L, 1);
  push_table(L, loop);
  lua_Integer *numbers;
  size_t count = push_numbers(L, &numbers);
  lua_createtable(L, (int)count, 0);
  lua_Integer n = 0;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, numbers[i]);
    const saros_generator_t *g = lua_touserdata(L, -1);
    if (g && !g->consumer) { /* else it was collected meanwhile, or is running */
      lua_rawseti(L, -2, ++n);
    } else {
      lua_pop(L, 1);
    }
  }
  return 1;
}

/* ---- the body as part of a task ---- */

/* The list of the bodies that are part of the code on L; NULL if that is no task's, nor the
 * script's. */
static saros_generator_t **find_list(lua_State *L, saros_runtime_t *rt) {
  if (!lua_isyieldable(L)) return NULL;
  if (rt->current) return saros__task_runs_on(rt->current, L) ? &rt->current->generator : NULL;
  return saros__script_runs_on(rt, L) ? &rt->script_generator : NULL;
}

/* Links the generator at 1 to the task on top of L, which is popped. */
static void link_task(lua_State *L, saros_generator_t *g, saros_task_t *task) {
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, UV_TASK);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, SAROS_UV_VALUE);
  lua_pop(L, 1);
  g->task = task;
}

/* The body begins to run, called from L. Cannot raise. */
static void enter(lua_State *L, saros_runtime_t *rt, saros_generator_t *g) {
  saros_generator_t **list = find_list(L, rt);
  if (list) {
    g->outer = *list;
    if (g->outer) {
      push_generator(L, g->outer);
      lua_setiuservalue(L, 1, UV_OUTER);
    }
    if (rt->current) {
      saros__push_task(L, rt->current);
      link_task(L, g, rt->current);
    } else {
      g->in_script = true;
    }
    *list = g;
  }
  g->consumer = L;
}

/* It runs no more. A task that has ended meanwhile, as only a program that resumes its coroutine
 * can see, has forgotten its generators. Cannot raise. */
static void leave(lua_State *L, saros_runtime_t *rt, saros_generator_t *g) {
  if (g->task && g->task->generator == g) {
    lua_getiuservalue(L, 1, UV_TASK);
    lua_getiuservalue(L, 1, UV_OUTER);
    lua_setiuservalue(L, -2, SAROS_UV_VALUE);
    lua_pop(L, 1);
    g->task->generator = g->outer;
  } else if (g->in_script && rt->script_generator == g) {
    rt->script_generator = g->outer;
  }
  clear_value(L, UV_TASK);
  clear_value(L, UV_OUTER);
  g->consumer = NULL;
  g->task = NULL;
  g->outer = g->caller = NULL;
  g->in_script = false;
}

void saros__generators_adopt(lua_State *L, saros_runtime_t *rt, saros_task_t *task) {
  int index = lua_gettop(L);
  luaL_checkstack(L, 8, NULL);
  for (saros_generator_t *g = rt->script_generator; g; g = g->outer) {
    push_generator(L, g);
    enlist(L, task->future.loop, g, index + 1);
    lua_pop(L, 1);
  }
  task->generator = rt->script_generator;
  rt->script_generator = NULL;
  for (saros_generator_t *g = task->generator; g; g = g->outer) {
    push_generator(L, g);
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, UV_TASK);
    g->task = task;
    g->in_script = false;
    if (g == task->generator) {
      lua_setiuservalue(L, index, SAROS_UV_VALUE);
    } else {
      lua_pop(L, 1);
    }
  }
}

/* ---- running the body ---- */

static int resumed(lua_State *L, int status, lua_KContext context);

/* The body awaits, or yields by coroutine.yield, `n` values: so does its consumer. */
static int pass_on(lua_State *L, saros_runtime_t *rt, saros_generator_t *g, int n) {
  if (lua_isyieldable(L) && lua_checkstack(L, n)) {
    lua_xmove(g->co, L, n);
    return lua_yieldk(L, n, (lua_KContext)rt, resumed);
  }
  lua_pop(g->co, n);
  g->closing = false;
  leave(L, rt, g);
  return saros__raise(L, rt, "RuntimeError",
                      "the body of a generator used coroutine.yield where its caller cannot");
}

/* The body yields a value, on top of its stack. */
static int give_value(lua_State *L, saros_runtime_t *rt, saros_generator_t *g) {
  lua_xmove(g->co, L, 1);
  g->yielded = false;
  leave(L, rt, g);
  if (!g->closing) return 1;
  g->closing = false;
  return saros__raise(L, rt, "RuntimeError",
                      "the generator went on to yield while it was being closed");
}

/* The body failed, with the error on top of its stack. */
static int fail(lua_State *L, saros_runtime_t *rt, saros_generator_t *g) {
  lua_xmove(g->co, L, 1);
  leave(L, rt, g);
  if (g->closing) {
    g->closing = false;
    lua_getiuservalue(L, 1, UV_EXIT);
    bool closed = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    if (closed) return finish(L, g), 0;
  }
  /* It can be suspended still if Lua refused to resume it: no C stack was left. */
  if (lua_status(g->co) != LUA_YIELD) finish(L, g);
  return lua_error(L);
}

/* The body returned `n` values, the first of which tells how: see the task's body. */
static int end(lua_State *L, saros_runtime_t *rt, saros_generator_t *g, int n) {
  if (lua_isnil(g->co, -n)) return fail(L, rt, g);
  bool closing = g->closing;
  g->closing = false;
  leave(L, rt, g);
  finish(L, g);
  if (closing) return 0;
  lua_pushnil(L);
  return 1;
}

/* Resumes the body, whose arguments are on its stack, until it has a value or ends. */
static int run(lua_State *L, saros_runtime_t *rt, saros_generator_t *g, int nargs) {
  int n = 0;
  g->caller = rt->generator;
  rt->generator = g;
  int status = lua_resume(g->co, L, nargs, &n);
  rt->generator = g->caller;
  if (status == LUA_YIELD) return g->yielded ? give_value(L, rt, g) : pass_on(L, rt, g, n);
  return status == LUA_OK ? end(L, rt, g, n) : fail(L, rt, g);
}

/* The consumer goes on. What it was given is the body's. */
static int resumed(lua_State *L, int status, lua_KContext context) {
  (void)status;
  saros_runtime_t *rt = (saros_runtime_t *)context;
  saros_generator_t *g = lua_touserdata(L, 1);
  int n = lua_gettop(L) - 1;
  if (!lua_checkstack(g->co, n)) {
    leave(L, rt, g);
    return luaL_error(L, "not enough memory");
  }
  lua_xmove(L, g->co, n);
  return run(L, rt, g, n);
}

static void check_idle(lua_State *L, saros_runtime_t *rt, const saros_generator_t *g) {
  if (g->consumer) saros__raise(L, rt, "RuntimeError", "the generator is already executing");
}

/*** What `generator` makes: calling it gives the next value of the body, nil at the end. Mirrors
 * Python's asynchronous generators.
 * @type Generator
 */

/* g(): the next value. Resumes the body until it yields one, which may suspend the calling task. */
static int generator_next(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_generator_t *g = check_generator(L, 1);
  lua_settop(L, 1);
  /* What allocates comes first: it may run finalizers, which may use the generator. */
  if (rt->running && g->co) enlist(L, rt->running, g, 1);
  check_idle(L, rt, g);
  if (!g->co) return lua_pushnil(L), 1;
  int nargs = g->started ? 0 : g->nargs;
  g->started = true;
  enter(L, rt, g);
  return run(L, rt, g, nargs);
}

/*** Ends the generator: the body gets a CancelledError where it yielded, so its `<close>` scopes
 * run, and may suspend the calling task. A body that has not begun never does. Closing twice does
 * nothing. Mirrors `aclose` of Python's asynchronous generators. `local g <close> =
 * saros.generator(...)` does it at the end of the scope.
 * @function Generator:close
 * @raise the error of a scope; RuntimeError if the body runs already, or yields again
 */
static int generator_close(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_generator_t *g = check_generator(L, 1);
  lua_settop(L, 1);
  if (g->co && g->started) {
    saros__push_error(L, rt, "CancelledError", "the generator was closed");
  } else {
    lua_pushnil(L);
  }
  check_idle(L, rt, g);
  if (!g->co) return 0;
  if (!g->started) return finish(L, g), 0;
  lua_setiuservalue(L, 1, UV_EXIT);
  g->closing = true;
  enter(L, rt, g);
  return run(L, rt, g, 0);
}

/* ---- yield ---- */

static int yielded(lua_State *L, int status, lua_KContext context) {
  (void)status;
  saros_runtime_t *rt = (saros_runtime_t *)context;
  saros_generator_t *g = lua_touserdata(L, lua_upvalueindex(2));
  if (rt->generator != g) {
    return saros__raise(L, rt, "RuntimeError",
                        "the coroutine of a generator can only be resumed by the generator");
  }
  if (!g->closing) return 0;
  lua_getiuservalue(L, lua_upvalueindex(2), UV_EXIT);
  return lua_error(L);
}

/* yield(value), which the body gets: its first argument. */
static int yield_value(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_generator_t *g = lua_touserdata(L, lua_upvalueindex(2));
  luaL_checkany(L, 1);
  if (lua_gettop(L) > 1) return luaL_argerror(L, 2, "a generator yields one value");
  if (lua_isnil(L, 1)) {
    return saros__raise(L, rt, "ValueError", "a generator cannot yield nil, which is the end");
  }
  if (g->co != L) {
    return saros__raise(L, rt, "RuntimeError",
                        "yield can only be called by the body of its generator");
  }
  if (!lua_isyieldable(L)) return saros__refuse_yield(L, rt);
  g->yielded = true;
  return lua_yieldk(L, 1, (lua_KContext)rt, yielded);
}

/* ---- garbage ---- */

/* A callback of the loop: closes an abandoned generator, in a task. */
static int close_in_task(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  lua_settop(L, 1);
  saros__push_function(L, rt, generator_close);
  lua_insert(L, 1);
  saros__create_task(L, rt->running, 1);
  return 0;
}

/* Nobody can ask for a value any more. A body that is suspended elsewhere than between values is
 * garbage with its task. */
static int generator_gc(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_generator_t *g = check_generator(L, 1);
  if (!g->co || !g->started || g->consumer || lua_status(g->co) != LUA_YIELD) return 0;
  saros_loop_t *loop = loop_of(g);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (!loop || loop->closing) return generator_close(L);
  /* The loop may be closed before it comes to this: then there is a next time. */
  saros__push_slot(L, rt, SAROS_SLOT_GENERATOR);
  lua_setmetatable(L, 1);
  saros__push_function(L, rt, close_in_task);
  lua_pushvalue(L, 1);
  saros__schedule_call(L, loop, 2);
  return 0;
}

/* ---- looking inside ---- */

/* Appends the frames of a coroutine to the traceback on top of L. */
static void append_frames(lua_State *L, lua_State *of) {
  static const char title[] = "stack traceback:";
  luaL_checkstack(L, 4, NULL);
  saros__push_traceback(L, of, 0);
  lua_pushstring(L, lua_tostring(L, -1) + strlen(title));
  lua_replace(L, -2);
  lua_concat(L, 2);
}

void saros__push_task_traceback(lua_State *L, saros_task_t *task) {
  saros_generator_t *g = task->generator;
  saros__push_traceback(L, saros__task_innermost(task), 0);
  for (; g; g = g->outer) append_frames(L, g->outer ? g->outer->co : task->co);
}

/* Appends the frames of those who asked for values to the traceback of L, on top, where L is a
 * body's. */
static void append_consumers(lua_State *L, saros_runtime_t *rt) {
  lua_State *co = L;
  for (saros_generator_t *g = rt->generator; g && g->co == co; g = g->caller) {
    co = g->consumer;
    append_frames(L, co);
  }
}

static int generator_tostring(lua_State *L) {
  const saros_generator_t *g = check_generator(L, 1);
  const char *state = "suspended";
  if (!g->co) {
    state = "ended";
  } else if (g->consumer) {
    state = "running";
  } else if (!g->started) {
    state = "not begun";
  }
  lua_pushfstring(L, "Generator: %p %s", (const void *)g, state);
  return 1;
}

/* ---- making one ---- */

/* Pushes the body's coroutine, ready to begin: see the task's body. The function and its arguments
 * are at 1 and above, up to the generator, which is on top. */
static lua_State *push_coroutine(lua_State *L, saros_runtime_t *rt) {
  int generator = lua_gettop(L);
  lua_State *co = lua_newthread(L);
  if (!lua_checkstack(co, generator + 4)) luaL_error(L, "not enough memory");
  luaL_checkstack(L, generator + 4, "too many arguments");
  lua_pushvalue(rt->anchor, SAROS_SLOT_BODY);
  lua_pushvalue(rt->anchor, SAROS_SLOT_HANDLER);
  lua_xmove(rt->anchor, co, 2);
  lua_pushvalue(L, 1);
  saros__push_slot(L, rt, SAROS_SLOT_RUNTIME);
  lua_pushvalue(L, generator);
  lua_pushcclosure(L, yield_value, 2);
  for (int i = 2; i < generator; i++) lua_pushvalue(L, i);
  lua_xmove(L, co, generator);
  return co;
}

/*** @section end */

/*** Makes an iterator whose body may await:
 * `for x in saros.generator(function(yield) yield(1) end) do`. The body runs in the code that asks
 * for a value, as part of its task. One that is left before its end is closed when it is collected,
 * or with the loop; `local g <close> = saros.generator(fn)` closes it promptly. Mirrors Python's
 * asynchronous generators.
 * @function generator
 * @tparam function fn the body: called as `fn(yield, ...)` when the first value is asked for.
 * `yield(value)` gives one value, which cannot be nil
 * @param[opt] ... further arguments of the body
 * @treturn Generator calling it gives the next value, or nil when the body has ended, and raises
 * the body's error; a RuntimeError while the body runs already
 */
static int new_generator(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros__check_callable(L, 1);
  int n = lua_gettop(L);
  luaL_checkstack(L, 4, NULL);
  saros_generator_t *g = lua_newuserdatauv(L, sizeof *g, UV_COUNT);
  *g = (saros_generator_t){.marker = MARKER_GENERATOR, .number = ++rt->next_generator_number};
  saros__push_slot(L, rt, SAROS_SLOT_GENERATOR);
  lua_setmetatable(L, -2);
  lua_State *co = push_coroutine(L, rt);
  lua_setiuservalue(L, n + 1, UV_COROUTINE);
  g->co = co;
  g->nargs = n + 2; /* the handler and `yield` as well */
  return 1;
}

static const luaL_Reg methods[] = {{"close", generator_close}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__call", generator_next},
                                       {"__close", generator_close},
                                       {"__gc", generator_gc},
                                       {"__tostring", generator_tostring},
                                       {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"generator", new_generator}, {"generators", list_generators}, {NULL, NULL}};

void saros__generator_functions(lua_State *L, saros_runtime_t *rt) {
  saros__new_class(L, rt, "Generator", methods, metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_GENERATOR);
  rt->append_consumers = append_consumers;
  saros__set_functions(L, rt, functions);
}
