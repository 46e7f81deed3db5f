#include "structures/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

void saros_buffer_init(saros_buffer_t *buffer) {
  *buffer = (saros_buffer_t){0};
}

void saros_buffer_free(saros_buffer_t *buffer) {
  free(buffer->memory);
  saros_buffer_init(buffer);
}

bool saros_buffer_reserve(saros_buffer_t *buffer, size_t n) {
  if (buffer->capacity - buffer->end >= n) return true;
  size_t size = saros_buffer_size(buffer);
  if (n > (size_t)-1 / 4 - size) return false;
  /* Only a half-empty buffer is moved to the front, so each byte moves at most once on average. */
  if (buffer->start >= size && buffer->capacity - size >= n) {
    memmove(buffer->memory, saros_buffer_data(buffer), size);
  } else {
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < size + n) capacity *= 2;
    char *memory = malloc(capacity);
    if (!memory) return false;
    if (size) memcpy(memory, saros_buffer_data(buffer), size);
    free(buffer->memory);
    buffer->memory = memory;
    buffer->capacity = capacity;
  }
  buffer->start = 0;
  buffer->end = size;
  return true;
}

bool saros_buffer_append(saros_buffer_t *buffer, const char *bytes, size_t n) {
  if (n == 0) return true;
  if (!saros_buffer_reserve(buffer, n)) return false;
  memcpy(buffer->memory + buffer->end, bytes, n);
  buffer->end += n;
  return true;
}

void saros_buffer_consume(saros_buffer_t *buffer, size_t n) {
  buffer->start += n;
  if (buffer->start == buffer->end) saros_buffer_free(buffer);
}
