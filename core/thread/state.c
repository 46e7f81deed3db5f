#include "thread/state.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "loop/errors.h"

int luaopen_saros_core(lua_State *L);

/* ---- paths ---- */

static char *copy_field(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  const char *text = lua_rawget(L, -2) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  char *copy = text ? strdup(text) : NULL;
  lua_pop(L, 1);
  return copy;
}

/* Argument: the paths. */
static int read_paths(lua_State *L) {
  saros_paths_t *paths = lua_touserdata(L, 1);
  if (lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) != LUA_TTABLE) return 0;
  lua_pushliteral(L, "package");
  if (lua_rawget(L, -2) != LUA_TTABLE) return 0;
  paths->path = copy_field(L, "path");
  paths->cpath = copy_field(L, "cpath");
  return 0;
}

void saros__paths_read(lua_State *L, saros_paths_t *paths) {
  *paths = (saros_paths_t){NULL, NULL};
  if (!lua_checkstack(L, 4)) return;
  lua_pushcfunction(L, read_paths);
  lua_pushlightuserdata(L, paths);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

void saros__paths_free(saros_paths_t *paths) {
  free(paths->path);
  free(paths->cpath);
}

/* ---- coroutines that can be found ---- */

/* Resumes `co` with the `n` values on top of L, and pushes what it gives: how many there are, or -1 and its error. */
static int resume(lua_State *L, lua_State *co, int n) {
  if (!lua_checkstack(co, n)) {
    lua_pop(L, n);
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, n);
  saros_stop_t *stop = saros__stop_current();
  lua_State *outer = stop ? saros__stop_resuming(stop, co) : NULL;
  int results;
  int status = lua_resume(co, L, n, &results);
  if (stop) saros__stop_resumed(stop, outer);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, results);
  return results;
}

static int tracked_resume(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  if (!co) return luaL_typeerror(L, 1, "thread");
  int results = resume(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, results >= 0);
  lua_insert(L, 2); /* the coroutine, true or false, the rest */
  return lua_gettop(L) - 1;
}

/* Runs the scopes that are left in `co`, and returns as lua_resetthread does. */
static int reset(lua_State *co) {
  saros_stop_t *stop = saros__stop_current();
  lua_State *outer = stop ? saros__stop_resuming(stop, co) : NULL;
  int status = lua_resetthread(co);
  if (stop) saros__stop_resumed(stop, outer);
  return status;
}

static int tracked_close(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  if (!co) return luaL_typeerror(L, 1, "thread");
  lua_Debug ar;
  if (co == L) return luaL_error(L, "cannot close a running coroutine");
  if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar)) return luaL_error(L, "cannot close a normal coroutine");
  bool ok = reset(co) == LUA_OK;
  lua_pushboolean(L, ok);
  if (ok) return 1;
  lua_xmove(co, L, 1);
  return 2;
}

/* Upvalue: the coroutine. A failure is raised, with the place of the call as Lua's own function has it. */
static int call_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int results = resume(L, co, lua_gettop(L));
  if (results >= 0) return results;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD && reset(co) != LUA_OK) {
    lua_xmove(co, L, 1); /* its scopes raised another error */
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int tracked_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

static const luaL_Reg tracked[] = {
    {"resume", tracked_resume}, {"wrap", tracked_wrap}, {"close", tracked_close}, {NULL, NULL}};

/* ---- the state ---- */

/* When the state closes, also by os.exit in the middle of something: no code of it is to be stopped any more. */
static int closing(lua_State *L) {
  (void)L;
  saros_stop_t *stop = saros__stop_current();
  if (stop) saros__stop_leave(stop);
  return 0;
}

/* Leaves a value in the registry whose finalizer runs when the state closes. Among the last ones: it is made first. */
static void watch_closing(lua_State *L) {
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, closing);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  luaL_ref(L, LUA_REGISTRYINDEX);
}

static void set_path(lua_State *L, const char *field, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

/* Arguments: the paths, the stop. */
static int open_state(lua_State *L) {
  const saros_paths_t *paths = lua_touserdata(L, 1);
  watch_closing(L);
  luaL_openlibs(L);
  lua_getglobal(L, LUA_LOADLIBNAME);
  set_path(L, "path", paths->path);
  set_path(L, "cpath", paths->cpath);
  lua_getglobal(L, LUA_COLIBNAME);
  luaL_setfuncs(L, tracked, 0);
  luaL_requiref(L, "saros.core", luaopen_saros_core, 0);
  saros__stop_enter(lua_touserdata(L, 2), L, saros__runtime_open(L));
  return 0;
}

lua_State *saros__state_new(const saros_paths_t *paths, saros_stop_t *stop) {
  lua_State *L = luaL_newstate();
  if (!L) return NULL;
  lua_pushcfunction(L, open_state);
  lua_pushlightuserdata(L, (void *)paths);
  lua_pushlightuserdata(L, stop);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return L;
  lua_close(L);
  return NULL;
}

void saros__state_close(lua_State *L, saros_stop_t *stop) {
  saros__stop_leave(stop);
  lua_close(L);
}
