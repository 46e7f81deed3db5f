/* values.h: the functions and arguments of callbacks that wait in the ready queue.
 *
 * They live on the stacks of Lua threads that never run: moving values between
 * stacks is cheaper than any table, and clearing a drained stack is one call.
 * A stack cannot hold more than a million slots, so there are several, called
 * chunks. A chunk is filled for one iteration and drained in the next; an
 * iteration that was interrupted keeps its chunks until it is finished.
 *
 * Ownership: the chunks are Lua threads in a table on the loop's anchor.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_LOOP_VALUES_H
#define SAROS_LOOP_VALUES_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum { SAROS_MAX_CHUNKS = 4096, SAROS_MAX_VALUES = 1000 };

typedef struct saros_chunk {
  lua_State *stack;
  enum { SAROS_CHUNK_FREE, SAROS_CHUNK_INCOMING, SAROS_CHUNK_CURRENT } state;
} saros_chunk_t;

typedef struct saros_values {
  saros_chunk_t *chunks;
  uint32_t count;
  uint32_t filling; /* the chunk that takes new values, SAROS_NO_CHUNK before the first */
} saros_values_t;

#define SAROS_NO_CHUNK UINT32_MAX

void saros__values_init(saros_values_t *values);
void saros__values_free(saros_values_t *values);

/* Makes room for `n` values (at most SAROS_MAX_VALUES) and returns the stack that will take
 * them, or NULL when out of memory. `table` is the table on L that anchors the chunks; may raise. */
lua_State *saros__values_grow(lua_State *L, saros_values_t *values, lua_State *anchor, int slot,
                              int n);

/* Begins an iteration: what was filled is now current. */
void saros__values_swap(saros_values_t *values);

/* Ends an iteration that ran to its end: clears the current chunks. */
void saros__values_drained(saros_values_t *values);

/* Where a callback's values are, in one word: chunk, first slot, how many. */
static inline uintptr_t saros__values_pack(uint32_t chunk, int slot, int n) {
  return ((uintptr_t)chunk << 40) | ((uintptr_t)slot << 16) | (uintptr_t)n;
}
static inline lua_State *saros__values_stack(saros_values_t *values, uintptr_t packed) {
  return values->chunks[packed >> 40].stack;
}
static inline int saros__values_slot(uintptr_t packed) {
  return (int)(packed >> 16 & 0xffffff);
}
static inline int saros__values_count(uintptr_t packed) {
  return (int)(packed & 0xffff);
}

#endif
