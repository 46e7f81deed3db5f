/* alarm_clock.c: a C module whose own thread calls into the loop.
 *
 *     local alarm_clock = require "alarm_clock"
 *     local clock = alarm_clock.start(loop, seconds, count, fn)    fn(1), fn(2), ... on the loop
 *     clock:stop()                                                 waits for the thread
 *
 * It is built with the installed header and Lua's, and linked with nothing:
 *
 *     cc -shared -fPIC -I PREFIX/include $(pkg-config --cflags lua5.4) -o alarm_clock.so alarm_clock.c
 *
 * What Lua values belong to the clock are kept by its userdata, and that by the registry while the thread
 * runs; the thread knows C values alone.
 */
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <saros.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define CLASS "alarm_clock"

typedef struct clock {
  saros_loop_ref_t *loop;
  pthread_t thread;
  int running; /* the thread is to be joined */
  atomic_int stop;
  double seconds;
  int count;
} alarm_clock_t;

typedef struct ring {
  alarm_clock_t *clock;
  int number;
} ring_t;

/* On the loop's thread. The clock may have been stopped meanwhile, so its address is no more than a key here. */
static void on_ring(lua_State *L, void *context) {
  ring_t ring = *(ring_t *)context;
  free(context);
  if (L == NULL) return; /* the loop was closed */
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, ring.clock) != LUA_TUSERDATA) return; /* it was stopped */
  lua_getiuservalue(L, -1, 1);
  lua_pushinteger(L, ring.number);
  lua_call(L, 1, 0);
}

/* On the clock's own thread. */
static void *run(void *argument) {
  alarm_clock_t *clock = argument;
  struct timespec pause = {(time_t)clock->seconds, (long)((clock->seconds - (time_t)clock->seconds) * 1e9)};
  for (int i = 1; i <= clock->count && !atomic_load(&clock->stop); i++) {
    nanosleep(&pause, NULL);
    ring_t *ring = malloc(sizeof *ring);
    if (ring == NULL) break;
    *ring = (ring_t){clock, i};
    if (saros_call_soon_threadsafe(clock->loop, on_ring, ring) != SAROS_OK) {
      free(ring);
      break;
    }
  }
  return NULL;
}

static int clock_stop(lua_State *L) {
  alarm_clock_t *clock = luaL_checkudata(L, 1, CLASS);
  if (clock->running) {
    clock->running = 0;
    atomic_store(&clock->stop, 1);
    pthread_join(clock->thread, NULL);
  }
  if (clock->loop != NULL) saros_loop_unref(clock->loop);
  clock->loop = NULL;
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, clock);
  return 0;
}

static int start(lua_State *L) {
  double seconds = luaL_checknumber(L, 2);
  int count = (int)luaL_checkinteger(L, 3);
  luaL_checktype(L, 4, LUA_TFUNCTION);
  lua_settop(L, 4);
  alarm_clock_t *clock = lua_newuserdatauv(L, sizeof *clock, 1);
  *clock = (alarm_clock_t){.seconds = seconds, .count = count};
  luaL_setmetatable(L, CLASS);
  lua_pushvalue(L, 4);
  lua_setiuservalue(L, 5, 1);
  clock->loop = saros_loop_ref(L, 1);
  lua_pushvalue(L, 5);
  lua_rawsetp(L, LUA_REGISTRYINDEX, clock); /* stays until it is stopped */
  if (pthread_create(&clock->thread, NULL, run, clock) != 0) return luaL_error(L, "no more threads");
  clock->running = 1;
  return 1;
}

static const luaL_Reg methods[] = {{"stop", clock_stop}, {"__gc", clock_stop}, {"__close", clock_stop}, {NULL, NULL}};

int luaopen_alarm_clock(lua_State *L);
int luaopen_alarm_clock(lua_State *L) {
  if (luaL_newmetatable(L, CLASS)) {
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_newtable(L);
  lua_pushcfunction(L, start);
  lua_setfield(L, -2, "start");
  return 1;
}
