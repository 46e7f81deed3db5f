/* errors.h: error objects and their kinds.
 *
 * A kind is a Lua table, its own metatable's index for the objects of the kind;
 * calling it makes an object. Objects are tables with the fields `message`,
 * `traceback` and whatever the kind adds, so a program can make kinds of its
 * own with `Error:extend("Name")`.
 *
 * The functions that raise never return. Levels and positions are not added:
 * an error object's traceback says where it came from.
 *
 * Threads: the state's own.
 */
#ifndef SAROS_LOOP_ERRORS_H
#define SAROS_LOOP_ERRORS_H

#include "loop/runtime.h"

/* Makes the kinds and fills the error slots; pushes the table of kinds by name. */
void saros__errors_open(lua_State *L, saros_runtime_t *rt);

/* Pushes a new kind with this name, which extends the one at `base` (0: none). */
void saros__new_kind(lua_State *L, const char *name, int base);

/* Pushes a new object of the kind with this name, with a formatted message. */
void saros__push_error(lua_State *L, saros_runtime_t *rt, const char *kind, const char *format, ...);

/* Raises an object of the kind with this name. */
int saros__raise(lua_State *L, saros_runtime_t *rt, const char *kind, const char *format, ...);

/* Pushes, or raises, an OSError for a libuv error code; `what` says what failed. */
void saros__push_os_error(lua_State *L, saros_runtime_t *rt, int code, const char *what);
int saros__raise_os_error(lua_State *L, saros_runtime_t *rt, int code, const char *what);

/* Pushes a CancelledError whose message is the value at `message` (0: no message). */
void saros__push_cancelled(lua_State *L, saros_runtime_t *rt, int message);

/* True if the value at `index` is an error object, of the kind in `slot` or one derived from it. */
bool saros__is_error(lua_State *L, saros_runtime_t *rt, int index, int slot);

/* The Lua function is_error(x [, kind]). */
int saros__errors_is_error(lua_State *L);

/* If the value at `index` is a kind, replaces it by an object of it. */
void saros__instantiate_kind(lua_State *L, int index);

/* Pushes a traceback of L as one string, from `level` up. Cheaper than luaL_traceback, which
 * searches package.loaded for every function's name. */
void saros__push_traceback(lua_State *L, lua_State *of, int level);

/* Pushes the message handler for protected calls. It gives an
 * error object its traceback, and leaves that of any other value in SAROS_SLOT_TRACEBACK. */
void saros__push_handler(lua_State *L, saros_runtime_t *rt);

#endif
