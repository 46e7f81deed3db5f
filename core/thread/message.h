/* message.h: values on their way from one Lua state to another.
 *
 * A message is a block of memory that belongs to no state: bytes, and references
 * to what threads share. Whoever holds it owns it, on whatever thread; exactly
 * one thread uses it at a time, but several may read one that nobody changes.
 * Freeing it drops the references. Short messages have their bytes inside.
 *
 * Reading trusts the bytes: they come from saros__pack in this process or in one
 * that it started, and from nowhere else.
 */
#ifndef SAROS_THREAD_MESSAGE_H
#define SAROS_THREAD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "thread/shared.h"

enum { SAROS_MESSAGE_INSIDE = 64, SAROS_MESSAGE_SHARED_INSIDE = 1 };

typedef struct saros_message {
  char *bytes; /* `inside`, or a block of their own */
  size_t size, capacity;
  saros_shared_t **shared; /* one reference each; `shared_inside`, or a block */
  uint32_t shared_count, shared_capacity;
  saros_shared_t *shared_inside[SAROS_MESSAGE_SHARED_INSIDE];
  char inside[SAROS_MESSAGE_INSIDE];
} saros_message_t;

/* One that is part of something else, and must stay where it is. Clearing empties it for further use. */
void saros__message_init(saros_message_t *message);
void saros__message_clear(saros_message_t *message);

/* NULL when out of memory. */
saros_message_t *saros__message_new(void);
void saros__message_free(saros_message_t *message);

/* Makes room for so many bytes more; false when out of memory. */
bool saros__message_grow(saros_message_t *message, size_t more);

/* Appending; false when out of memory, and then the message is of no use any more. */
static inline bool saros__message_put(saros_message_t *message, const void *bytes, size_t size) {
  if (message->capacity - message->size < size && !saros__message_grow(message, size)) return false;
  if (size > 0) memcpy(message->bytes + message->size, bytes, size);
  message->size += size;
  return true;
}
static inline bool saros__message_put_byte(saros_message_t *message, uint8_t byte) {
  if (message->capacity == message->size && !saros__message_grow(message, 1)) return false;
  message->bytes[message->size++] = (char)byte;
  return true;
}
bool saros__message_put_size(saros_message_t *message, uint64_t number); /* small ones are short */
/* Carries an object, of which it takes a reference of its own, under a number. The second one takes it of a stock. */
bool saros__message_add_shared(saros_message_t *message, saros_shared_t *shared, uint32_t *number);
bool saros__message_add_from(saros_message_t *message, saros_shared_object_t *object, uint32_t *number);

typedef struct saros_message_reader {
  const saros_message_t *message;
  size_t position;
} saros_message_reader_t;

/* The next byte, which stays the next one. */
static inline const char *saros__message_peek(const saros_message_reader_t *reader) {
  return reader->message->bytes + reader->position;
}
static inline const char *saros__message_get(saros_message_reader_t *reader, size_t size) {
  const char *bytes = saros__message_peek(reader);
  reader->position += size;
  return bytes;
}
static inline uint8_t saros__message_get_byte(saros_message_reader_t *reader) {
  return (uint8_t)reader->message->bytes[reader->position++];
}
uint64_t saros__message_get_size(saros_message_reader_t *reader);

#endif
