/* context.h: the context in which callbacks and tasks see their context variables.
 *
 * A context is a Lua table of the class Context; its field `vars` maps variables
 * to values, and is replaced, never changed, when one is set: so a copy of a
 * context is a new table with the same `vars`. The current one is in
 * SAROS_SLOT_CONTEXT; nil stands for an empty one that nobody has looked at yet.
 * Programs without context variables never have another, and pay for a flag.
 *
 * A callback that is scheduled inside a context is bound to a copy of it: what
 * is stored is a C closure, so the ready queue and the timers know nothing of
 * contexts. An entry that is not bound runs in an empty context. A task keeps
 * its own (task/context.c).
 *
 * Threads: the state's own.
 */
#ifndef SAROS_LOOP_CONTEXT_H
#define SAROS_LOOP_CONTEXT_H

#include "loop/runtime.h"

/* Pops a context, or nil, and makes it the current one. Cannot raise. */
void saros__context_set(lua_State *L, saros_runtime_t *rt);

/* Makes the empty context the current one. Cannot raise. */
void saros__context_clear(saros_runtime_t *rt);

/* Pushes a copy of the current context: an empty one if there is none. */
void saros__context_push_copy(lua_State *L, saros_runtime_t *rt);

/* Binds the function at `index` to a copy of the current context, unless it is bound already. */
void saros__context_bind_now(lua_State *L, saros_runtime_t *rt, int index);

static inline void saros__context_bind(lua_State *L, saros_runtime_t *rt, int index) {
  if (rt->has_context) saros__context_bind_now(L, rt, index);
}

/* The same, to an empty context. */
void saros__context_bind_empty(lua_State *L, saros_runtime_t *rt, int index);

/* If the value at `index` is bound, replaces it by the program's own function. */
void saros__context_unbind(lua_State *L, int index);

/* Makes the class of contexts. */
void saros__context_open(lua_State *L, saros_runtime_t *rt);

#endif
