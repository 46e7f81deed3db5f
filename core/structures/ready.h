/* ready.h: the ready queue.
 *
 * An iteration runs exactly the entries that were ready when it began; what
 * they schedule runs in the next one. So the queue is two arrays that swap
 * places: `incoming` collects while `current` is drained, and neither ever
 * wraps around. An entry is a function and two words, so a task step or a
 * combinator's callback costs no Lua object at all.
 *
 * Every entry has a sequence number, by which a handle finds it again to cancel
 * it: a cancelled entry keeps its place and its `run` becomes NULL.
 *
 * Ownership: the queue owns its arrays and nothing that the entries point to.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_STRUCTURES_READY_H
#define SAROS_STRUCTURES_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lua_State;
struct saros_loop;

/* What an entry runs. It may raise a Lua error, and is not called again. */
typedef void (*saros_run_fn)(struct lua_State *L, struct saros_loop *loop, void *target,
                             uintptr_t extra);

typedef struct saros_entry {
  saros_run_fn run; /* NULL: cancelled */
  void *target;
  uintptr_t extra;
} saros_entry_t;

typedef struct saros_entries {
  saros_entry_t *items;
  size_t count;
  size_t capacity;
  uint64_t first; /* sequence number of items[0] */
} saros_entries_t;

typedef struct saros_ready {
  saros_entries_t incoming;
  saros_entries_t current;
  size_t position; /* next entry of `current` to run */
} saros_ready_t;

void saros_ready_init(saros_ready_t *ready);
void saros_ready_free(saros_ready_t *ready);

/* Makes room for `n` more entries; false when out of memory. */
bool saros_ready_grow(saros_ready_t *ready, size_t n);

static inline bool saros_ready_reserve(saros_ready_t *ready, size_t n) {
  return ready->incoming.capacity - ready->incoming.count >= n || saros_ready_grow(ready, n);
}

/* Appends an entry, for which room was reserved, and returns its sequence number. */
static inline uint64_t saros_ready_push(saros_ready_t *ready, saros_run_fn run, void *target,
                                        uintptr_t extra) {
  saros_entries_t *in = &ready->incoming;
  in->items[in->count] = (saros_entry_t){run, target, extra};
  return in->first + in->count++;
}

/* How many entries wait, those left of an interrupted iteration included. */
static inline size_t saros_ready_count(const saros_ready_t *ready) {
  return ready->incoming.count + ready->current.count - ready->position;
}

/* True when the last iteration was left before all of `current` had run. */
static inline bool saros_ready_interrupted(const saros_ready_t *ready) {
  return ready->position < ready->current.count;
}

/* Begins an iteration: what was collected becomes `current`, or, if the last iteration was interrupted,
 * is appended to what is left of it. False when out of memory, and then nothing changed. */
bool saros_ready_begin(saros_ready_t *ready);

/* The entry with this sequence number, or NULL when it has run. */
saros_entry_t *saros_ready_find(saros_ready_t *ready, uint64_t sequence);

#endif
