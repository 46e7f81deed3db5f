/* shared.h: objects that several threads refer to, such as channels.
 *
 * An object is counted; each userdata of each state that stands for it, and each
 * message that carries it, is one reference. In a state there is one userdata for
 * an object at most, so that two of its values are equal when they are the same.
 *
 * Threads: counting is for any thread. What an object does is its class's own
 * matter, under its own lock.
 */
#ifndef SAROS_THREAD_SHARED_H
#define SAROS_THREAD_SHARED_H

#include <stdatomic.h>

#include "loop/runtime.h"

#define SAROS_MARKER_SHARED SAROS_MARKER('S', 'h')

typedef struct saros_shared saros_shared_t;

typedef struct saros_shared_class {
  const char *name;
  int slot; /* of the metatable, on the runtime's anchor */
  /* Frees an object that nobody refers to any more. On any thread: no Lua here. */
  void (*destroy)(saros_shared_t *shared);
  /* Pushes what stands for it in this state, when that is no userdata of the class; true if it did. May be NULL. */
  bool (*push_own)(lua_State *L, saros_runtime_t *rt, saros_shared_t *shared);
} saros_shared_class_t;

struct saros_shared {
  const saros_shared_class_t *class;
  atomic_uint refs;
};

typedef struct saros_shared_object {
  saros_marker_t marker;
  saros_shared_t *shared; /* NULL before it is complete, and after its finalizer */
  uint32_t stock; /* references that it has beside its own: see saros__shared_take */
} saros_shared_object_t;

/* A new object has one reference, its maker's. */
static inline void saros__shared_init(saros_shared_t *shared, const saros_shared_class_t *class) {
  shared->class = class;
  atomic_init(&shared->refs, 1);
}

void saros__shared_ref(saros_shared_t *shared);
void saros__shared_unref(saros_shared_t *shared);
void saros__shared_unref_many(saros_shared_t *shared, uint32_t count);

/* Gives one reference of a stock of its thread's, which is filled when it is empty. What many messages carry is counted
 * in another thread by each of them: that many threads write to one place costs more than all else about it. */
void saros__shared_take(saros_shared_t *shared, uint32_t *stock);

/* Pushes what stands for the object in this state, which takes a reference of its own. May raise. */
void saros__shared_push(lua_State *L, saros_runtime_t *rt, saros_shared_t *shared);

/* The same for a new object, whose maker's reference the userdata takes over: if this raises, the object is
 * destroyed. */
void saros__shared_push_new(lua_State *L, saros_runtime_t *rt, saros_shared_t *shared);

/* The object at `index`, NULL if there is none; of this class, or `bad argument`. */
saros_shared_t *saros__shared_test(lua_State *L, int index);
saros_shared_t *saros__shared_check(lua_State *L, int index, const saros_shared_class_t *class);

/* The object that the userdata at `index` stands for when it travels: its own, or that of a loop; else NULL. May
 * raise. */
saros_shared_t *saros__shared_of(lua_State *L, saros_runtime_t *rt, int index);

/* Makes the metatable of a class of objects. */
void saros__shared_class_open(lua_State *L, saros_runtime_t *rt, const saros_shared_class_t *class,
                              const luaL_Reg *methods, const luaL_Reg *metamethods);

/* Once for each state, before the classes. */
void saros__shared_open(lua_State *L, saros_runtime_t *rt);

#endif
