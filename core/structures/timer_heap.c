#include "structures/timer_heap.h"

#include <stdlib.h>

enum { ARITY = 4, FIRST_CAPACITY = 64, INSERTION_SORT_BELOW = 24, BULK_FROM = 64 };

void saros_timer_heap_init(saros_timer_heap_t *heap) {
  *heap = (saros_timer_heap_t){.free_slot = SAROS_NO_SLOT};
}

void saros_timer_heap_free(saros_timer_heap_t *heap) {
  free(heap->nodes);
  free(heap->slots);
  saros_timer_heap_init(heap);
}

/* ---- order ---- */

static inline bool before(const saros_timer_heap_t *heap, saros_timer_node_t a,
                          saros_timer_node_t b) {
  if (a.when != b.when) return a.when < b.when;
  return heap->slots[a.slot].order < heap->slots[b.slot].order;
}

static inline void place(saros_timer_heap_t *heap, size_t index, saros_timer_node_t node) {
  heap->nodes[index] = node;
  heap->slots[node.slot].index = (uint32_t)index;
}

static void sift_up(saros_timer_heap_t *heap, size_t index, saros_timer_node_t node) {
  while (index > 0) {
    size_t parent = (index - 1) / ARITY;
    if (!before(heap, node, heap->nodes[parent])) break;
    place(heap, index, heap->nodes[parent]);
    index = parent;
  }
  place(heap, index, node);
}

static void sift_down(saros_timer_heap_t *heap, size_t index, saros_timer_node_t node) {
  for (;;) {
    size_t child = index * ARITY + 1, end = child + ARITY;
    if (child >= heap->count) break;
    if (end > heap->count) end = heap->count;
    size_t best = child;
    while (++child < end) {
      if (before(heap, heap->nodes[child], heap->nodes[best])) best = child;
    }
    if (!before(heap, heap->nodes[best], node)) break;
    place(heap, index, heap->nodes[best]);
    index = best;
  }
  place(heap, index, node);
}

/* ---- slots ---- */

uint32_t saros_timer_heap_next_slot(const saros_timer_heap_t *heap) {
  return heap->free_slot != SAROS_NO_SLOT ? heap->free_slot : heap->slot_count;
}

static uint32_t take_slot(saros_timer_heap_t *heap) {
  uint32_t slot = heap->free_slot;
  if (slot != SAROS_NO_SLOT) {
    heap->free_slot = heap->slots[slot].next_free;
  } else {
    slot = heap->slot_count++;
    heap->slots[slot].generation = 0;
  }
  heap->slots[slot].generation++;
  heap->used++;
  return slot;
}

static void free_slot(saros_timer_heap_t *heap, uint32_t slot) {
  saros_timer_t *timer = &heap->slots[slot];
  timer->generation++;
  timer->next_free = heap->free_slot;
  heap->free_slot = slot;
  heap->used--;
}

/* ---- operations ---- */

bool saros_timer_heap_reserve(saros_timer_heap_t *heap) {
  if (heap->count == heap->node_capacity) {
    size_t capacity = heap->node_capacity ? heap->node_capacity * 2 : FIRST_CAPACITY;
    saros_timer_node_t *nodes = realloc(heap->nodes, capacity * sizeof *nodes);
    if (!nodes) return false;
    heap->nodes = nodes;
    heap->node_capacity = capacity;
  }
  if (heap->free_slot == SAROS_NO_SLOT && heap->slot_count == heap->slot_capacity) {
    uint32_t capacity = heap->slot_capacity ? heap->slot_capacity * 2 : FIRST_CAPACITY;
    saros_timer_t *slots = realloc(heap->slots, capacity * sizeof *slots);
    if (!slots) return false;
    heap->slots = slots;
    heap->slot_capacity = capacity;
  }
  return true;
}

saros_timer_ref_t saros_timer_heap_insert(saros_timer_heap_t *heap, double when, saros_run_fn run,
                                          void *target, uint32_t nargs) {
  uint32_t slot = take_slot(heap);
  saros_timer_t *timer = &heap->slots[slot];
  timer->when = when;
  timer->order = heap->next_order++;
  timer->run = run;
  timer->target = target;
  timer->nargs = nargs;
  sift_up(heap, heap->count++, (saros_timer_node_t){when, slot, timer->generation});
  return (saros_timer_ref_t){slot, timer->generation};
}

/* Fills the hole at `index` with the last node. */
static void remove_node(saros_timer_heap_t *heap, size_t index) {
  saros_timer_node_t last = heap->nodes[--heap->count];
  if (index == heap->count) return;
  if (index > 0 && before(heap, last, heap->nodes[(index - 1) / ARITY])) {
    sift_up(heap, index, last);
  } else {
    sift_down(heap, index, last);
  }
}

void saros_timer_heap_remove(saros_timer_heap_t *heap, uint32_t slot) {
  uint32_t index = heap->slots[slot].index;
  if (index < heap->count && heap->nodes[index].slot == slot) remove_node(heap, index);
  free_slot(heap, slot);
}

/* ---- what is due ---- */

/* Due nodes form a subtree at the root, so counting them touches few others. */
static size_t count_due(const saros_timer_heap_t *heap, size_t index, double now, size_t limit) {
  if (limit == 0 || index >= heap->count || heap->nodes[index].when > now) return 0;
  size_t count = 1;
  for (size_t child = index * ARITY + 1; child <= index * ARITY + ARITY && count < limit; child++) {
    count += count_due(heap, child, now, limit - count);
  }
  return count;
}

size_t saros_timer_heap_count_due(const saros_timer_heap_t *heap, double now, size_t limit) {
  return count_due(heap, 0, now, limit);
}

static void insertion_sort(const saros_timer_heap_t *heap, saros_timer_node_t *nodes, size_t n) {
  for (size_t i = 1; i < n; i++) {
    saros_timer_node_t node = nodes[i];
    size_t j = i;
    for (; j > 0 && before(heap, node, nodes[j - 1]); j--) nodes[j] = nodes[j - 1];
    nodes[j] = node;
  }
}

static void heap_sort(const saros_timer_heap_t *heap, saros_timer_node_t *nodes, size_t n) {
  for (size_t start = n / 2, end = n; end > 1;) {
    saros_timer_node_t node;
    if (start > 0) {
      node = nodes[--start];
    } else {
      node = nodes[--end];
      nodes[end] = nodes[0];
    }
    size_t root = start;
    for (size_t child; (child = 2 * root + 1) < end; root = child) {
      if (child + 1 < end && before(heap, nodes[child], nodes[child + 1])) child++;
      if (!before(heap, node, nodes[child])) break;
      nodes[root] = nodes[child];
    }
    nodes[root] = node;
  }
}

static saros_timer_node_t median_of_three(const saros_timer_heap_t *heap,
                                          const saros_timer_node_t *nodes, size_t n) {
  saros_timer_node_t a = nodes[0], b = nodes[n / 2], c = nodes[n - 1];
  if (before(heap, b, a)) {
    saros_timer_node_t t = a;
    a = b;
    b = t;
  }
  if (before(heap, c, a)) return a;
  return before(heap, c, b) ? c : b;
}

/* Quicksort, with heapsort where it degenerates; the comparison is inlined, which qsort cannot. */
static void sort(const saros_timer_heap_t *heap, saros_timer_node_t *nodes, size_t n, int depth) {
  while (n > INSERTION_SORT_BELOW) {
    if (depth-- == 0) {
      heap_sort(heap, nodes, n);
      return;
    }
    saros_timer_node_t pivot = median_of_three(heap, nodes, n);
    size_t i = 0, j = n - 1;
    for (;;) {
      while (before(heap, nodes[i], pivot)) i++;
      while (before(heap, pivot, nodes[j])) j--;
      if (i >= j) break;
      saros_timer_node_t t = nodes[i];
      nodes[i++] = nodes[j];
      nodes[j--] = t;
    }
    size_t left = i;
    sort(heap, nodes, left, depth);
    nodes += left;
    n -= left;
  }
  insertion_sort(heap, nodes, n);
}

/* Moves the due nodes to the end of the array, sorts them there, and makes a heap of the rest. */
static void take_many(saros_timer_heap_t *heap, double now, saros_timer_due_fn due, void *context) {
  size_t kept = 0, total = heap->count;
  for (size_t i = 0; i < total; i++) {
    saros_timer_node_t node = heap->nodes[i];
    if (node.when <= now) continue;
    heap->nodes[i] = heap->nodes[kept];
    heap->nodes[kept++] = node;
  }
  heap->count = kept;
  for (size_t i = 0; i < kept; i++) heap->slots[heap->nodes[i].slot].index = (uint32_t)i;
  for (size_t i = kept / ARITY + 1; i-- > 0;) {
    if (i < kept) sift_down(heap, i, heap->nodes[i]);
  }
  saros_timer_node_t *list = heap->nodes + kept;
  int depth = 2;
  for (size_t n = total - kept; n > 1; n /= 2) depth += 2;
  sort(heap, list, total - kept, depth);
  for (size_t i = 0; i < total - kept; i++) due(context, list[i].slot, list[i].generation);
}

void saros_timer_heap_take_due(saros_timer_heap_t *heap, double now, saros_timer_due_fn due,
                               void *context) {
  if (heap->count == 0 || heap->nodes[0].when > now) return;
  /* Popping costs a walk down the heap each; from a sixteenth of the heap on, one pass is cheaper. */
  size_t many = heap->count / 16 > BULK_FROM ? heap->count / 16 : BULK_FROM;
  if (saros_timer_heap_count_due(heap, now, many) == many) {
    take_many(heap, now, due, context);
    return;
  }
  while (heap->count > 0 && heap->nodes[0].when <= now) {
    saros_timer_node_t node = heap->nodes[0];
    remove_node(heap, 0);
    due(context, node.slot, node.generation);
  }
}
