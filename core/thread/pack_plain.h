/* pack_plain.h: packing what needs no tables to keep track of.
 *
 * Plain values, and a function that has travelled before and has no upvalue but the
 * globals: most jobs are no more than that, and are packed in one go, without
 * raising. The rest is for pack.c, which writes its plain values and its functions
 * the same way.
 *
 * Threads: the thread of the state.
 */
#ifndef SAROS_THREAD_PACK_PLAIN_H
#define SAROS_THREAD_PACK_PLAIN_H

#include "thread/code.h"
#include "thread/message.h"
#include "thread/tags.h"

/* True for nil, booleans, numbers and strings. */
bool saros__is_plain(lua_State *L, int index);

/* Writes such a value, or size and bytes of a string; false when out of memory. */
bool saros__put_plain(lua_State *L, saros_message_t *message, int index);
bool saros__add_string(lua_State *L, saros_message_t *message, int index);

/* True for a long string, which does not go into a message of this mode. */
bool saros__is_to_be_lent(lua_State *L, int index, int mode);

/* True if the value at `index` is the table of globals. */
bool saros__is_globals(lua_State *L, int index);
/* True if every upvalue of the function at `index` is that. */
bool saros__sees_globals_alone(lua_State *L, int index);
/* How many upvalues the function at `index` has. */
int saros__count_upvalues(lua_State *L, int index);

/* The first byte of a function's head, and what follows it, into `heads`; false when out of memory. The message
 * carries the code, unless it goes to another process. */
enum saros_head saros__head_of_code(int mode);
bool saros__put_function(saros_message_t *heads, saros_message_t *message, saros_shared_object_t *object,
                         bool is_kept, int mode);

/* Packs the `n` values from `first` on, if they are of that sort; else false. The message is empty when memory runs
 * out. Raises nothing. */
bool saros__pack_quickly(lua_State *L, saros_runtime_t *rt, int first, int n, int mode, saros_message_t *message);

#endif
