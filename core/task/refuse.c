/* refuse.c: why a task cannot suspend here.
 *
 * Lua cannot yield across a C function without a continuation, in a finalizer,
 * in a hook, or in a message handler. Its own message says neither which one nor
 * what to do, so the stack is searched for the culprit: from the caller up, a
 * finalizer or a hook is the answer, else the first C function that does not let
 * its callees yield. If there is only pcall and its kind, the code runs in a
 * message handler.
 */
#include <lualib.h>
#include <string.h>

#include "loop/errors.h"
#include "task/generator.h"

/* C functions of Lua's library that their callees may yield through. */
static bool is_transparent(const char *name) {
  static const char *const names[] = {"pcall", "xpcall", "dofile", "pairs", "error", NULL};
  for (const char *const *known = names; *known; known++) {
    if (strcmp(name, *known) == 0) return true;
  }
  return false;
}

/* Searches the module on top for the function at `function`; pushes its name. */
static bool find_in_module(lua_State *L, int function) {
  int module = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, module)) {
    if (lua_rawequal(L, -1, function) && lua_type(L, -2) == LUA_TSTRING) {
      lua_pop(L, 1);
      return true;
    }
    lua_pop(L, 1);
  }
  return false;
}

/* Pushes "module.name" if the function is in the module that is on top; pops the module. */
static bool name_in_module(lua_State *L, const char *module, int function) {
  if (!lua_istable(L, -1) || !find_in_module(L, function)) {
    lua_pop(L, 1);
    return false;
  }
  bool global = strcmp(module, LUA_GNAME) == 0;
  lua_pushfstring(L, "%s%s%s", global ? "" : module, global ? "" : ".", lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
  return true;
}

/* Pushes the public name of the function at `function`, as in "table.sort"; false if it has none. Lua's own
 * library goes first: other modules hold its functions as well. */
static bool push_library_name(lua_State *L, int function) {
  static const char *const own[] = {LUA_GNAME,       LUA_TABLIBNAME, LUA_STRLIBNAME, LUA_COLIBNAME,
                                    LUA_LOADLIBNAME, LUA_IOLIBNAME,  LUA_OSLIBNAME,  LUA_DBLIBNAME,
                                    LUA_UTF8LIBNAME, LUA_MATHLIBNAME, NULL};
  int top = lua_gettop(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  int loaded = top + 1;
  bool found = false;
  for (const char *const *module = own; !found && *module; module++) {
    lua_getfield(L, loaded, *module);
    found = name_in_module(L, *module, function);
  }
  if (!found) {
    lua_pushnil(L);
    while (!found && lua_next(L, loaded)) {
      if (lua_type(L, -2) == LUA_TSTRING) {
        found = name_in_module(L, lua_tostring(L, -2), function);
      } else {
        lua_pop(L, 1);
      }
    }
  }
  if (found) lua_replace(L, loaded);
  lua_settop(L, found ? loaded : top);
  return found;
}

/* Pushes the name of the C function of this frame of `of`. */
static void push_c_name(lua_State *L, lua_State *of, lua_Debug *ar) {
  lua_getinfo(of, "f", ar);
  if (of != L) lua_xmove(of, L, 1);
  int function = lua_gettop(L);
  if (!push_library_name(L, function)) lua_pushstring(L, ar->name ? ar->name : "?");
  lua_remove(L, function);
}

/* Pushes onto L the reason why the coroutine `of` cannot yield. Its function at level 0 is the one that would; it
 * can be a finalizer itself where that is a generator's. */
static void push_reason(lua_State *L, lua_State *of) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(of, level, &ar); level++) {
    lua_getinfo(of, "Sn", &ar);
    if (strcmp(ar.namewhat, "metamethod") == 0 && ar.name && strcmp(ar.name, "__gc") == 0) {
      lua_pushliteral(L, "inside a finalizer (__gc)");
      return;
    }
    if (strcmp(ar.namewhat, "hook") == 0) {
      lua_pushliteral(L, "inside a debug hook");
      return;
    }
    if (level == 0 || *ar.what != 'C') continue;
    push_c_name(L, of, &ar);
    if (lua_getstack(of, level + 1, &ar) && !is_transparent(lua_tostring(L, -1))) {
      lua_pushfstring(L, "across the C function '%s'", lua_tostring(L, -1));
      lua_remove(L, -2);
      return;
    }
    lua_pop(L, 1);
  }
  lua_pushliteral(L, "inside a message handler");
}

/* A generator's body that is not linked to the task on whose behalf it runs: the coroutine, further out, that
 * cannot yield. NULL if there is one in between that the program resumes itself. */
static lua_State *find_culprit(lua_State *L, const saros_runtime_t *rt) {
  const saros_generator_t *g = rt->generator;
  while (g && g->co == L && !saros__task_runs_on(rt->current, L)) {
    L = g->consumer;
    g = g->caller;
  }
  return saros__task_runs_on(rt->current, L) ? L : NULL;
}

int saros__refuse_yield(lua_State *L, saros_runtime_t *rt) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  push_reason(L, L);
  return saros__raise(L, rt, "RuntimeError", "cannot yield %s", lua_tostring(L, -1));
}

int saros__refuse_suspend(lua_State *L, saros_runtime_t *rt, const char *what) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (!rt->current) {
    lua_pushstring(L, rt->running ? "outside a task: a callback cannot suspend"
                                  : "outside a task: no running event loop");
  } else {
    lua_State *culprit = find_culprit(L, rt);
    if (culprit) {
      push_reason(L, culprit);
    } else {
      lua_pushliteral(L, "inside a coroutine that the program resumes itself");
    }
  }
  return saros__raise(L, rt, "RuntimeError", "cannot %s %s", what, lua_tostring(L, -1));
}
