/* timer_heap.h: deadlines in order.
 *
 * A 4-ary implicit heap of (deadline, slot), and a slab of slots that say what
 * a timer does. A slot's generation changes whenever it is freed, so a
 * (slot, generation) pair is a handle that can be kept for ever without keeping
 * anything alive. Equal deadlines come out in the order in which they were set.
 *
 * A slot outlives its place in the heap: a timer that is due leaves the heap,
 * and its slot is freed when it has run or was cancelled.
 *
 * Ownership: the heap owns its arrays and nothing that a slot's target points
 * to. Threads: the owning loop's thread only.
 */
#ifndef SAROS_STRUCTURES_TIMER_HEAP_H
#define SAROS_STRUCTURES_TIMER_HEAP_H

#include "structures/ready.h"

#define SAROS_NO_SLOT UINT32_MAX

typedef struct saros_timer_ref {
  uint32_t slot;
  uint32_t generation;
} saros_timer_ref_t;

typedef struct saros_timer {
  double when;         /* its deadline, also when it has left the heap */
  uint64_t order;      /* breaks ties between equal deadlines */
  saros_run_fn run;    /* what to do when it is due */
  void *target;        /* first argument of `run` */
  uint32_t nargs;      /* for the caller's use */
  uint32_t index;      /* place in the heap; anything when it has left it */
  uint32_t generation; /* even: free, odd: in use */
  uint32_t next_free;
} saros_timer_t;

typedef struct saros_timer_node {
  double when;
  uint32_t slot;
  uint32_t generation; /* of the slot: what is due can be told without touching the slot */
} saros_timer_node_t;

typedef struct saros_timer_heap {
  saros_timer_node_t *nodes;
  size_t count;
  size_t node_capacity;
  saros_timer_t *slots;
  uint32_t slot_count; /* slots ever used */
  uint32_t slot_capacity;
  uint32_t free_slot; /* head of the free list */
  uint32_t used;      /* slots in use, due ones included */
  uint64_t next_order;
} saros_timer_heap_t;

/* Receives the slots that are due, in the order of their deadlines. */
typedef void (*saros_timer_due_fn)(void *context, uint32_t slot, uint32_t generation);

void saros_timer_heap_init(saros_timer_heap_t *heap);
void saros_timer_heap_free(saros_timer_heap_t *heap);

/* Makes room for one more timer; false when out of memory. */
bool saros_timer_heap_reserve(saros_timer_heap_t *heap);

/* The slot that the next insert will take; valid after a reserve. */
uint32_t saros_timer_heap_next_slot(const saros_timer_heap_t *heap);

/* Inserts a timer, for which room was reserved. */
saros_timer_ref_t saros_timer_heap_insert(saros_timer_heap_t *heap, double when, saros_run_fn run,
                                          void *target, uint32_t nargs);

/* The timer that a reference names, or NULL when it has run or was cancelled. */
static inline saros_timer_t *saros_timer_heap_find(saros_timer_heap_t *heap,
                                                   saros_timer_ref_t ref) {
  if (ref.slot >= heap->slot_count) return NULL;
  saros_timer_t *timer = &heap->slots[ref.slot];
  return timer->generation == ref.generation ? timer : NULL;
}

/* Takes a timer out of the heap, if it is still there, and frees its slot. */
void saros_timer_heap_remove(saros_timer_heap_t *heap, uint32_t slot);

/* How many timers are due at `now`, counted up to `limit`. */
size_t saros_timer_heap_count_due(const saros_timer_heap_t *heap, double now, size_t limit);

/* Takes all timers with a deadline of `now` or earlier out of the heap, in order; their slots stay in use. */
void saros_timer_heap_take_due(saros_timer_heap_t *heap, double now, saros_timer_due_fn due,
                               void *context);

#endif
