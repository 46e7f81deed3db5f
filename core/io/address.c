#include "io/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "loop/errors.h"

/* ---- reading ---- */

/* A scope is an interface's name or its number. */
static bool parse_scope(const char *scope, uint32_t *id) {
  *id = if_nametoindex(scope);
  if (*id != 0) return true;
  char *end;
  unsigned long number = strtoul(scope, &end, 10);
  *id = (uint32_t)number;
  return end != scope && *end == '\0' && number > 0 && number <= UINT32_MAX;
}

static bool parse_inet6(const char *host, struct sockaddr_in6 *inet6) {
  char bare[INET6_ADDRSTRLEN];
  const char *scope = strchr(host, '%');
  size_t length = scope ? (size_t)(scope - host) : strlen(host);
  if (length >= sizeof bare) return false;
  memcpy(bare, host, length);
  bare[length] = '\0';
  inet6->sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, bare, &inet6->sin6_addr) != 1) return false;
  return !scope || parse_scope(scope + 1, &inet6->sin6_scope_id);
}

/* Fills in the address if the string at `index` is a numeric host, and of that family unless it is
 * AF_UNSPEC. */
static bool parse_numeric(lua_State *L, int index, int port, int family, saros_address_t *address) {
  size_t length;
  const char *host = lua_tolstring(L, index, &length);
  *address = (saros_address_t){0};
  if (strlen(host) != length) return false;
  if (family != AF_INET6 && inet_pton(AF_INET, host, &address->as.inet.sin_addr) == 1) {
    address->as.inet.sin_family = AF_INET;
    address->as.inet.sin_port = htons((uint16_t)port);
    address->length = sizeof address->as.inet;
    return true;
  }
  if (family == AF_INET || !parse_inet6(host, &address->as.inet6)) return false;
  address->as.inet6.sin6_port = htons((uint16_t)port);
  address->length = sizeof address->as.inet6;
  return true;
}

int saros__check_family(lua_State *L, saros_runtime_t *rt, int index) {
  if (lua_isnoneornil(L, index)) return AF_UNSPEC;
  const char *name = luaL_checkstring(L, index);
  if (strcmp(name, "any") == 0) return AF_UNSPEC;
  if (strcmp(name, "inet") == 0) return AF_INET;
  if (strcmp(name, "inet6") == 0) return AF_INET6;
  return saros__raise(L, rt, "ValueError", "unknown family '%s' (known: any, inet, inet6)", name);
}

static void check_path(lua_State *L, saros_runtime_t *rt, int index, saros_address_t *address) {
  size_t length;
  const char *path = luaL_checklstring(L, index, &length);
  bool abstract = length > 0 && path[0] == '\0';
  if (length == 0) saros__raise(L, rt, "ValueError", "the path of a socket cannot be empty");
  if (!abstract && strlen(path) != length) {
    saros__raise(L, rt, "ValueError", "the path of a socket contains a zero byte");
  }
  struct sockaddr_un *local = &address->as.local;
  /* A path needs room for the zero after it; an abstract name has none. */
  size_t most = sizeof local->sun_path - !abstract;
  if (length > most) {
    lua_pushfstring(L, "the path of a socket has at most %I bytes, not %I", (LUAI_UACINT)most,
                    (LUAI_UACINT)length);
    saros__raise_os_error(L, rt, UV_ENAMETOOLONG, lua_tostring(L, -1));
  }
  *address = (saros_address_t){0};
  local->sun_family = AF_UNIX;
  memcpy(local->sun_path, path, length);
  address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
}

void saros__address_check(lua_State *L, saros_runtime_t *rt, int index, saros_address_t *address) {
  luaL_checktype(L, index, LUA_TTABLE);
  index = lua_absindex(L, index);
  if (lua_getfield(L, index, "path") != LUA_TNIL) {
    check_path(L, rt, -1, address);
    lua_pop(L, 1);
    return;
  }
  lua_getfield(L, index, "host");
  lua_getfield(L, index, "port");
  bool is_host = lua_isstring(L, -2);
  int is_integer;
  lua_Integer port = lua_tointegerx(L, -1, &is_integer);
  if (!is_host || !is_integer) {
    saros__raise(L, rt, "ValueError", "an address has a host and a port, or a path");
  }
  if (port < 0 || port > 65535) {
    saros__raise(L, rt, "ValueError", "port %I is not between 0 and 65535", (LUAI_UACINT)port);
  }
  if (!parse_numeric(L, -2, (int)port, AF_UNSPEC, address)) {
    saros__raise(L, rt, "ValueError", "'%s' is not a numeric host", lua_tostring(L, -2));
  }
  lua_pop(L, 3);
}

/* ---- writing ---- */

static void push_inet6_host(lua_State *L, const struct sockaddr_in6 *inet6) {
  char text[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
  inet_ntop(AF_INET6, &inet6->sin6_addr, text, sizeof text);
  if (inet6->sin6_scope_id == 0) {
    lua_pushstring(L, text);
  } else if (if_indextoname(inet6->sin6_scope_id, name)) {
    lua_pushfstring(L, "%s%%%s", text, name);
  } else {
    lua_pushfstring(L, "%s%%%I", text, (LUAI_UACINT)inet6->sin6_scope_id);
  }
}

static void push_path(lua_State *L, const struct sockaddr_un *local, socklen_t length) {
  size_t size = length - offsetof(struct sockaddr_un, sun_path);
  if ((size_t)length <= offsetof(struct sockaddr_un, sun_path)) size = 0;
  if (size > 0 && local->sun_path[0] != '\0') size = strnlen(local->sun_path, size);
  lua_pushlstring(L, local->sun_path, size);
}

void saros__address_push(lua_State *L, const struct sockaddr *address, socklen_t length) {
  luaL_checkstack(L, 4, NULL);
  if (length == 0) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 3);
  if (address->sa_family == AF_UNIX) {
    push_path(L, (const struct sockaddr_un *)address, length);
    lua_setfield(L, -2, "path");
    return;
  }
  const struct sockaddr_in *inet = (const struct sockaddr_in *)address;
  if (address->sa_family == AF_INET) {
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &inet->sin_addr, text, sizeof text);
    lua_pushstring(L, text);
  } else {
    push_inet6_host(L, (const struct sockaddr_in6 *)address);
  }
  lua_setfield(L, -2, "host");
  lua_pushinteger(L, ntohs(inet->sin_port)); /* at the same place in both kinds */
  lua_setfield(L, -2, "port");
  lua_pushstring(L, address->sa_family == AF_INET ? "inet" : "inet6");
  lua_setfield(L, -2, "family");
}

void saros__address_push_text(lua_State *L, const struct sockaddr *address, socklen_t length) {
  saros__address_push(L, address, length);
  if (lua_getfield(L, -1, "path") == LUA_TNIL) {
    lua_pop(L, 1);
    lua_getfield(L, -1, "host");
    lua_getfield(L, -2, "port");
    const char *format = address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s";
    lua_pushfstring(L, format, lua_tostring(L, -2), lua_tostring(L, -1));
    lua_replace(L, -4);
    lua_pop(L, 2);
    return;
  }
  lua_remove(L, -2);
}

/* ---- Lua ---- */

/* parse_address(host, port, family): the address if the host is numeric, else nil. */
static int parse_address(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_Integer port = luaL_checkinteger(L, 2);
  int family = saros__check_family(L, saros__runtime(L), 3);
  saros_address_t address;
  if (!parse_numeric(L, 1, (int)port, family, &address)) address.length = 0;
  saros__address_push(L, &address.as.any, address.length);
  return 1;
}

static const luaL_Reg functions[] = {{"parse_address", parse_address}, {NULL, NULL}};

void saros__address_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
