#include "structures/ready.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, KEPT_CAPACITY = 1 << 16 };

void saros_ready_init(saros_ready_t *ready) {
  *ready = (saros_ready_t){0};
}

void saros_ready_free(saros_ready_t *ready) {
  free(ready->incoming.items);
  free(ready->current.items);
  saros_ready_init(ready);
}

static bool grow(saros_entries_t *entries, size_t n) {
  size_t capacity = entries->capacity ? entries->capacity : FIRST_CAPACITY;
  while (capacity < entries->count + n) capacity *= 2;
  saros_entry_t *items = realloc(entries->items, capacity * sizeof *items);
  if (!items) return false;
  entries->items = items;
  entries->capacity = capacity;
  return true;
}

bool saros_ready_grow(saros_ready_t *ready, size_t n) {
  return grow(&ready->incoming, n);
}

static bool append_incoming(saros_ready_t *ready) {
  saros_entries_t *in = &ready->incoming, *current = &ready->current;
  if (in->count == 0) return true;
  if (current->capacity - current->count < in->count && !grow(current, in->count)) return false;
  memcpy(current->items + current->count, in->items, in->count * sizeof *in->items);
  current->count += in->count;
  in->first += in->count;
  in->count = 0;
  return true;
}

bool saros_ready_begin(saros_ready_t *ready) {
  if (saros_ready_interrupted(ready)) return append_incoming(ready);
  saros_entries_t drained = ready->current;
  ready->current = ready->incoming;
  ready->position = 0;
  if (drained.capacity > KEPT_CAPACITY) { /* a burst: give its memory back */
    free(drained.items);
    drained.items = NULL;
    drained.capacity = 0;
  }
  drained.count = 0;
  drained.first = ready->current.first + ready->current.count;
  ready->incoming = drained;
  return true;
}

saros_entry_t *saros_ready_find(saros_ready_t *ready, uint64_t sequence) {
  saros_entries_t *in = &ready->incoming, *current = &ready->current;
  if (sequence >= in->first) {
    uint64_t index = sequence - in->first;
    return index < in->count ? &in->items[index] : NULL;
  }
  if (sequence < current->first) return NULL;
  uint64_t index = sequence - current->first;
  return index >= ready->position && index < current->count ? &current->items[index] : NULL;
}
