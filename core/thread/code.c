#include "thread/code.h"

#include <stdlib.h>
#include <string.h>

#include "thread/message.h"
#include "thread/slots.h"

static void destroy(saros_shared_t *shared) {
  free(shared);
}

static const saros_shared_class_t class = {"Code", SAROS_SLOT_CODE_CLASS, destroy, NULL};

saros_shared_object_t *saros__code_known(lua_State *L, saros_runtime_t *rt, int index) {
  saros__push_slot(L, rt, SAROS_SLOT_CODE);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  saros_shared_object_t *object = lua_touserdata(L, -1);
  lua_pop(L, 2);
  return object && object->shared ? object : NULL; /* finalizers may see one whose own has run */
}

static int append(lua_State *L, const void *bytes, size_t size, void *message) {
  (void)L;
  return !saros__message_put(message, bytes, size);
}

/* A copy of the message's bytes, or NULL. */
static saros_code_t *new_code(saros_runtime_t *rt, const saros_message_t *message) {
  saros_code_t *code = malloc(sizeof *code + message->size);
  if (!code) return NULL;
  saros__shared_init(&code->shared, &class);
  code->id = (saros_code_id_t){rt->origin, ++rt->last_code};
  code->size = message->size;
  memcpy(code->bytes, message->bytes, message->size);
  return code;
}

static saros_code_t *dump(lua_State *L, saros_runtime_t *rt, int index) {
  saros_message_t message;
  saros__message_init(&message);
  lua_pushvalue(L, index);
  bool ok = lua_dump(L, append, &message, 0) == 0; /* raises nothing but what the writer does */
  lua_pop(L, 1);
  saros_code_t *code = ok ? new_code(rt, &message) : NULL;
  saros__message_clear(&message);
  return code;
}

saros_shared_object_t *saros__code_of(lua_State *L, saros_runtime_t *rt, int index) {
  luaL_checkstack(L, 8, NULL);
  saros_shared_object_t *known = saros__code_known(L, rt, index);
  if (known) return known;
  saros_code_t *code = dump(L, rt, index);
  if (!code) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  saros__shared_push_new(L, rt, &code->shared);
  saros__push_slot(L, rt, SAROS_SLOT_CODE);
  lua_pushvalue(L, index);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  saros_shared_object_t *object = lua_touserdata(L, -2);
  lua_pop(L, 2);
  return object;
}

void saros__code_open(lua_State *L, saros_runtime_t *rt) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  saros__shared_class_open(L, rt, &class, none, NULL);
}
