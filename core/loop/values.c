#include "loop/values.h"

#include <lauxlib.h>
#include <stdlib.h>

enum { CHUNK_SLOTS = 1 << 16 };

void saros__values_init(saros_values_t *values) {
  *values = (saros_values_t){.filling = SAROS_NO_CHUNK};
}

void saros__values_free(saros_values_t *values) {
  free(values->chunks);
  saros__values_init(values);
}

/* Makes one more chunk, whose thread goes into the table at `slot` of the anchor. */
static bool add_chunk(lua_State *L, saros_values_t *values, lua_State *anchor, int slot) {
  if (values->count == SAROS_MAX_CHUNKS) return false;
  luaL_checkstack(L, 4, NULL);
  lua_pushvalue(anchor, slot);
  lua_xmove(anchor, L, 1);
  lua_State *stack = lua_newthread(L);
  lua_rawseti(L, -2, (lua_Integer)values->count + 1);
  lua_pop(L, 1);
  saros_chunk_t *chunks = realloc(values->chunks, (values->count + 1) * sizeof *chunks);
  if (!chunks) return false;
  values->chunks = chunks;
  chunks[values->count++] = (saros_chunk_t){stack, SAROS_CHUNK_FREE};
  return true;
}

static uint32_t find_free(const saros_values_t *values) {
  for (uint32_t i = 0; i < values->count; i++) {
    if (values->chunks[i].state == SAROS_CHUNK_FREE) return i;
  }
  return SAROS_NO_CHUNK;
}

lua_State *saros__values_grow(lua_State *L, saros_values_t *values, lua_State *anchor, int slot,
                              int n) {
  uint32_t filling = values->filling;
  if (filling == SAROS_NO_CHUNK || lua_gettop(values->chunks[filling].stack) + n > CHUNK_SLOTS) {
    filling = find_free(values);
    if (filling == SAROS_NO_CHUNK) {
      if (!add_chunk(L, values, anchor, slot)) return NULL;
      /* Making the thread may have run finalizers that scheduled something: look again. */
      filling = find_free(values);
      if (filling == SAROS_NO_CHUNK) return NULL;
    }
  }
  saros_chunk_t *chunk = &values->chunks[filling];
  if (!lua_checkstack(chunk->stack, n + 1)) return NULL;
  chunk->state = SAROS_CHUNK_INCOMING;
  values->filling = filling;
  return chunk->stack;
}

void saros__values_swap(saros_values_t *values) {
  for (uint32_t i = 0; i < values->count; i++) {
    if (values->chunks[i].state == SAROS_CHUNK_INCOMING) {
      values->chunks[i].state = SAROS_CHUNK_CURRENT;
    }
  }
  values->filling = SAROS_NO_CHUNK;
}

void saros__values_drained(saros_values_t *values) {
  for (uint32_t i = 0; i < values->count; i++) {
    if (values->chunks[i].state == SAROS_CHUNK_CURRENT) {
      lua_settop(values->chunks[i].stack, 0);
      values->chunks[i].state = SAROS_CHUNK_FREE;
    }
  }
}
