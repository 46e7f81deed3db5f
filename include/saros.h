/* saros.h: calling into a Saros loop from the threads of other C modules.
 *
 * A module that has threads of its own takes a reference to a loop, in Lua's thread:
 *
 *     saros_loop_ref_t *loop = saros_loop_ref(L, 1);
 *
 * and any thread may then have a function called in the thread of that loop, as a
 * callback of it, where it may use Lua:
 *
 *     static void on_event(lua_State *L, void *context) { ... }
 *
 *     if (saros_call_soon_threadsafe(loop, on_event, event) != SAROS_OK) free(event);
 *
 * Nothing has to be linked: the functions are found in the state's registry, by a
 * versioned name. A module needs this header and Lua's, and neither liblua nor Saros
 * itself. Whatever changes incompatibly gets another version.
 *
 * A reference does not keep its loop open, or going: a call that comes too late is
 * refused. Nothing here waits.
 */
#ifndef SAROS_H
#define SAROS_H

#include <lua.h>
#include <stddef.h>

#define SAROS_API_VERSION 1
#define SAROS_API_KEY "saros.api.1"

#ifdef __cplusplus
extern "C" {
#endif

/* What saros_call_soon_threadsafe returns. */
enum saros_status {
  SAROS_OK = 0,
  SAROS_CLOSED = -1,    /* the loop is closed */
  SAROS_NO_MEMORY = -2
};

/* A loop, as any thread may see it. */
typedef struct saros_loop_ref saros_loop_ref_t;

/* Called once for every call that was accepted: in the loop's thread, with the state that runs the loop and room for
 * 20 values on its stack; what it leaves there is dropped, and an error that it raises goes to the loop's exception
 * handler. Or, if the loop was closed meanwhile, with L NULL, and then it can only free the context. */
typedef void (*saros_call_fn)(lua_State *L, void *context);

/* What the registry has under SAROS_API_KEY, as a light userdata. */
typedef struct saros_api {
  unsigned version;
  saros_loop_ref_t *(*loop_ref)(lua_State *L, int index);
  void (*loop_unref)(saros_loop_ref_t *loop);
  int (*call_soon_threadsafe)(saros_loop_ref_t *loop, saros_call_fn call, void *context);
} saros_api_t;

/* What a reference begins with; the rest is private. */
struct saros_loop_ref {
  const saros_api_t *api;
};

/* Lua's thread: the functions of Saros, which is loaded if it was not. Raises if there is none of this version. */
static inline const saros_api_t *saros_api(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, SAROS_API_KEY);
  if (lua_type(L, -1) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "saros.core");
    lua_call(L, 1, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, SAROS_API_KEY);
  }
  const saros_api_t *api = (const saros_api_t *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (api == NULL) {
    lua_pushliteral(L, "this version of saros has no " SAROS_API_KEY);
    lua_error(L);
  }
  return api;
}

/* Lua's thread: a reference to the loop at `index`, or to what stands for a loop of another thread; for nil or nothing,
 * to the running loop. Raises what Lua functions raise for anything else. */
static inline saros_loop_ref_t *saros_loop_ref(lua_State *L, int index) {
  return saros_api(L)->loop_ref(L, index);
}

/* Any thread: the reference is not used any more. Calls that were accepted are still made. */
static inline void saros_loop_unref(saros_loop_ref_t *loop) {
  loop->api->loop_unref(loop);
}

/* Any thread, several at once: has `call(L, context)` called in the thread of the loop, calls of one thread in their
 * order. Returns SAROS_OK, or why it will never be called. */
static inline int saros_call_soon_threadsafe(saros_loop_ref_t *loop, saros_call_fn call, void *context) {
  return loop->api->call_soon_threadsafe(loop, call, context);
}

#ifdef __cplusplus
}
#endif

#endif
