/* code.h: the bytecode of a function, which many messages share.
 *
 * It is made when the function first travels, and lives as long as the function or
 * a message that has it. Its id is what other states know the function by that they
 * have made of it. Nobody changes it.
 *
 * Threads: reading is for any, the rest for the state's own.
 */
#ifndef SAROS_THREAD_CODE_H
#define SAROS_THREAD_CODE_H

#include "thread/shared.h"
#include "thread/tags.h"

typedef struct saros_code {
  saros_shared_t shared; /* first */
  saros_code_id_t id;
  size_t size;
  char bytes[];
} saros_code_t;

/* What stands here for the code of the Lua function at `index`, if it has travelled before; else NULL. Needs room for
 * two values, and does not raise. */
saros_shared_object_t *saros__code_known(lua_State *L, saros_runtime_t *rt, int index);

/* The same, made now if need be. It lives as long as the function. May raise. */
saros_shared_object_t *saros__code_of(lua_State *L, saros_runtime_t *rt, int index);

void saros__code_open(lua_State *L, saros_runtime_t *rt);

#endif
