#include "thread/job.h"

#include <string.h>

#include "loop/errors.h"
#include "thread/loan.h"
#include "thread/transfer.h"

/* ---- in the worker ---- */

/* A call that is being made. */
typedef struct saros_run {
  const saros_message_t *message;
  saros_message_t *owned; /* the same, to be cleared as soon as it was read; NULL: it is somebody else's */
  saros_runtime_t *rt;
} saros_run_t;

/* Argument: the run. */
static int make_call(lua_State *L) {
  saros_run_t *run = lua_touserdata(L, 1);
  lua_settop(L, 0);
  int n = saros__unpack(L, run->rt, run->message);
  if (run->owned) saros__message_clear(run->owned);
  lua_call(L, n - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static int protect_run(lua_State *L, saros_run_t *run) {
  saros__push_handler(L, run->rt);
  lua_pushcfunction(L, make_call);
  lua_pushlightuserdata(L, run);
  int handler = lua_gettop(L) - 2;
  int status = lua_pcall(L, 1, LUA_MULTRET, handler);
  lua_remove(L, handler);
  return status;
}

int saros__run_message(lua_State *L, saros_runtime_t *rt, const saros_message_t *message) {
  return protect_run(L, &(saros_run_t){message, NULL, rt});
}

/* Argument: an error. Result: it as a string. */
static int text_of(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* Argument: an error. Result: a text about it. */
static int describe(lua_State *L) {
  lua_pushcfunction(L, text_of);
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) lua_pushfstring(L, "%s whose __tostring fails", luaL_typename(L, 1));
  lua_pushfstring(L, "an initializer failed: %s", lua_tostring(L, -1));
  return 1;
}

/* The error on top as text, a copy; NULL if there is no memory. */
static char *copy_description(lua_State *L) {
  lua_pushcfunction(L, describe);
  lua_insert(L, -2);
  return lua_pcall(L, 1, 1, 0) == LUA_OK ? strdup(lua_tostring(L, -1)) : NULL;
}

bool saros__run_initializer(lua_State *L, saros_runtime_t *rt, const saros_message_t *initializer, char **reason) {
  bool ok = saros__run_message(L, rt, initializer) == LUA_OK;
  *reason = ok ? NULL : copy_description(L);
  lua_settop(L, 0);
  return ok;
}

/* Arguments: the error, a TransferError that it gave. Result: that one, which also tells the error. */
static int explain(lua_State *L) {
  luaL_tolstring(L, 2, NULL);
  lua_getfield(L, 2, "message");
  if (!lua_isstring(L, -1)) return lua_settop(L, 2), 1;
  luaL_tolstring(L, 1, NULL);
  lua_pushfstring(L, "%s (the error: %s)", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_setfield(L, 2, "message");
  lua_settop(L, 2);
  return 1;
}

/* Pushes where the error on top was raised, if it cannot carry that itself; else nil. */
static void push_traceback(lua_State *L, saros_runtime_t *rt) {
  if (saros__is_error(L, rt, -1, SAROS_SLOT_ERROR)) {
    lua_pushnil(L);
  } else {
    saros__push_slot(L, rt, SAROS_SLOT_TRACEBACK);
  }
  lua_pushnil(L);
  saros__store_slot(L, rt, SAROS_SLOT_TRACEBACK);
}

bool saros__pack_failure(lua_State *L, saros_runtime_t *rt, int mode, saros_message_t *message) {
  int error = lua_gettop(L);
  if (!lua_checkstack(L, LUA_MINSTACK)) return false;
  push_traceback(L, rt);
  if (saros__pack_into(L, rt, error, 2, SAROS_PACK_ERROR | mode, message)) return true;
  lua_pushcfunction(L, explain);
  lua_pushvalue(L, error);
  lua_pushvalue(L, error + 2);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) lua_pushvalue(L, error + 2);
  lua_pushnil(L);
  return saros__pack_into(L, rt, lua_gettop(L) - 1, 2, SAROS_PACK_ERROR | mode, message);
}

enum saros_outcome saros__perform(lua_State *L, saros_runtime_t *rt, saros_message_t *message, int mode) {
  lua_settop(L, 0);
  int status = protect_run(L, &(saros_run_t){message, message, rt});
  saros__message_clear(message);
  if (status == LUA_OK && saros__pack_into(L, rt, 1, lua_gettop(L), SAROS_PACK_RESULTS | mode, message)) {
    return SAROS_JOB_RESULTS;
  }
  return saros__pack_failure(L, rt, mode, message) ? SAROS_JOB_FAILED : SAROS_JOB_NONE;
}

void saros__job_has_results(saros_job_t *job) {
  job->outcome = SAROS_JOB_RESULTS;
  job->pending.is_plain = saros__message_is_plain(&job->message);
  job->pending.is_bare = saros__message_is_bare(&job->message);
}

void saros__job_run(saros_job_t *job, lua_State *L, saros_runtime_t *rt) {
  lua_settop(L, 0);
  saros__loans_review(L, rt);
  job->outcome = saros__perform(L, rt, &job->message, SAROS_PACK_LEND);
  job->lost = job->outcome == SAROS_JOB_NONE;
  if (job->lost) job->outcome = SAROS_JOB_FAILED;
  if (job->outcome == SAROS_JOB_RESULTS) saros__job_has_results(job);
}
