#include "thread/message.h"

#include <stdlib.h>

enum { LARGE = 4096 };

void saros__message_init(saros_message_t *message) {
  message->bytes = message->inside;
  message->size = 0;
  message->capacity = sizeof message->inside;
  message->shared = message->shared_inside;
  message->shared_count = 0;
  message->shared_capacity = SAROS_MESSAGE_SHARED_INSIDE;
}

void saros__message_clear(saros_message_t *message) {
  for (uint32_t i = 0; i < message->shared_count; i++) saros__shared_unref(message->shared[i]);
  if (message->shared != message->shared_inside) free(message->shared);
  if (message->bytes != message->inside) free(message->bytes);
  saros__message_init(message);
}

saros_message_t *saros__message_new(void) {
  saros_message_t *message = malloc(sizeof *message);
  if (message) saros__message_init(message);
  return message;
}

void saros__message_free(saros_message_t *message) {
  if (!message) return;
  saros__message_clear(message);
  free(message);
}

/* ---- writing ---- */

bool saros__message_grow(saros_message_t *message, size_t more) {
  size_t capacity = message->capacity;
  while (capacity - message->size < more) {
    if (capacity > SIZE_MAX / 2) return false;
    capacity *= 2;
  }
  /* What is large comes last, as a rule: no room for more of the same. */
  if (more > capacity / 2 && message->size + more > LARGE) capacity = message->size + more + SAROS_MESSAGE_INSIDE;
  bool is_inside = message->bytes == message->inside;
  char *bytes = realloc(is_inside ? NULL : message->bytes, capacity);
  if (!bytes) return false;
  if (is_inside) memcpy(bytes, message->inside, message->size);
  message->bytes = bytes;
  message->capacity = capacity;
  return true;
}

/* Seven bits a byte, the lowest first; the highest bit says that more follow. */
bool saros__message_put_size(saros_message_t *message, uint64_t number) {
  if (number < 0x80) return saros__message_put_byte(message, (uint8_t)number);
  uint8_t bytes[10];
  size_t size = 0;
  for (; number >= 0x80; number >>= 7) bytes[size++] = (uint8_t)(number | 0x80);
  bytes[size++] = (uint8_t)number;
  return saros__message_put(message, bytes, size);
}

/* Makes room for one more object. */
static bool grow_shared(saros_message_t *message) {
  uint32_t capacity = message->shared_capacity * 4;
  bool is_inside = message->shared == message->shared_inside;
  saros_shared_t **grown = realloc(is_inside ? NULL : message->shared, capacity * sizeof *grown);
  if (!grown) return false;
  if (is_inside) memcpy(grown, message->shared_inside, sizeof message->shared_inside);
  message->shared = grown;
  message->shared_capacity = capacity;
  return true;
}

static bool add_shared(saros_message_t *message, saros_shared_t *shared, uint32_t *stock, uint32_t *number) {
  if (message->shared_count == message->shared_capacity && !grow_shared(message)) return false;
  if (stock) {
    saros__shared_take(shared, stock);
  } else {
    saros__shared_ref(shared);
  }
  *number = message->shared_count++;
  message->shared[*number] = shared;
  return true;
}

bool saros__message_add_shared(saros_message_t *message, saros_shared_t *shared, uint32_t *number) {
  return add_shared(message, shared, NULL, number);
}

bool saros__message_add_from(saros_message_t *message, saros_shared_object_t *object, uint32_t *number) {
  return add_shared(message, object->shared, &object->stock, number);
}

/* ---- reading ---- */

uint64_t saros__message_get_size(saros_message_reader_t *reader) {
  uint64_t number = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = saros__message_get_byte(reader);
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
}
