#include <string.h>

#include "loop/errors.h"
#include "thread/code.h"
#include "thread/loan.h"
#include "thread/pack_plain.h"
#include "thread/tags.h"
#include "thread/transfer.h"

/* How packing is going. When a value cannot travel it is done once more, keeping track of who refers to whom, to
 * tell the path to it. */
typedef struct saros_packer {
  saros_runtime_t *rt;
  saros_message_t *message; /* roots and bodies */
  saros_message_t heads;
  saros_message_t kinds;    /* the head of each object, one byte each */
  int mode;
  bool tracing;
  bool refreshed;    /* the names of modules are known */
  uint32_t objects;  /* how many there are */
  uint32_t upvalues; /* how many different ones */
  uint32_t owner;    /* the object whose body is being written; 0: a root */
} saros_packer_t;

/* The stack of pack_protected. */
enum {
  PACKER = 1,
  SEEN,   /* table: object, or identity of an upvalue -> its number */
  QUEUE,  /* list of the objects */
  OWNERS, /* when tracing, list of who refers to each object first, */
  LABELS, /* and as what */
  ROOTS
};

/* See list_length. */
enum { SHORT_LIST = 4096, SAMPLES = 16 };

static void put(lua_State *L, bool ok) {
  if (!ok) luaL_error(L, "not enough memory");
}

/* ---- what cannot travel ---- */

/* Pushes how the key at `index` looks in a path. */
static void push_label(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TSTRING) {
    const char *text = lua_tostring(L, index);
    bool is_name = *text != '\0' && strspn(text, "0123456789") == 0;
    for (const char *c = text; *c; c++) {
      is_name = is_name && (*c == '_' || (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                            (*c >= 'a' && *c <= 'z'));
    }
    lua_pushfstring(L, is_name ? ".%s" : "[\"%s\"]", text);
    return;
  }
  if (lua_type(L, index) == LUA_TNUMBER || lua_type(L, index) == LUA_TBOOLEAN) {
    lua_pushfstring(L, "[%s]", luaL_tolstring(L, index, NULL));
    lua_remove(L, -2);
    return;
  }
  lua_pushfstring(L, "[%s]", luaL_typename(L, index));
}

/* Pushes the path to what `owner` refers to as the label on top, which is popped. */
static void push_path(lua_State *L, uint32_t owner) {
  int label = lua_gettop(L), parts = 1;
  luaL_checkstack(L, 8, NULL);
  lua_newtable(L); /* the labels from here to the root */
  lua_pushvalue(L, label);
  lua_rawseti(L, label + 1, parts);
  while (owner > 0) {
    lua_rawgeti(L, LABELS, owner);
    lua_rawseti(L, label + 1, ++parts);
    lua_rawgeti(L, OWNERS, owner);
    owner = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = parts; i > 0; i--) {
    lua_rawgeti(L, label + 1, i);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  lua_replace(L, label);
  lua_settop(L, label);
}

/* The value at `index`, which the owner refers to as the label at `label`, cannot travel. */
static int refuse(lua_State *L, saros_packer_t *p, int index, int label, const char *what) {
  if (!p->tracing) { /* do it again */
    lua_pushnil(L);
    return lua_error(L);
  }
  luaL_checkstack(L, 4, NULL);
  if (!what) what = luaL_typename(L, index);
  lua_pushvalue(L, label);
  push_path(L, p->owner);
  const char *path = lua_tostring(L, -1);
  if (*path == '\0') path = "the function";
  if (strncmp(path, ", ", 2) == 0) path += 2; /* an upvalue of the function itself */
  return saros__raise(L, p->rt, "TransferError", "%s: %s cannot be transferred", path, what);
}

/* ---- objects ---- */

static void put_string(lua_State *L, saros_message_t *message, int index) {
  put(L, saros__add_string(L, message, index));
}

/* Numbers the value at `index` as the next object. */
static uint32_t add_object(lua_State *L, saros_packer_t *p, int index, int label) {
  uint32_t number = ++p->objects;
  lua_pushvalue(L, index);
  lua_pushinteger(L, number);
  lua_rawset(L, SEEN);
  lua_pushvalue(L, index);
  lua_rawseti(L, QUEUE, number);
  if (p->tracing) {
    lua_pushinteger(L, p->owner);
    lua_rawseti(L, OWNERS, number);
    lua_pushvalue(L, label);
    lua_rawseti(L, LABELS, number);
  }
  return number;
}

/* Begins a head. What an object is is decided here and nowhere else: a finalizer may change everything between the head
 * and the body. */
static void begin_head(lua_State *L, saros_packer_t *p, enum saros_head head) {
  put(L, saros__message_put_byte(&p->heads, head) && saros__message_put_byte(&p->kinds, head));
}

/* The head of what a module has; false if none has it. */
static bool head_of_named(lua_State *L, saros_packer_t *p, int index) {
  if (!p->refreshed) {
    saros__names_refresh(L, p->rt);
    p->refreshed = true;
  }
  if (!saros__names_find(L, p->rt, index)) return false;
  bool is_field = !lua_isnil(L, -1);
  begin_head(L, p, SAROS_HEAD_NAMED);
  put_string(L, &p->heads, -2);
  put(L, saros__message_put_byte(&p->heads, is_field));
  if (is_field) put_string(L, &p->heads, -1);
  lua_pop(L, 2);
  return true;
}

static uint32_t number_of(lua_State *L, saros_packer_t *p, int index, int label);

/* Its base is an object before it. */
static void head_of_kind(lua_State *L, saros_packer_t *p, int index, int label) {
  lua_pushliteral(L, "saros.base");
  bool has_base = lua_rawget(L, index) == LUA_TTABLE;
  uint32_t base = has_base ? number_of(L, p, lua_gettop(L), label) : 0;
  lua_pop(L, 1);
  saros__kind_push_id(L, p->rt, index);
  begin_head(L, p, SAROS_HEAD_KIND);
  put_string(L, &p->heads, -1);
  lua_pop(L, 1);
  lua_pushliteral(L, "name");
  lua_rawget(L, index);
  put_string(L, &p->heads, -1);
  lua_pop(L, 1);
  put(L, saros__message_put_size(&p->heads, base));
}

/* A function that sees nothing but the globals is kept: it is the same for every call. */
static void head_of_function(lua_State *L, saros_packer_t *p, int index) {
  bool kept = saros__sees_globals_alone(L, index);
  saros_shared_object_t *code = saros__code_of(L, p->rt, index);
  begin_head(L, p, saros__head_of_code(p->mode));
  put(L, saros__put_function(&p->heads, p->message, code, kept, p->mode));
}

/* How many items of a table are a list, holes included. Its border tells, which may be far away: that of a table with
 * the keys 1, 2, 4 and so on is the last of them. So a long list must have most of the items at which this looks. */
static lua_Unsigned list_length(lua_State *L, int index) {
  lua_Unsigned length = lua_rawlen(L, index);
  if (length <= SHORT_LIST) return length;
  int found = 0;
  for (lua_Unsigned i = 1; i <= SAMPLES; i++) {
    if (lua_rawgeti(L, index, (lua_Integer)(i * (length / SAMPLES))) != LUA_TNIL) found++;
    lua_pop(L, 1);
  }
  return found > SAMPLES / 2 ? length : 0;
}

static void head_of_table(lua_State *L, saros_packer_t *p, int index) {
  begin_head(L, p, SAROS_HEAD_TABLE);
  put(L, saros__message_put_size(&p->heads, list_length(L, index)));
}

/* The number of the table or function at `index`, which becomes an object if it is none yet. */
static uint32_t number_of(lua_State *L, saros_packer_t *p, int index, int label) {
  luaL_checkstack(L, 12, NULL);
  lua_pushvalue(L, index);
  bool known = lua_rawget(L, SEEN) == LUA_TNUMBER;
  uint32_t number = (uint32_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (known) return number;
  bool is_table = lua_istable(L, index);
  if (is_table && saros__kind_test(L, index)) {
    head_of_kind(L, p, index, label);
  } else if ((is_table || lua_iscfunction(L, index)) && head_of_named(L, p, index)) {
    /* nothing more to say */
  } else if (is_table) {
    head_of_table(L, p, index);
  } else if (lua_iscfunction(L, index)) {
    refuse(L, p, index, label, "a C function that no loaded module has");
  } else {
    head_of_function(L, p, index);
  }
  return add_object(L, p, index, label);
}

/* ---- values ---- */

static void put_object(lua_State *L, saros_packer_t *p, int index, int label) {
  uint32_t number = number_of(L, p, index, label);
  put(L, saros__message_put_byte(p->message, SAROS_TAG_OBJECT) && saros__message_put_size(p->message, number));
}

static bool put_shared(saros_message_t *message, saros_shared_t *shared) {
  uint32_t number;
  return saros__message_add_shared(message, shared, &number) && saros__message_put_size(message, number);
}

static void put_userdata(lua_State *L, saros_packer_t *p, int index, int label) {
  saros_shared_t *shared = saros__shared_of(L, p->rt, index);
  if (!shared || p->mode & SAROS_PACK_FOR_PROCESS) refuse(L, p, index, label, NULL);
  put(L, saros__message_put_byte(p->message, SAROS_TAG_SHARED) && put_shared(p->message, shared));
}

static void put_string_value(lua_State *L, saros_packer_t *p, int index) {
  saros_shared_t *loan = saros__is_to_be_lent(L, index, p->mode) ? saros__loan_new(L, p->rt, index) : NULL;
  put(L, loan ? saros__message_put_byte(p->message, SAROS_TAG_LOAN) && put_shared(p->message, loan)
              : saros__put_plain(L, p->message, index));
}

/* Writes the value at `index`, which the owner refers to as the label at `label`. */
static void put_value(lua_State *L, saros_packer_t *p, int index, int label) {
  switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER: put(L, saros__put_plain(L, p->message, index)); break;
    case LUA_TSTRING: put_string_value(L, p, index); break;
    case LUA_TTABLE:
    case LUA_TFUNCTION: put_object(L, p, index, label); break;
    case LUA_TUSERDATA: put_userdata(L, p, index, label); break;
    case LUA_TTHREAD: refuse(L, p, index, label, "a coroutine"); break;
    default: refuse(L, p, index, label, NULL);
  }
}

/* ---- bodies ---- */

static bool is_in_list(lua_State *L, int key, lua_Unsigned length) {
  if (!lua_isinteger(L, key)) return false;
  lua_Integer i = lua_tointeger(L, key);
  return i >= 1 && (lua_Unsigned)i <= length;
}

/* Pushes the label of a key, or nil when nobody asks for it. */
static void push_label_if_tracing(lua_State *L, saros_packer_t *p, int key) {
  if (p->tracing) {
    push_label(L, key);
  } else {
    lua_pushnil(L);
  }
}

static void push_text_if_tracing(lua_State *L, saros_packer_t *p, const char *text) {
  if (p->tracing) {
    lua_pushstring(L, text);
  } else {
    lua_pushnil(L);
  }
}

static void put_list(lua_State *L, saros_packer_t *p, int table, lua_Unsigned length) {
  for (lua_Unsigned i = 1; i <= length; i++) {
    lua_pushinteger(L, (lua_Integer)i);
    push_label_if_tracing(L, p, -1);
    lua_rawgeti(L, table, (lua_Integer)i);
    put_value(L, p, table + 3, table + 2);
    lua_settop(L, table);
  }
}

static void put_pairs(lua_State *L, saros_packer_t *p, int table, lua_Unsigned length, bool is_kind) {
  lua_pushnil(L);
  while (lua_next(L, table)) {
    if (!is_in_list(L, table + 1, length) && !(is_kind && saros__kind_is_internal(L, table))) {
      push_label_if_tracing(L, p, table + 1);
      put_value(L, p, table + 1, table + 3);
      put_value(L, p, table + 2, table + 3);
    }
    lua_settop(L, table + 1);
  }
  put(L, saros__message_put_byte(p->message, SAROS_TAG_END));
}

static void put_metatable(lua_State *L, saros_packer_t *p, int table) {
  push_text_if_tracing(L, p, ".(metatable)");
  if (!lua_getmetatable(L, table)) lua_pushnil(L);
  put_value(L, p, table + 2, table + 1);
  lua_settop(L, table);
}

static void body_of_table(lua_State *L, saros_packer_t *p, int table) {
  lua_Unsigned length = list_length(L, table);
  put(L, saros__message_put_size(p->message, length));
  put_list(L, p, table, length);
  put_pairs(L, p, table, length, false);
  put_metatable(L, p, table);
}

/* The upvalue number `i` of the function is on top, its name is `name`. */
static void put_upvalue(lua_State *L, saros_packer_t *p, int function, int i, const char *name) {
  lua_pushlightuserdata(L, lua_upvalueid(L, function, i));
  lua_pushvalue(L, -1);
  if (lua_rawget(L, SEEN) == LUA_TNUMBER) {
    put(L, saros__message_put_byte(p->message, SAROS_UPVALUE_SEEN) &&
               saros__message_put_size(p->message, (uint64_t)lua_tointeger(L, -1)));
    lua_pop(L, 2);
    return;
  }
  lua_pop(L, 1);
  lua_pushinteger(L, ++p->upvalues);
  lua_rawset(L, SEEN);
  put(L, saros__message_put_byte(p->message, SAROS_UPVALUE_NEW));
  if (saros__is_globals(L, -1)) {
    put(L, saros__message_put_byte(p->message, SAROS_TAG_GLOBALS));
    return;
  }
  if (p->tracing) {
    lua_pushfstring(L, ", upvalue '%s'", *name ? name : "?");
  } else {
    lua_pushnil(L);
  }
  put_value(L, p, function + 1, function + 2);
}

static void body_of_function(lua_State *L, saros_packer_t *p, int function) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, function, i)) != NULL; i++) {
    put_upvalue(L, p, function, i, name);
    lua_settop(L, function);
  }
}

/* Writes the bodies of all objects; those that they refer to follow. What travels by name has none. */
static void put_bodies(lua_State *L, saros_packer_t *p) {
  for (uint32_t number = 1; number <= p->objects; number++) {
    p->owner = number;
    lua_rawgeti(L, QUEUE, number);
    int index = lua_gettop(L);
    switch ((uint8_t)p->kinds.bytes[number - 1]) {
      case SAROS_HEAD_TABLE: body_of_table(L, p, index); break;
      case SAROS_HEAD_CODE:
      case SAROS_HEAD_FUNCTION: body_of_function(L, p, index); break;
      case SAROS_HEAD_KIND: put_pairs(L, p, index, 0, true); break;
      default: break;
    }
    lua_settop(L, index - 1);
  }
}

/* ---- the whole ---- */

static void push_root_label(lua_State *L, saros_packer_t *p, int i) {
  int mode = p->mode & SAROS_PACK_WHAT;
  if (!p->tracing) {
    lua_pushnil(L);
  } else if (mode == SAROS_PACK_RESULTS) {
    lua_pushfstring(L, "result %d", i);
  } else if (mode == SAROS_PACK_ERROR) {
    lua_pushliteral(L, "error");
  } else if (mode == SAROS_PACK_VALUES) {
    lua_pushfstring(L, "argument %d", i);
  } else if (i == 1) {
    lua_pushliteral(L, "");
  } else {
    lua_pushfstring(L, "argument %d", i - 1);
  }
}

static void put_footer(lua_State *L, saros_packer_t *p) {
  uint64_t footer[2] = {p->objects, p->message->size};
  put(L, saros__message_put(p->message, p->heads.bytes, p->heads.size) &&
             saros__message_put(p->message, footer, sizeof footer));
}

/* Arguments: the packer, four places for tables, the roots. */
static int pack_protected(lua_State *L) {
  saros_packer_t *p = lua_touserdata(L, PACKER);
  int n = lua_gettop(L) - ROOTS + 1;
  put(L, saros__message_put_size(p->message, (uint64_t)n));
  for (int i = 1; i <= n; i++) {
    int index = ROOTS + i - 1;
    if (!saros__is_plain(L, index) && lua_isnil(L, SEEN)) {
      for (int slot = SEEN; slot <= (p->tracing ? LABELS : QUEUE); slot++) {
        lua_newtable(L);
        lua_replace(L, slot);
      }
    }
    push_root_label(L, p, i);
    put_value(L, p, index, ROOTS + n);
    lua_settop(L, ROOTS + n - 1);
  }
  put_bodies(L, p);
  put_footer(L, p);
  return 0;
}

static int attempt(lua_State *L, saros_packer_t *p, int first, int n) {
  lua_pushcfunction(L, pack_protected);
  lua_pushlightuserdata(L, p);
  for (int slot = SEEN; slot <= LABELS; slot++) lua_pushnil(L);
  for (int i = 0; i < n; i++) lua_pushvalue(L, first + i);
  return lua_pcall(L, n + ROOTS - 1, 0, 0);
}

/* Packs once; the error is on top if that fails. */
static bool pack_slowly(lua_State *L, saros_runtime_t *rt, int first, int n, int mode, bool tracing,
                        saros_message_t *message) {
  saros_packer_t p = {.rt = rt, .mode = mode, .tracing = tracing, .message = message};
  saros__message_init(&p.heads);
  saros__message_init(&p.kinds);
  bool ok = attempt(L, &p, first, n) == LUA_OK;
  saros__message_clear(&p.heads);
  saros__message_clear(&p.kinds);
  if (!ok) saros__message_clear(message);
  return ok;
}

/* ---- the face ---- */

bool saros__pack_into(lua_State *L, saros_runtime_t *rt, int first, int n, int mode, saros_message_t *message) {
  first = lua_absindex(L, first);
  if (!lua_checkstack(L, n + ROOTS + LUA_MINSTACK)) {
    lua_pushliteral(L, "stack overflow (too many values)");
    return false;
  }
  if (saros__pack_quickly(L, rt, first, n, mode, message)) {
    if (message->size > 0) return true;
    lua_pushliteral(L, "not enough memory");
    return false;
  }
  if (pack_slowly(L, rt, first, n, mode, false, message)) return true;
  if (!lua_isnil(L, -1)) return false;
  lua_pop(L, 1); /* once more, to tell what cannot travel */
  return pack_slowly(L, rt, first, n, mode, true, message);
}

saros_message_t *saros__pack(lua_State *L, saros_runtime_t *rt, int first, int n, int mode) {
  saros_message_t *message = saros__message_new();
  if (!message) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  if (!saros__pack_into(L, rt, first, n, mode, message)) {
    saros__message_free(message);
    lua_error(L);
  }
  return message;
}
