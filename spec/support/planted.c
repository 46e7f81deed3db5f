/* The Lua module spec.support.planted: mistakes on purpose.
 *
 * A sanitizer run that reports nothing proves something only if the sanitizer would have spoken.
 * CI calls each of these in a process of its own and fails unless it is reported. */

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include <lua.h>
#include <lauxlib.h>

/* Volatile, so that the compiler neither sees through a mistake nor drops it. */
static volatile size_t planted_size = 16;
static volatile int planted_int = INT_MAX;
static char *volatile planted_pointer;
static int planted_counter;

/* Writes one byte past the end of an allocation. */
static int planted_overflow(lua_State *L) {
  planted_pointer = malloc(planted_size);
  if (planted_pointer == NULL) return luaL_error(L, "out of memory");
  planted_pointer[planted_size] = 1;
  free(planted_pointer);
  return 0;
}

/* Writes one byte past the end of a userdata, memory that Lua itself allocates. */
static int planted_userdata_overflow(lua_State *L) {
  char *bytes = lua_newuserdatauv(L, planted_size, 0);
  bytes[planted_size] = 1;
  return 0;
}

/* Forgets an allocation. The pointer is wiped, or the leak checker would still find it there. */
static int planted_leak(lua_State *L) {
  planted_pointer = malloc(planted_size);
  if (planted_pointer == NULL) return luaL_error(L, "out of memory");
  planted_pointer[0] = 1;
  planted_pointer = NULL;
  return 0;
}

/* Overflows a signed integer. */
static int planted_undefined(lua_State *L) {
  planted_int = planted_int + 1;
  lua_pushinteger(L, planted_int);
  return 1;
}

static void *count_without_lock(void *unused) {
  for (int i = 0; i < 1000; i++) planted_counter++;
  return unused;
}

/* Lets two threads write one variable without a lock. */
static int planted_race(lua_State *L) {
  pthread_t other;
  if (pthread_create(&other, NULL, count_without_lock, NULL) != 0)
    return luaL_error(L, "no thread");
  count_without_lock(NULL);
  pthread_join(other, NULL);
  lua_pushinteger(L, planted_counter);
  return 1;
}

static const luaL_Reg functions[] = {
    {"overflow", planted_overflow}, {"userdata_overflow", planted_userdata_overflow},
    {"leak", planted_leak},         {"undefined", planted_undefined},
    {"race", planted_race},         {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_spec_support_planted(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
