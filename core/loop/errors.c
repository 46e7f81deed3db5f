#include "loop/errors.h"

#include <stdarg.h>
#include <string.h>
#include <uv.h>

/* ---- kinds ---- */

/* Pushes the kind of the value at `index`: its metatable, if that is a kind; else pushes nothing. */
static bool push_kind(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
  lua_pushliteral(L, "saros.kind");
  if (lua_rawget(L, -2) == LUA_TBOOLEAN) {
    lua_pop(L, 1);
    return true;
  }
  lua_pop(L, 2);
  return false;
}

/* True if the value at `index` is itself a kind. */
static bool is_kind(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE) return false;
  index = lua_absindex(L, index);
  lua_pushliteral(L, "saros.kind");
  bool found = lua_rawget(L, index) == LUA_TBOOLEAN;
  lua_pop(L, 1);
  return found;
}

/* Replaces the kind on top by its base; false, and nothing left, at the end of the chain. */
static bool to_base(lua_State *L) {
  lua_pushliteral(L, "saros.base");
  bool more = lua_rawget(L, -2) == LUA_TTABLE;
  lua_remove(L, -2);
  if (!more) lua_pop(L, 1);
  return more;
}

/* True if the object at `index` is of the kind at `kind`, or of one that extends it. */
static bool is_instance(lua_State *L, int index, int kind) {
  kind = lua_absindex(L, kind);
  if (!push_kind(L, index)) return false;
  do {
    if (lua_rawequal(L, -1, kind)) {
      lua_pop(L, 1);
      return true;
    }
  } while (to_base(L));
  return false;
}

/* kind(message or fields) -> object */
static int kind_call(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  if (!is_kind(L, 1)) return luaL_typeerror(L, 1, "error kind");
  lua_settop(L, 2);
  lua_createtable(L, 0, 3); /* kind argument object */
  if (lua_type(L, 2) == LUA_TTABLE && !push_kind(L, 2)) {
    lua_pushnil(L);
    while (lua_next(L, 2)) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, 3);
    }
  } else if (!lua_isnil(L, 2)) {
    lua_settop(L, 3);
    lua_pushvalue(L, 2);
    lua_setfield(L, 3, "message");
  }
  lua_settop(L, 3);
  lua_pushvalue(L, 1);
  lua_setmetatable(L, 3);
  return 1;
}

/* tostring(object): "Name: message" */
static int error_tostring(lua_State *L) {
  lua_settop(L, 1);
  lua_getfield(L, 1, "name");
  if (lua_type(L, 2) != LUA_TSTRING) {
    lua_pushliteral(L, "Error");
    lua_replace(L, 2);
  }
  if (lua_getfield(L, 1, "message") == LUA_TNIL) {
    lua_pop(L, 1);
    return 1;
  }
  luaL_tolstring(L, 3, NULL);
  lua_pushfstring(L, "%s: %s", lua_tostring(L, 2), lua_tostring(L, 4));
  return 1;
}

static int kind_tostring(lua_State *L) {
  lua_getfield(L, 1, "name");
  lua_pushfstring(L, "error kind %s", lua_tostring(L, -1));
  return 1;
}

static int kind_extend(lua_State *L);

/* Pushes a new kind with this name; the kind at `base` (0: none) is what it extends. */
void saros__new_kind(lua_State *L, const char *name, int base) {
  lua_newtable(L); /* kind: also the metatable of its objects */
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "saros.kind");
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushfstring(L, "saros.%s", name);
  lua_setfield(L, -2, "__name");
  lua_createtable(L, 0, 3); /* the kind's own metatable */
  lua_pushcfunction(L, kind_call);
  lua_setfield(L, -2, "__call");
  lua_pushcfunction(L, kind_tostring);
  lua_setfield(L, -2, "__tostring");
  if (base) {
    lua_pushvalue(L, base);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, base);
    lua_setfield(L, -3, "saros.base");
  } else {
    lua_pushcfunction(L, kind_extend);
    lua_setfield(L, -3, "extend");
  }
  lua_setmetatable(L, -2);
}

/*** Makes a kind of errors whose objects are also of this one.
 * @function Error:extend
 * @tparam string name the new kind's name
 * @treturn Error the kind: calling it with a message or a table of fields makes an object
 */
static int kind_extend(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  if (!is_kind(L, 1)) return luaL_typeerror(L, 1, "error kind");
  saros__new_kind(L, luaL_checkstring(L, 2), 1);
  return 1;
}

/*** Tells whether a value is an error object, of a kind or of one that extends it. Mirrors `isinstance`.
 * @function is_error
 * @tparam any x any value
 * @tparam[opt] table kind a kind; without one any error object will do
 * @treturn boolean
 * @raise `bad argument` for what is no kind
 */
int saros__errors_is_error(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_isnoneornil(L, 2)) {
    lua_pushboolean(L, push_kind(L, 1));
    return 1;
  }
  if (!is_kind(L, 2)) return luaL_typeerror(L, 2, "error kind");
  lua_pushboolean(L, is_instance(L, 1, 2));
  return 1;
}

bool saros__is_error(lua_State *L, saros_runtime_t *rt, int index, int slot) {
  if (lua_type(L, index) != LUA_TTABLE) return false;
  index = lua_absindex(L, index);
  saros__push_slot(L, rt, slot);
  bool found = is_instance(L, index, lua_gettop(L));
  lua_pop(L, 1);
  return found;
}

void saros__instantiate_kind(lua_State *L, int index) {
  if (!is_kind(L, index)) return;
  index = lua_absindex(L, index);
  lua_pushvalue(L, index);
  lua_call(L, 0, 1);
  lua_replace(L, index);
}

/* ---- making and raising objects ---- */

/* Pops a message and pushes an object of the named kind that has it. */
static void wrap_message(lua_State *L, saros_runtime_t *rt, const char *kind) {
  lua_createtable(L, 0, 3);
  lua_insert(L, -2);
  lua_setfield(L, -2, "message");
  saros__push_slot(L, rt, SAROS_SLOT_ERRORS);
  lua_getfield(L, -1, kind);
  lua_setmetatable(L, -3);
  lua_pop(L, 1);
}

void saros__push_error(lua_State *L, saros_runtime_t *rt, const char *kind, const char *format, ...) {
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  wrap_message(L, rt, kind);
}

int saros__raise(lua_State *L, saros_runtime_t *rt, const char *kind, const char *format, ...) {
  luaL_checkstack(L, 8, NULL);
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  wrap_message(L, rt, kind);
  return lua_error(L);
}

void saros__push_os_error(lua_State *L, saros_runtime_t *rt, int code, const char *what) {
  saros__push_error(L, rt, "OSError", "%s: %s", what, uv_strerror(code));
  lua_pushstring(L, uv_err_name(code));
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, -(lua_Integer)code);
  lua_setfield(L, -2, "errno");
}

int saros__raise_os_error(lua_State *L, saros_runtime_t *rt, int code, const char *what) {
  luaL_checkstack(L, 8, NULL);
  saros__push_os_error(L, rt, code, what);
  return lua_error(L);
}

void saros__push_cancelled(lua_State *L, saros_runtime_t *rt, int message) {
  if (message) message = lua_absindex(L, message);
  lua_createtable(L, 0, 1);
  if (message) {
    lua_pushvalue(L, message);
    lua_setfield(L, -2, "message");
  }
  saros__push_slot(L, rt, SAROS_SLOT_CANCELLED);
  lua_setmetatable(L, -2);
}

/* ---- tracebacks ---- */

static void add_frame(lua_State *L, luaL_Buffer *b, const lua_Debug *ar) {
  luaL_addstring(b, "\n\t");
  lua_pushstring(L, ar->short_src);
  luaL_addvalue(b);
  if (ar->currentline > 0) {
    lua_pushfstring(L, ":%d", ar->currentline);
    luaL_addvalue(b);
  }
  if (*ar->namewhat != '\0') {
    lua_pushfstring(L, ": in %s '%s'", ar->namewhat, ar->name);
  } else if (*ar->what == 'm') {
    lua_pushliteral(L, ": in main chunk");
  } else if (*ar->what == 'C') {
    lua_pushliteral(L, ": in ?");
  } else {
    lua_pushfstring(L, ": in function <%s:%d>", ar->short_src, ar->linedefined);
  }
  luaL_addvalue(b);
}

/* One more than the last level of the stack. Finding level n costs n steps, so the end of a deep stack is
 * found by doubling and halving. */
static int count_levels(lua_State *L) {
  lua_Debug ar;
  int low = 0, high = 1;
  while (lua_getstack(L, high, &ar)) {
    low = high;
    high *= 2;
  }
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (lua_getstack(L, middle, &ar)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return high;
}

void saros__push_traceback(lua_State *L, lua_State *of, int level) {
  enum { HEAD = 10, TAIL = 11 };
  int end = count_levels(of);
  int skip_from = end - level > HEAD + TAIL ? level + HEAD : end;
  lua_Debug ar;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "stack traceback:");
  for (; lua_getstack(of, level, &ar); level++) {
    if (level == skip_from) {
      int skipped = end - TAIL - level;
      lua_pushfstring(L, "\n\t...\t(skipping %d levels)", skipped);
      luaL_addvalue(&b);
      level += skipped - 1;
      continue;
    }
    lua_getinfo(of, "Sln", &ar);
    add_frame(L, &b, &ar);
  }
  luaL_pushresult(&b);
}

/* Pushes the traceback of the code that has failed. */
static void push_failure(lua_State *L, saros_runtime_t *rt) {
  saros__push_traceback(L, L, 1);
  if (rt->generator) rt->append_consumers(L, rt);
}

/* The message handler: see saros__push_handler. A CancelledError is no failure and gets none. */
static int handler(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  lua_settop(L, 1);
  if (push_kind(L, 1)) {
    lua_settop(L, 1);
    if (saros__is_error(L, rt, 1, SAROS_SLOT_CANCELLED)) return 1;
    lua_pushliteral(L, "traceback");
    if (lua_rawget(L, 1) != LUA_TNIL) return lua_settop(L, 1), 1;
    lua_pushliteral(L, "traceback");
    push_failure(L, rt);
    lua_rawset(L, 1);
  } else {
    push_failure(L, rt);
    saros__store_slot(L, rt, SAROS_SLOT_TRACEBACK);
  }
  lua_settop(L, 1);
  return 1;
}

void saros__push_handler(lua_State *L, saros_runtime_t *rt) {
  saros__push_slot(L, rt, SAROS_SLOT_HANDLER);
}

/* ---- opening ---- */

/*** What all failures of the library are: an object with a kind. `saros.TimeoutError("too late")` makes one,
 * of a message or of a table of fields; `tostring` gives `Name: message`. Mirrors `Exception`.
 * @table Error
 * @tfield string name the kind's name
 * @tfield ?any message what went wrong
 * @tfield ?string traceback where it was raised, once a task or a callback has failed with it
 */

/*** A task or a future was cancelled; `message` is what `cancel` was given. It passes through
 * a task on its way out, and should not be kept from it. Mirrors `asyncio.CancelledError`.
 * @table CancelledError
 */

/*** SIGINT ended the program. Mirrors `KeyboardInterrupt`.
 * @table KeyboardInterrupt
 */

/*** The time is up. Mirrors `TimeoutError`.
 * @table TimeoutError
 */

/*** A future is done already, or not yet. Mirrors `asyncio.InvalidStateError`.
 * @table InvalidStateError
 */

/*** A circuit breaker let no call through. Not in asyncio.
 * @table CircuitOpenError
 */

/*** Something was used in a way in which it cannot be, such as a closed loop. Mirrors `RuntimeError`.
 * @table RuntimeError
 */

/*** The operating system refused. Mirrors `OSError`.
 * @table OSError
 * @tfield string code the error's name, such as `"ECONNREFUSED"` or `"EAI_NONAME"`
 * @tfield integer errno the error's number
 */

/*** An argument has the right type and no possible value. Mirrors `ValueError`.
 * @table ValueError
 */

/*** A stream ended before all that was asked for had come. Mirrors `asyncio.IncompleteReadError`.
 * @table IncompleteReadError
 * @tfield string partial what had come
 * @tfield ?integer expected how many bytes were asked for; nil if it was a separator
 */

/*** A line or a separator is not within the limit of a stream. Mirrors `asyncio.LimitOverrunError`.
 * @table LimitOverrunError
 * @tfield integer consumed how many bytes are known not to have it
 */

/*** A queue is empty. Mirrors `asyncio.QueueEmpty`.
 * @table QueueEmpty
 */

/*** A queue is full. Mirrors `asyncio.QueueFull`.
 * @table QueueFull
 */

/*** A queue was shut down. Mirrors `asyncio.QueueShutDown` of Python 3.13.
 * @table QueueShutDown
 */

/*** A barrier was broken or reset. Mirrors `asyncio.BrokenBarrierError`.
 * @table BrokenBarrierError
 */

/*** A value cannot travel to another Lua state. Not in asyncio.
 * @table TransferError
 */

/*** An executor's workers are gone. Mirrors `concurrent.futures.BrokenExecutor`.
 * @table BrokenExecutor
 */

/*** Several things failed. Mirrors `ExceptionGroup`.
 * @table ExceptionGroup
 * @tfield {any,...} errors the errors
 */

/*** A TLS connection failed. Mirrors `ssl.SSLError`.
 * @table TLSError
 */

static const char *const kinds[] = {
    "CancelledError",  "KeyboardInterrupt", "TimeoutError",       "InvalidStateError",
    "CircuitOpenError", "RuntimeError",     "OSError",            "ValueError",
    "IncompleteReadError", "LimitOverrunError", "QueueEmpty",     "QueueFull",
    "QueueShutDown",   "BrokenBarrierError", "TransferError",     "BrokenExecutor",
    "ExceptionGroup",  "TLSError",          NULL};

static void keep_kind(lua_State *L, saros_runtime_t *rt, int errors, const char *name, int slot) {
  lua_getfield(L, errors, name);
  saros__store_slot(L, rt, slot);
}

void saros__errors_open(lua_State *L, saros_runtime_t *rt) {
  lua_newtable(L);
  int errors = lua_gettop(L);
  saros__new_kind(L, "Error", 0);
  for (const char *const *name = kinds; *name; name++) {
    saros__new_kind(L, *name, errors + 1);
    lua_setfield(L, errors, *name);
  }
  lua_setfield(L, errors, "Error");
  lua_pushvalue(L, errors);
  saros__store_slot(L, rt, SAROS_SLOT_ERRORS);
  keep_kind(L, rt, errors, "Error", SAROS_SLOT_ERROR);
  keep_kind(L, rt, errors, "CancelledError", SAROS_SLOT_CANCELLED);
  keep_kind(L, rt, errors, "KeyboardInterrupt", SAROS_SLOT_INTERRUPT);
  saros__push_function(L, rt, handler);
  saros__store_slot(L, rt, SAROS_SLOT_HANDLER);
}
