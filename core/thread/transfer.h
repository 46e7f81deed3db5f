/* transfer.h: copying values from one Lua state to another.
 *
 * Packing walks the values breadth first, without recursion, so that nothing
 * nests too deep. Each table, function and kind is an object with a number, in
 * order of discovery. A message has, in this order:
 *   the roots, then the body of each object: what it refers to, by number;
 *   the head of each object: enough to make it, empty;
 *   how many objects there are, and where the heads begin.
 * Unpacking makes all objects, then fills them, then sets their metatables: so
 * cycles, shared references, recursive functions and finalizers come out right.
 *
 * By name travel what a module has: its table, and its C functions. By identity
 * travel error kinds: the first transfer gives a kind an id, under which every
 * state it comes to knows it. By reference travels what threads share (shared.h).
 * Everything else is copied.
 *
 * A function is its bytecode and its upvalues. Two functions that share an
 * upvalue share it afterwards, too. The upvalue that is the table of globals
 * becomes that of the other state. Bytecode is dumped once per function, and what
 * has no other upvalues is kept by the state for some time, and not loaded again.
 *
 * Threads: packing and unpacking are for the thread of the state, the message in
 * between for any.
 */
#ifndef SAROS_THREAD_TRANSFER_H
#define SAROS_THREAD_TRANSFER_H

#include "thread/message.h"

enum saros_pack_mode {
  SAROS_PACK_CALL,    /* a function and its arguments */
  SAROS_PACK_VALUES,  /* arguments alone */
  SAROS_PACK_RESULTS, /* results */
  SAROS_PACK_ERROR,   /* what was raised */
  SAROS_PACK_WHAT = 7,        /* one of those, */
  SAROS_PACK_FOR_PROCESS = 8, /* or this: nothing travels by reference */
  SAROS_PACK_LEND = 16,       /* or this: long strings are lent, to one reader (loan.h) */
};

/* Packs the `n` values from index `first` on, which stay there. Raises a TransferError that names the path to what
 * cannot travel, or what memory runs out of. */
saros_message_t *saros__pack(lua_State *L, saros_runtime_t *rt, int first, int n, int mode);

/* The same into an empty message. Does not raise: what it would raise it pushes, then false. */
bool saros__pack_into(lua_State *L, saros_runtime_t *rt, int first, int n, int mode, saros_message_t *message);

/* True if its values are no tables and no functions, so that making them takes nothing but memory. */
bool saros__message_is_plain(const saros_message_t *message);
/* True if there is one value at most, which takes no memory. */
bool saros__message_is_bare(const saros_message_t *message);

/* Pushes the values of a message and returns how many. Raises a TransferError if they cannot be made in this
 * state. */
int saros__unpack(lua_State *L, saros_runtime_t *rt, const saros_message_t *message);

void saros__transfer_open(lua_State *L, saros_runtime_t *rt);

/* ---- names.c ---- */

/* Learns the modules that were loaded since. */
void saros__names_refresh(lua_State *L, saros_runtime_t *rt);
/* Pushes the module's name of the table or C function at `index`, and the name of the function in it, or nil; or
 * pushes nothing: false. */
bool saros__names_find(lua_State *L, saros_runtime_t *rt, int index);
/* Pushes what has this name here, requiring the module. Raises a TransferError. */
void saros__names_push(lua_State *L, saros_runtime_t *rt, const char *module, const char *field);
void saros__names_open(lua_State *L, saros_runtime_t *rt);

/* ---- kinds.c ---- */

/* True if the table at `index` is an error kind. */
bool saros__kind_test(lua_State *L, int index);
/* Pushes the id of the kind at `index`, given now if it has none; for one of the library its name. */
void saros__kind_push_id(lua_State *L, saros_runtime_t *rt, int index);
/* Pushes the kind with this id, NULL if this state does not know it: false, and nothing pushed. */
bool saros__kind_find(lua_State *L, saros_runtime_t *rt, const char *id, size_t size);
/* Makes the kind with this id and name, that extends the one on top, and replaces that by it. */
void saros__kind_make(lua_State *L, saros_runtime_t *rt, const char *id, size_t size, const char *name);
/* True if the field, whose key and value are above the kind, is the machinery of every kind. */
bool saros__kind_is_internal(lua_State *L, int kind);
void saros__kinds_open(lua_State *L, saros_runtime_t *rt);

#endif
