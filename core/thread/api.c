#include "thread/api.h"

#include <saros.h>
#include <stdlib.h>

#include "loop/errors.h"
#include "thread/mailbox.h"

typedef struct saros_api_ref {
  saros_loop_ref_t head; /* first */
  saros_mailbox_t *mailbox; /* a reference */
} saros_api_ref_t;

typedef struct saros_api_call {
  saros_call_fn call;
  void *context;
} saros_api_call_t;

/* ---- calls ---- */

/* Argument: the call. */
static int make_call(lua_State *L) {
  const saros_api_call_t *call = lua_touserdata(L, 1);
  lua_settop(L, 0);
  call->call(L, call->context);
  return 0;
}

static void arrive(saros_loop_t *loop, void *context) {
  saros_api_call_t *call = context;
  if (loop) {
    saros__loop_protect(loop, make_call, call, "Exception in a call from another thread");
  } else {
    call->call(NULL, call->context);
  }
  free(call);
}

static int call_soon_threadsafe(saros_loop_ref_t *ref, saros_call_fn fn, void *context) {
  saros_api_call_t *call = malloc(sizeof *call);
  if (!call) return SAROS_NO_MEMORY;
  *call = (saros_api_call_t){fn, context};
  int code = saros__mailbox_post(((saros_api_ref_t *)ref)->mailbox, arrive, call);
  if (code == 0) return SAROS_OK;
  free(call);
  return code == UV_ECANCELED ? SAROS_CLOSED : SAROS_NO_MEMORY;
}

/* ---- references ---- */

/* The mailbox of the loop at `index`, or of the running one. */
static saros_mailbox_t *find_mailbox(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) {
    saros_runtime_t *rt = saros__runtime_open(L);
    lua_pop(L, 1);
    return saros__mailbox(L, saros__need_running(L, rt));
  }
  return saros__mailbox_of(L, index);
}

static saros_loop_ref_t *loop_ref(lua_State *L, int index);

static void loop_unref(saros_loop_ref_t *ref) {
  saros__shared_unref(saros__mailbox_shared(((saros_api_ref_t *)ref)->mailbox));
  free(ref);
}

static const saros_api_t api = {SAROS_API_VERSION, loop_ref, loop_unref, call_soon_threadsafe};

static saros_loop_ref_t *loop_ref(lua_State *L, int index) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  saros_mailbox_t *mailbox = find_mailbox(L, index);
  saros_api_ref_t *ref = malloc(sizeof *ref);
  if (!ref) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  *ref = (saros_api_ref_t){{&api}, mailbox};
  saros__shared_ref(saros__mailbox_shared(mailbox));
  return &ref->head;
}

void saros__api_open(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&api);
  lua_setfield(L, LUA_REGISTRYINDEX, SAROS_API_KEY);
}
