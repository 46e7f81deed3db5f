#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loop/class.h"
#include "loop/errors.h"
#include "loop/interrupt.h"
#include "loop/limit.h"
#include "loop/origin.h"
#include "loop/signals.h"
#include "loop/watcher.h"

/* ---- arguments ---- */

saros_loop_t *saros__check_loop(lua_State *L, int index) {
  saros_loop_object_t *object = saros__test_marker(L, index, SAROS_MARKER_LOOP);
  if (!object || !object->loop) luaL_typeerror(L, index, "EventLoop");
  return object->loop;
}

void saros__check_open(lua_State *L, saros_loop_t *loop) {
  if (loop->closed) saros__raise(L, loop->rt, "RuntimeError", "Event loop is closed");
}

static uint64_t this_thread(void) {
  return (uint64_t)(uintptr_t)uv_thread_self();
}

saros_loop_t *saros__check_open_loop(lua_State *L, int index) {
  saros_loop_t *loop = saros__check_loop(L, index);
  saros__check_open(L, loop);
  if (loop->debug && loop->running && loop->thread != this_thread()) {
    saros__raise(L, loop->rt, "RuntimeError",
                 "Non-thread-safe operation invoked on an event loop other than the current one");
  }
  return loop;
}

saros_loop_t *saros__need_running(lua_State *L, saros_runtime_t *rt) {
  if (rt->running) return rt->running;
  if (rt->script) return rt->adopt_script(L, rt);
  saros__raise(L, rt, "RuntimeError", "no running event loop");
  return NULL;
}

void saros__push_loop(lua_State *L, saros_loop_t *loop) {
  if (loop->rt->running == loop) {
    saros__push_slot(L, loop->rt, SAROS_SLOT_LOOP);
    return;
  }
  saros__push_slot(L, loop->rt, SAROS_SLOT_LOOPS);
  lua_rawgeti(L, -1, loop->id);
  lua_remove(L, -2);
}

/* ---- time ---- */

uint64_t saros__now_ns(void) {
#ifdef __linux__
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#else
  return uv_hrtime();
#endif
}

double saros__now(void) {
  return (double)saros__now_ns() * 1e-9;
}

double saros__loop_time(lua_State *L, saros_loop_t *loop) {
  if (!(loop->overrides & (SAROS_OVERRIDE_TIME | SAROS_OVERRIDE_CLOCK))) return saros__now();
  if (!(loop->overrides & SAROS_OVERRIDE_TIME)) return saros__clock_now(loop);
  luaL_checkstack(L, 4, NULL);
  saros__push_loop(L, loop);
  lua_getfield(L, -1, "time");
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  double now = luaL_checknumber(L, -1);
  lua_pop(L, 1);
  return now;
}

/* ---- Lua values that live with the loop ---- */

void saros__loop_anchor(lua_State *L, saros_loop_t *loop, const void *key) {
  saros__loop_push(L, loop, SAROS_LOOP_OBJECTS);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, key);
  lua_pop(L, 1);
}

void saros__loop_anchored(lua_State *L, saros_loop_t *loop, const void *key) {
  saros__loop_push(L, loop, SAROS_LOOP_OBJECTS);
  lua_rawgetp(L, -1, key);
  lua_remove(L, -2);
}

void saros__loop_release(lua_State *L, saros_loop_t *loop, const void *key) {
  lua_pushnil(L);
  saros__loop_anchor(L, loop, key);
}

/* ---- life and death ---- */

/* Finds a structure to recycle, or makes one. */
static saros_loop_t *new_structure(lua_State *L, saros_runtime_t *rt) {
  saros_loop_t *loop = rt->loops;
  while (loop && loop->id != 0) loop = loop->next;
  if (!loop) {
    loop = calloc(1, sizeof *loop);
    if (!loop || saros__wakeup_init(&loop->wakeup) != 0) {
      free(loop);
      luaL_error(L, "not enough memory");
      return NULL;
    }
    loop->next = rt->loops;
    rt->loops = loop;
  }
  /* Sequence numbers go on, so a handle of an earlier loop finds nothing here. */
  uint64_t sequence = loop->ready.incoming.first + loop->ready.incoming.count + 1;
  *loop = (saros_loop_t){.next = loop->next, .wakeup = loop->wakeup, .rt = rt, .closed = true};
  saros_ready_init(&loop->ready);
  loop->ready.incoming.first = loop->ready.current.first = sequence;
  saros__values_init(&loop->values);
  saros_timer_heap_init(&loop->timers);
  loop->tasks.free_slot = SAROS_NO_SLOT;
  return loop;
}

static int open_handles(saros_loop_t *loop) {
  int code = uv_loop_init(&loop->uv);
  if (code < 0) return code;
  code = saros__wakeup_open(&loop->wakeup, loop, &loop->uv);
  if (code == 0) {
    code = saros__alarm_open(&loop->alarm, &loop->uv);
    if (code == 0) return 0;
    saros__wakeup_close(&loop->wakeup);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
  }
  uv_loop_close(&loop->uv);
  return code;
}

/* Pushes the loop's anchor thread, its slots filled. */
static lua_State *new_anchor(lua_State *L) {
  lua_State *anchor = lua_newthread(L);
  luaL_checkstack(anchor, SAROS_LOOP_SLOTS + LUA_MINSTACK, NULL);
  for (int slot = 1; slot <= SAROS_LOOP_COROUTINES; slot++) {
    lua_newtable(L);
    lua_xmove(L, anchor, 1);
  }
  for (int slot = SAROS_LOOP_COROUTINES; slot < SAROS_LOOP_SLOTS; slot++) lua_pushnil(anchor);
  return anchor;
}

/* Debug mode from the start, as PYTHONASYNCIODEBUG asks for it: SAROS_DEBUG is set, and not to 0. */
static bool wants_debug(void) {
  const char *value = getenv("SAROS_DEBUG");
  return value && *value != '\0' && strcmp(value, "0") != 0;
}

saros_loop_t *saros__loop_new(lua_State *L, saros_runtime_t *rt) {
  luaL_checkstack(L, 8, NULL);
  saros_loop_object_t *object = lua_newuserdatauv(L, sizeof *object, 1);
  *object = (saros_loop_object_t){SAROS_MARKER_LOOP, NULL};
  lua_State *anchor = new_anchor(L);
  lua_setiuservalue(L, -2, 1);
  uint32_t id = rt->next_loop_id++;
  saros__push_slot(L, rt, SAROS_SLOT_LOOPS);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, id);
  lua_pop(L, 1);
  saros_loop_t *loop = new_structure(L, rt);
  int code = open_handles(loop);
  if (code < 0) saros__raise_os_error(L, rt, code, "cannot make an event loop");
  loop->anchor = anchor;
  loop->id = id;
  loop->debug = wants_debug();
  loop->closed = false;
  object->loop = loop;
  return loop;
}

/* Closes everything that libuv knows of and gives the memory back; runs no Lua code. */
static void tear_down(saros_loop_t *loop) {
  loop->closed = true;
  if (loop->mailbox) loop->close_mailbox(loop);
  if (loop->on_close) loop->on_close(loop);
  saros__watchers_close(loop);
  saros__signals_close(loop);
  saros__limit_close(loop);
  saros__alarm_close(&loop->alarm);
  saros__wakeup_close(&loop->wakeup);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  uv_loop_close(&loop->uv);
  saros_ready_t *ready = &loop->ready;
  uint64_t sequence = ready->incoming.first + ready->incoming.count;
  saros_ready_free(ready);
  ready->incoming.first = ready->current.first = sequence;
  saros__values_free(&loop->values);
  saros_timer_heap_free(&loop->timers);
  loop->rt->free_tasks(loop);
}

static int end_tasks(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 2);
  loop->rt->end_tasks(L, loop);
  return 0;
}

/* Argument: the loop. Its default executor ends with it, if it can, but nobody waits for what runs there. */
static int let_executor_go(lua_State *L) {
  saros_loop_t *loop = lua_touserdata(L, 1);
  saros__loop_push(L, loop, SAROS_LOOP_EXECUTOR);
  if (!lua_toboolean(L, -1) || lua_getfield(L, -1, "shutdown") == LUA_TNIL) return 0;
  lua_insert(L, -2);
  lua_createtable(L, 0, 1);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "wait");
  lua_call(L, 2, 0);
  return 0;
}

/*** Closes the loop. The tasks that are left get a CancelledError where they wait, and their `<close>`
 * scopes run; errors that nobody retrieved are reported. The default executor is shut down without waiting for the
 * jobs that run. Closing twice is harmless.
 * Mirrors `asyncio.loop.close`.
 * @function EventLoop:close
 * @raise RuntimeError if the loop is running
 */
int saros__loop_close_method(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  if (loop->closed) return 0;
  if (loop->running) saros__raise(L, loop->rt, "RuntimeError", "Cannot close a running event loop");
  if (loop->closing) return 0;
  lua_settop(L, 1);
  loop->closing = true;
  saros_loop_t *outer = loop->rt->running;
  saros__push_slot(L, loop->rt, SAROS_SLOT_LOOP);
  saros__loop_enter(L, loop, 1);
  loop->iterating = true; /* no scope may iterate the loop */
  lua_pushcfunction(L, end_tasks);
  lua_pushvalue(L, 1);
  lua_pushlightuserdata(L, loop);
  int status = lua_pcall(L, 2, 0, 0);
  if (!lua_isnil(loop->anchor, SAROS_LOOP_EXECUTOR)) {
    lua_pushcfunction(L, let_executor_go);
    lua_pushlightuserdata(L, loop);
    int ended = lua_pcall(L, 1, 0, 0);
    if (status == LUA_OK) status = ended;
  }
  saros__loop_leave(loop);
  loop->rt->running = outer;
  lua_pushvalue(L, 2);
  saros__store_slot(L, loop->rt, SAROS_SLOT_LOOP);
  loop->closing = false;
  tear_down(loop);
  lua_settop(loop->anchor, 0);
  lua_settop(loop->anchor, SAROS_LOOP_SLOTS);
  return status == LUA_OK ? 0 : lua_error(L);
}

/* A loop that nobody closed. Its tasks are garbage as well, so none of their code can run. A loop that
 * still runs is being left by os.exit(code, true), and nothing will go on with it; but if libuv is on the C
 * stack below, it must not be entered again. */
int saros__loop_gc(lua_State *L) {
  saros_loop_object_t *object = saros__test_marker(L, 1, SAROS_MARKER_LOOP);
  if (!object || !object->loop) return 0;
  saros_loop_t *loop = object->loop;
  if (loop->polling) {
    if (loop->mailbox) loop->close_mailbox(loop); /* other threads must not come any more */
    return 0;
  }
  if (loop->running) saros__interrupt_leave(loop);
  if (!loop->closed) tear_down(loop);
  loop->id = 0;
  object->loop = NULL;
  return 0;
}

/* ---- methods ---- */

/*** Tells whether the loop is running. Mirrors `asyncio.loop.is_running`.
 * @function EventLoop:is_running
 * @treturn boolean
 */
static int loop_is_running(lua_State *L) {
  lua_pushboolean(L, saros__check_loop(L, 1)->running);
  return 1;
}

/*** Tells whether the loop was closed. Mirrors `asyncio.loop.is_closed`.
 * @function EventLoop:is_closed
 * @treturn boolean
 */
static int loop_is_closed(lua_State *L) {
  lua_pushboolean(L, saros__check_loop(L, 1)->closed);
  return 1;
}

/*** The loop's monotonic clock, read afresh. Mirrors `asyncio.loop.time`.
 * @function EventLoop:time
 * @treturn number seconds
 */
static int loop_time(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  lua_pushnumber(L, loop->clock.is_virtual ? saros__clock_now(loop) : saros__now());
  return 1;
}

/*** The wall clock. Not in asyncio.
 * @function EventLoop:wall_time
 * @treturn number seconds since the epoch, UTC
 */
static int loop_wall_time(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  if (loop->clock.is_virtual) {
    lua_pushnumber(L, saros__clock_wall(loop));
    return 1;
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  lua_pushnumber(L, (double)now.tv_sec + (double)now.tv_nsec * 1e-9);
  return 1;
}

/*** Makes the loop stop at the end of the current iteration. Mirrors `asyncio.loop.stop`.
 * @function EventLoop:stop
 */
static int loop_stop(lua_State *L) {
  saros__check_loop(L, 1)->stopping = true;
  return 0;
}

/*** Tells whether debug mode is on. Mirrors `asyncio.loop.get_debug`.
 * @function EventLoop:get_debug
 * @treturn boolean
 */
static int loop_get_debug(lua_State *L) {
  lua_pushboolean(L, saros__check_loop(L, 1)->debug);
  return 1;
}

/*** Switches debug mode on or off. Mirrors `asyncio.loop.set_debug`.
 * @function EventLoop:set_debug
 * @tparam boolean enabled true for on
 */
static int loop_set_debug(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  luaL_checkany(L, 2);
  loop->debug = lua_toboolean(L, 2);
  if (!loop->debug && !loop->closed) saros__origin_forget_all(loop);
  return 0;
}

/* loop:_background(n): from now on `n` more tasks (less, if negative) sleep that do not keep run() going. */
static int loop_background(lua_State *L) {
  saros__check_loop(L, 1)->background += (uint32_t)luaL_checkinteger(L, 2);
  return 0;
}

static void set_number(lua_State *L, const char *name, double value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

static void set_count(lua_State *L, const char *name, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

/*** What the loop has done so far. Not in asyncio.
 * @function EventLoop:stats
 * @treturn {iterations=integer,callbacks=integer,tasks=integer,timers=integer,busy=number,idle=number,lag={{le=number,count=integer},...}}
 * `iterations`; `callbacks`, all entries of the ready queue that were taken up, steps of tasks and timers among
 * them; `tasks` and `timers`, those that are not done now; `busy` and `idle`, seconds of real time that the loop
 * ran and waited for events; `lag`: in how many iterations the earliest timer was at most `le` seconds late, by
 * the loop's own clock. The last `le` is infinite
 */
static int loop_stats(lua_State *L) {
  static const double bounds[SAROS_LAG_BUCKETS] = SAROS_LAG_BOUNDS;
  saros_loop_t *loop = saros__check_loop(L, 1);
  uint64_t run = loop->run_ns + (loop->running ? saros__now_ns() - loop->started_ns : 0);
  lua_createtable(L, 0, 7);
  set_count(L, "iterations", loop->iterations);
  set_count(L, "callbacks", loop->callbacks);
  set_count(L, "tasks", loop->tasks.live);
  set_count(L, "timers", loop->timers.count);
  set_number(L, "busy", (double)(run - loop->idle_ns) * 1e-9);
  set_number(L, "idle", (double)loop->idle_ns * 1e-9);
  lua_createtable(L, SAROS_LAG_BUCKETS, 0);
  uint64_t at_most = 0;
  for (int i = 0; i < SAROS_LAG_BUCKETS; i++) {
    at_most += loop->lag[i];
    lua_createtable(L, 0, 2);
    set_number(L, "le", bounds[i]);
    set_count(L, "count", at_most);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "lag");
  return 1;
}

static const luaL_Reg methods[] = {{"close", saros__loop_close_method},
                                   {"is_running", loop_is_running},
                                   {"is_closed", loop_is_closed},
                                   {"time", loop_time},
                                   {"wall_time", loop_wall_time},
                                   {"stop", loop_stop},
                                   {"get_debug", loop_get_debug},
                                   {"set_debug", loop_set_debug},
                                   {"stats", loop_stats},
                                   {"_background", loop_background},
                                   {NULL, NULL}};

void saros__loop_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, methods);
  saros__push_weak_table(L, "v"); /* id -> loop */
  saros__store_slot(L, rt, SAROS_SLOT_LOOPS);
}
