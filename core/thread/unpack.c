#include <string.h>

#include "loop/errors.h"
#include "thread/code.h"
#include "thread/loan.h"
#include "thread/pack_plain.h"
#include "thread/tags.h"
#include "thread/transfer.h"

/* How unpacking is going. */
typedef struct saros_unpacker {
  saros_runtime_t *rt;
  const saros_message_t *message;
  saros_message_reader_t body, head;
  uint32_t objects;
  uint32_t upvalues;
  int base; /* stack: the tables below */
} saros_unpacker_t;

/* Tables, above the base: the objects by number; who has an upvalue first: function, and its place in it; the
 * metatables to set, by number; the functions that were made before. */
enum { OBJECTS, OWNERS, METATABLES, KEPT, TABLES };

static void get_string(saros_message_reader_t *reader, const char **bytes, size_t *size) {
  *size = saros__message_get_size(reader);
  *bytes = saros__message_get(reader, *size);
}

static void push_string(lua_State *L, saros_message_reader_t *reader) {
  const char *bytes;
  size_t size;
  get_string(reader, &bytes, &size);
  lua_pushlstring(L, bytes, size);
}

/* ---- heads: making objects ---- */

/* The bytecode in a head. */
typedef struct saros_bytecode {
  const void *id;
  const char *bytes;
  size_t size;
  bool is_kept; /* it has no upvalues but the globals */
} saros_bytecode_t;

/* Reads a head of a function after its first byte. */
static saros_bytecode_t read_bytecode(const saros_message_t *message, saros_message_reader_t *head, int type) {
  saros_bytecode_t code;
  code.is_kept = saros__message_get_byte(head);
  if (type == SAROS_HEAD_CODE) {
    const saros_code_t *shared = (saros_code_t *)message->shared[saros__message_get_size(head)];
    code.id = &shared->id;
    code.bytes = shared->bytes;
    code.size = shared->size;
  } else {
    code.id = saros__message_get(head, sizeof(saros_code_id_t));
    get_string(head, &code.bytes, &code.size);
  }
  return code;
}

static const char *read_code(lua_State *L, void *context, size_t *size) {
  saros_bytecode_t *code = context;
  (void)L;
  *size = code->size;
  code->size = 0;
  return *size > 0 ? code->bytes : NULL;
}

/* Pushes a new function with nothing in its upvalues. */
static void load_function(lua_State *L, saros_unpacker_t *u, saros_bytecode_t *code) {
  if (lua_load(L, read_code, code, "=?", "b") != LUA_OK) {
    saros__raise(L, u->rt, "TransferError", "a function cannot be loaded: %s", luaL_tolstring(L, -1, NULL));
  }
}

/* How many functions a state keeps for further calls. A program that makes new functions all the time has new
 * bytecode all the time. */
enum { MAX_LOADED = 512 };

/* Remembers the function on top by the id below it; both stay. */
static void keep_function(lua_State *L, saros_runtime_t *rt) {
  if (rt->loaded == MAX_LOADED) {
    lua_newtable(L);
    saros__store_slot(L, rt, SAROS_SLOT_LOADED);
    rt->loaded = 0;
  }
  saros__push_slot(L, rt, SAROS_SLOT_LOADED);
  lua_pushvalue(L, -3);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  rt->loaded++;
}

/* Pushes the function that the state has of this id, or nothing: false. A call may have given it another environment,
 * as sandboxes do; then it is not what has travelled any more. */
static bool push_loaded(lua_State *L, saros_runtime_t *rt, const void *id) {
  saros__push_slot(L, rt, SAROS_SLOT_LOADED);
  lua_pushlstring(L, id, sizeof(saros_code_id_t));
  bool known = lua_rawget(L, -2) == LUA_TFUNCTION && saros__sees_globals_alone(L, lua_gettop(L));
  lua_remove(L, -2);
  if (!known) lua_pop(L, 1);
  return known;
}

/* Pushes the function of the head; true if its upvalues are filled already. */
static bool make_function(lua_State *L, saros_unpacker_t *u, int type) {
  saros_bytecode_t code = read_bytecode(u->message, &u->head, type);
  if (!code.is_kept) {
    load_function(L, u, &code);
    return false;
  }
  if (push_loaded(L, u->rt, code.id)) return true;
  lua_pushlstring(L, code.id, sizeof(saros_code_id_t));
  load_function(L, u, &code);
  keep_function(L, u->rt);
  lua_remove(L, -2); /* the id */
  return false;
}

static void make_named(lua_State *L, saros_unpacker_t *u) {
  push_string(L, &u->head);
  bool is_field = saros__message_get_byte(&u->head);
  if (is_field) push_string(L, &u->head);
  int top = lua_gettop(L);
  saros__names_push(L, u->rt, lua_tostring(L, is_field ? top - 1 : top), is_field ? lua_tostring(L, top) : NULL);
  lua_replace(L, is_field ? top - 1 : top);
  if (is_field) lua_pop(L, 1);
}

/* Pushes the kind of the head; true if this state has it already. */
static bool make_kind(lua_State *L, saros_unpacker_t *u) {
  const char *id, *name;
  size_t id_size, name_size;
  get_string(&u->head, &id, &id_size);
  get_string(&u->head, &name, &name_size);
  uint32_t base = (uint32_t)saros__message_get_size(&u->head);
  if (saros__kind_find(L, u->rt, id, id_size)) return true;
  lua_pushlstring(L, name, name_size);
  lua_rawgeti(L, u->base + OBJECTS, base);
  saros__kind_make(L, u->rt, id, id_size, lua_tostring(L, -2));
  lua_remove(L, -2);
  return false;
}

static void make_objects(lua_State *L, saros_unpacker_t *u) {
  for (uint32_t number = 1; number <= u->objects; number++) {
    bool is_kept = false;
    int type = saros__message_get_byte(&u->head);
    switch (type) {
      case SAROS_HEAD_TABLE: {
        uint64_t length = saros__message_get_size(&u->head);
        lua_createtable(L, length < INT32_MAX ? (int)length : 0, 0);
        break;
      }
      case SAROS_HEAD_CODE:
      case SAROS_HEAD_FUNCTION: is_kept = make_function(L, u, type); break;
      case SAROS_HEAD_NAMED:
        make_named(L, u);
        lua_pushliteral(L, "named");
        lua_rawseti(L, u->base + KEPT, number);
        break;
      default: is_kept = make_kind(L, u);
    }
    if (is_kept) {
      lua_pushboolean(L, 1);
      lua_rawseti(L, u->base + KEPT, number);
    }
    lua_rawseti(L, u->base + OBJECTS, number);
  }
}

/* ---- values ---- */

/* Pushes the next value; false, and nothing, at the end of a table's pairs. */
static bool push_value(lua_State *L, saros_unpacker_t *u) {
  lua_Integer integer;
  lua_Number number;
  switch (saros__message_get_byte(&u->body)) {
    case SAROS_TAG_END: return false;
    case SAROS_TAG_NIL: lua_pushnil(L); break;
    case SAROS_TAG_FALSE: lua_pushboolean(L, 0); break;
    case SAROS_TAG_TRUE: lua_pushboolean(L, 1); break;
    case SAROS_TAG_INTEGER:
      memcpy(&integer, saros__message_get(&u->body, sizeof integer), sizeof integer);
      lua_pushinteger(L, integer);
      break;
    case SAROS_TAG_FLOAT:
      memcpy(&number, saros__message_get(&u->body, sizeof number), sizeof number);
      lua_pushnumber(L, number);
      break;
    case SAROS_TAG_STRING: push_string(L, &u->body); break;
    case SAROS_TAG_OBJECT:
      lua_rawgeti(L, u->base + OBJECTS, (lua_Integer)saros__message_get_size(&u->body));
      break;
    case SAROS_TAG_SHARED:
      saros__shared_push(L, u->rt, u->message->shared[saros__message_get_size(&u->body)]);
      break;
    case SAROS_TAG_LOAN:
      saros__loan_push(L, u->rt, u->message->shared[saros__message_get_size(&u->body)]);
      break;
    default: lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  }
  return true;
}

/* ---- bodies: filling objects; the object is on top ---- */

static void fill_pairs(lua_State *L, saros_unpacker_t *u, bool drop) {
  int table = lua_gettop(L);
  while (push_value(L, u)) {
    push_value(L, u);
    if (drop) {
      lua_settop(L, table);
    } else {
      lua_rawset(L, table);
    }
  }
}

static void fill_table(lua_State *L, saros_unpacker_t *u, uint32_t number) {
  lua_Integer length = (lua_Integer)saros__message_get_size(&u->body);
  for (lua_Integer i = 1; i <= length; i++) {
    push_value(L, u);
    lua_rawseti(L, -2, i);
  }
  fill_pairs(L, u, false);
  push_value(L, u);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
  } else {
    lua_rawseti(L, u->base + METATABLES, number);
  }
}

/* An upvalue that an earlier function has as well: joins both. */
static void join_upvalue(lua_State *L, saros_unpacker_t *u, int i) {
  uint32_t upvalue = (uint32_t)saros__message_get_size(&u->body);
  lua_rawgeti(L, u->base + OWNERS, 2 * (lua_Integer)upvalue - 1);
  lua_rawgeti(L, u->base + OWNERS, 2 * (lua_Integer)upvalue);
  lua_upvaluejoin(L, -3, i, -2, (int)lua_tointeger(L, -1));
  lua_pop(L, 2);
}

static void own_upvalue(lua_State *L, saros_unpacker_t *u, int i) {
  lua_Integer upvalue = ++u->upvalues;
  lua_pushvalue(L, -1);
  lua_rawseti(L, u->base + OWNERS, 2 * upvalue - 1);
  lua_pushinteger(L, i);
  lua_rawseti(L, u->base + OWNERS, 2 * upvalue);
}

/* A function that was loaded before has its upvalues: they are the globals. */
static void fill_function(lua_State *L, saros_unpacker_t *u, bool is_kept) {
  lua_Debug ar;
  lua_pushvalue(L, -1);
  lua_getinfo(L, ">u", &ar);
  for (int i = 1; i <= ar.nups; i++) {
    if (saros__message_get_byte(&u->body) == SAROS_UPVALUE_SEEN) {
      if (is_kept) {
        saros__message_get_size(&u->body);
      } else {
        join_upvalue(L, u, i);
      }
      continue;
    }
    own_upvalue(L, u, i);
    push_value(L, u);
    if (is_kept) {
      lua_pop(L, 1);
    } else {
      lua_setupvalue(L, -2, i);
    }
  }
}

static void fill_object(lua_State *L, saros_unpacker_t *u, uint32_t number) {
  lua_rawgeti(L, u->base + KEPT, number);
  int kept = lua_type(L, -1);
  lua_rawgeti(L, u->base + OBJECTS, number);
  if (kept == LUA_TSTRING) {
    /* what has a name is complete */
  } else if (lua_type(L, -1) == LUA_TFUNCTION) {
    fill_function(L, u, kept == LUA_TBOOLEAN);
  } else if (saros__kind_test(L, -1)) {
    fill_pairs(L, u, kept == LUA_TBOOLEAN);
  } else {
    fill_table(L, u, number);
  }
  lua_pop(L, 2);
}

/* When the metatables are complete: one with a finalizer counts from here on. */
static void set_metatables(lua_State *L, saros_unpacker_t *u) {
  lua_pushnil(L);
  while (lua_next(L, u->base + METATABLES)) {
    lua_rawgeti(L, u->base + OBJECTS, lua_tointeger(L, -2));
    lua_insert(L, -2);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
  }
}

/* ---- the whole ---- */

static void read_footer(saros_unpacker_t *u) {
  uint64_t footer[2];
  memcpy(footer, u->message->bytes + u->message->size - sizeof footer, sizeof footer);
  u->objects = (uint32_t)footer[0];
  u->body = (saros_message_reader_t){u->message, 0};
  u->head = (saros_message_reader_t){u->message, footer[1]};
}

bool saros__message_is_plain(const saros_message_t *message) {
  saros_unpacker_t u = {.message = message};
  read_footer(&u);
  return u.objects == 0;
}

bool saros__message_is_bare(const saros_message_t *message) {
  saros_message_reader_t reader = {message, 0};
  uint64_t n = saros__message_get_size(&reader);
  return n == 0 || (n == 1 && saros__message_get_byte(&reader) <= SAROS_TAG_FLOAT);
}

/* The one object is a function that this state has already: true, and the values are pushed. */
static bool unpack_known(lua_State *L, saros_unpacker_t *u, int n) {
  saros_message_reader_t head = u->head;
  int type = saros__message_get_byte(&head);
  if (type != SAROS_HEAD_CODE && type != SAROS_HEAD_FUNCTION) return false;
  saros_bytecode_t code = read_bytecode(u->message, &head, type);
  if (!code.is_kept || !push_loaded(L, u->rt, code.id)) return false;
  int function = lua_gettop(L);
  for (int i = 0; i < n; i++) {
    if (*saros__message_peek(&u->body) == SAROS_TAG_OBJECT) {
      saros__message_get_byte(&u->body);
      saros__message_get_size(&u->body);
      lua_pushvalue(L, function);
    } else {
      push_value(L, u);
    }
  }
  lua_remove(L, function);
  return true;
}

int saros__unpack(lua_State *L, saros_runtime_t *rt, const saros_message_t *message) {
  saros_unpacker_t u = {.rt = rt, .message = message};
  read_footer(&u);
  int n = (int)saros__message_get_size(&u.body);
  luaL_checkstack(L, n + TABLES + LUA_MINSTACK, "too many values");
  u.base = lua_gettop(L) + 1;
  if (u.objects == 0) {
    for (int i = 0; i < n; i++) push_value(L, &u);
    return n;
  }
  if (u.objects == 1 && unpack_known(L, &u, n)) return n;
  for (int i = 0; i < TABLES; i++) lua_newtable(L);
  make_objects(L, &u);
  for (int i = 0; i < n; i++) push_value(L, &u);
  for (uint32_t number = 1; number <= u.objects; number++) fill_object(L, &u, number);
  set_metatables(L, &u);
  lua_rotate(L, u.base, n); /* the values below the tables */
  lua_settop(L, u.base + n - 1);
  return n;
}
