#include "thread/message.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 240, FIRST_SHARED = 4 };

saros_message_t *saros__message_new(void) {
  return calloc(1, sizeof(saros_message_t));
}

void saros__message_clear(saros_message_t *message) {
  for (uint32_t i = 0; i < message->shared_count; i++) saros__shared_unref(message->shared[i]);
  free(message->shared);
  free(message->bytes);
  *message = (saros_message_t){0};
}

void saros__message_free(saros_message_t *message) {
  if (!message) return;
  saros__message_clear(message);
  free(message);
}

/* ---- writing ---- */

static bool grow(saros_message_t *message, size_t more) {
  size_t capacity = message->capacity ? message->capacity : FIRST_CAPACITY;
  while (capacity - message->size < more) {
    if (capacity > SIZE_MAX / 2) return false;
    capacity *= 2;
  }
  /* What is large comes last, as a rule: no room for more of the same. */
  if (more > capacity / 2 && message->size + more > 4096) capacity = message->size + more + FIRST_CAPACITY;
  char *bytes = realloc(message->bytes, capacity);
  if (!bytes) return false;
  message->bytes = bytes;
  message->capacity = capacity;
  return true;
}

bool saros__message_put(saros_message_t *message, const void *bytes, size_t size) {
  if (message->capacity - message->size < size && !grow(message, size)) return false;
  if (size > 0) memcpy(message->bytes + message->size, bytes, size);
  message->size += size;
  return true;
}

bool saros__message_put_byte(saros_message_t *message, uint8_t byte) {
  return saros__message_put(message, &byte, 1);
}

/* Seven bits a byte, the lowest first; the highest bit says that more follow. */
bool saros__message_put_size(saros_message_t *message, uint64_t number) {
  uint8_t bytes[10];
  size_t size = 0;
  for (; number >= 0x80; number >>= 7) bytes[size++] = (uint8_t)(number | 0x80);
  bytes[size++] = (uint8_t)number;
  return saros__message_put(message, bytes, size);
}

bool saros__message_put_shared(saros_message_t *message, saros_shared_t *shared) {
  if (message->shared_count == message->shared_capacity) {
    uint32_t capacity = message->shared_capacity ? message->shared_capacity * 2 : FIRST_SHARED;
    saros_shared_t **grown = realloc(message->shared, capacity * sizeof *grown);
    if (!grown) return false;
    message->shared = grown;
    message->shared_capacity = capacity;
  }
  saros__shared_ref(shared);
  message->shared[message->shared_count++] = shared;
  return saros__message_put_size(message, message->shared_count - 1);
}

/* ---- reading ---- */

const char *saros__message_get(saros_message_reader_t *reader, size_t size) {
  const char *bytes = reader->message->bytes + reader->position;
  reader->position += size;
  return bytes;
}

uint8_t saros__message_get_byte(saros_message_reader_t *reader) {
  return (uint8_t)reader->message->bytes[reader->position++];
}

uint64_t saros__message_get_size(saros_message_reader_t *reader) {
  uint64_t number = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = saros__message_get_byte(reader);
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
}
