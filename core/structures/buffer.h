/* buffer.h: a byte queue in one piece of memory.
 *
 * Bytes are appended at the end and consumed at the start. The contents stay
 * contiguous, so they can be searched and handed to a system call as they are;
 * moving them to the front is paid for by what was consumed before. An empty
 * buffer holds no memory.
 *
 * Threads: whoever owns the buffer.
 */
#ifndef SAROS_STRUCTURES_BUFFER_H
#define SAROS_STRUCTURES_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct saros_buffer {
  char *memory;
  size_t start;
  size_t end;
  size_t capacity;
} saros_buffer_t;

static inline size_t saros_buffer_size(const saros_buffer_t *buffer) {
  return buffer->end - buffer->start;
}

static inline char *saros_buffer_data(const saros_buffer_t *buffer) {
  return buffer->memory + buffer->start;
}

void saros_buffer_init(saros_buffer_t *buffer);
void saros_buffer_free(saros_buffer_t *buffer);

/* Makes room for `n` more bytes at the end; false when out of memory, and then nothing changed. */
bool saros_buffer_reserve(saros_buffer_t *buffer, size_t n);

/* Appends `n` bytes; false when out of memory, and then nothing changed. */
bool saros_buffer_append(saros_buffer_t *buffer, const char *bytes, size_t n);

/* Drops the first `n` bytes. */
void saros_buffer_consume(saros_buffer_t *buffer, size_t n);

#endif
