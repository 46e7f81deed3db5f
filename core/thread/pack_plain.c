#include "thread/pack_plain.h"

#include "thread/loan.h"
#include "thread/slots.h"
#include "thread/transfer.h"

/* ---- functions ---- */

bool saros__is_globals(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE) return false;
  index = lua_absindex(L, index);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  bool is = lua_rawequal(L, index, -1);
  lua_pop(L, 1);
  return is;
}

bool saros__sees_globals_alone(lua_State *L, int index) {
  bool is = true;
  for (int i = 1; is && lua_getupvalue(L, index, i); i++) {
    is = saros__is_globals(L, -1);
    lua_pop(L, 1);
  }
  return is;
}

int saros__count_upvalues(lua_State *L, int index) {
  lua_Debug ar;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">u", &ar);
  return ar.nups;
}

enum saros_head saros__head_of_code(int mode) {
  return mode & SAROS_PACK_FOR_PROCESS ? SAROS_HEAD_FUNCTION : SAROS_HEAD_CODE;
}

bool saros__put_function(saros_message_t *heads, saros_message_t *message, saros_shared_object_t *object,
                         bool is_kept, int mode) {
  bool ok = saros__message_put_byte(heads, is_kept);
  if (saros__head_of_code(mode) == SAROS_HEAD_FUNCTION) {
    const saros_code_t *code = (saros_code_t *)object->shared;
    return ok && saros__message_put(heads, &code->id, sizeof code->id) &&
           saros__message_put_size(heads, code->size) && saros__message_put(heads, code->bytes, code->size);
  }
  uint32_t number;
  return ok && saros__message_add_from(message, object, &number) && saros__message_put_size(heads, number);
}

/* ---- plain values ---- */

bool saros__add_string(lua_State *L, saros_message_t *message, int index) {
  size_t size;
  const char *bytes = lua_tolstring(L, index, &size);
  return saros__message_put_size(message, size) && saros__message_put(message, bytes, size);
}

static bool put_number(lua_State *L, saros_message_t *message, int index) {
  if (lua_isinteger(L, index)) {
    lua_Integer value = lua_tointeger(L, index);
    return saros__message_put_byte(message, SAROS_TAG_INTEGER) && saros__message_put(message, &value, sizeof value);
  }
  lua_Number value = lua_tonumber(L, index);
  return saros__message_put_byte(message, SAROS_TAG_FLOAT) && saros__message_put(message, &value, sizeof value);
}

bool saros__is_plain(lua_State *L, int index) {
  int type = lua_type(L, index);
  return type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING;
}

bool saros__put_plain(lua_State *L, saros_message_t *message, int index) {
  switch (lua_type(L, index)) {
    case LUA_TNIL: return saros__message_put_byte(message, SAROS_TAG_NIL);
    case LUA_TBOOLEAN:
      return saros__message_put_byte(message, lua_toboolean(L, index) ? SAROS_TAG_TRUE : SAROS_TAG_FALSE);
    case LUA_TNUMBER: return put_number(L, message, index);
    default: return saros__message_put_byte(message, SAROS_TAG_STRING) && saros__add_string(L, message, index);
  }
}

bool saros__is_to_be_lent(lua_State *L, int index, int mode) {
  return mode & SAROS_PACK_LEND && lua_type(L, index) == LUA_TSTRING && lua_rawlen(L, index) >= SAROS_LEAST_LOAN;
}

/* ---- short cuts: plain values, and a function that has travelled before ---- */

/* True if the function at `index` has so many upvalues, one at most, which is the globals. */
static bool is_simple(lua_State *L, int index, int upvalues) {
  return upvalues == 0 || (upvalues == 1 && saros__sees_globals_alone(L, index));
}

/* Has the anchor keep the function at `index`, so that it is known by its address. */
static void remember(lua_State *L, saros_runtime_t *rt, int index, saros_shared_object_t *code, int upvalues) {
  lua_pushvalue(L, index);
  saros__store_slot(L, rt, SAROS_SLOT_PACKED);
  rt->packed = lua_topointer(L, index);
  rt->packed_code = code;
  rt->packed_upvalues = upvalues;
}

/* What stands for the code of the Lua function at `index`, if it has travelled, and has no upvalue but perhaps the
 * globals; or NULL. What was packed last is, as a rule, what is packed next. */
static saros_shared_object_t *known_code(lua_State *L, saros_runtime_t *rt, int index, int *upvalues) {
  if (rt->packed && lua_topointer(L, index) == rt->packed && rt->packed_code->shared) {
    *upvalues = rt->packed_upvalues;
    return is_simple(L, index, *upvalues) ? rt->packed_code : NULL;
  }
  saros_shared_object_t *code = lua_iscfunction(L, index) ? NULL : saros__code_known(L, rt, index);
  if (!code) return NULL;
  *upvalues = saros__count_upvalues(L, index);
  if (!is_simple(L, index, *upvalues)) return NULL;
  remember(L, rt, index, code, *upvalues);
  return code;
}

/* The function is the one object there is. */
static bool put_known(lua_State *L, saros_message_t *message, saros_shared_object_t *code, int first, int n,
                      int upvalues, int mode) {
  bool ok = saros__message_put_byte(message, SAROS_TAG_OBJECT) && saros__message_put_byte(message, 1);
  for (int i = 1; i < n && ok; i++) ok = saros__put_plain(L, message, first + i);
  for (int i = 0; i < upvalues && ok; i++) {
    ok = saros__message_put_byte(message, SAROS_UPVALUE_NEW) && saros__message_put_byte(message, SAROS_TAG_GLOBALS);
  }
  uint64_t footer[2] = {1, message->size};
  return ok && saros__message_put_byte(message, saros__head_of_code(mode)) &&
         saros__put_function(message, message, code, true, mode) && saros__message_put(message, footer, sizeof footer);
}

static bool put_all_plain(lua_State *L, saros_message_t *message, int first, int n) {
  bool ok = true;
  for (int i = 0; i < n && ok; i++) ok = saros__put_plain(L, message, first + i);
  uint64_t footer[2] = {0, message->size};
  return ok && saros__message_put(message, footer, sizeof footer);
}

bool saros__pack_quickly(lua_State *L, saros_runtime_t *rt, int first, int n, int mode, saros_message_t *message) {
  bool has_function = n > 0 && lua_type(L, first) == LUA_TFUNCTION;
  for (int i = has_function; i < n; i++) {
    if (!saros__is_plain(L, first + i) || saros__is_to_be_lent(L, first + i, mode)) return false;
  }
  int upvalues = 0;
  saros_shared_object_t *code = has_function ? known_code(L, rt, first, &upvalues) : NULL;
  if (has_function && !code) return false;
  bool ok = saros__message_put_size(message, (uint64_t)n) &&
            (code ? put_known(L, message, code, first, n, upvalues, mode)
                  : put_all_plain(L, message, first, n));
  if (!ok) saros__message_clear(message);
  return true;
}
