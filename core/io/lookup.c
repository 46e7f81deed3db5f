#include "io/lookup.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "io/address.h"
#include "loop/errors.h"
#include "task/task.h"

typedef struct saros_lookup saros_lookup_t;

struct saros_lookup {
  union {
    uv_req_t any;
    uv_getaddrinfo_t addresses;
    uv_getnameinfo_t names;
  } request; /* first: freed through it */
  saros_loop_t *loop; /* NULL once the loop is closed */
  saros_task_t *task; /* NULL once nobody waits */
  saros_lookup_t *previous, *next;
  bool answered; /* libuv is done with it, but the task could not be woken */
};

/* ---- life ---- */

static void unlink_lookup(saros_lookup_t *lookup) {
  if (!lookup->loop) return;
  saros_io_t *io = lookup->loop->io;
  if (lookup->previous) {
    lookup->previous->next = lookup->next;
  } else {
    io->lookups = lookup->next;
  }
  if (lookup->next) lookup->next->previous = lookup->previous;
  saros__loop_unref(lookup->loop);
  lookup->loop = NULL;
}

static saros_lookup_t *new_lookup(lua_State *L, saros_loop_t *loop, saros_task_t *task) {
  saros_io_t *io = saros__io(L, loop);
  saros_lookup_t *lookup = calloc(1, sizeof *lookup);
  if (!lookup) luaL_error(L, "not enough memory");
  lookup->loop = loop;
  lookup->task = task;
  lookup->next = io->lookups;
  if (lookup->next) lookup->next->previous = lookup;
  io->lookups = lookup;
  saros__loop_ref(loop);
  return lookup;
}

/* The task was cancelled. */
static void withdraw(saros_task_t *task, void *owner) {
  saros_lookup_t *lookup = owner;
  (void)task;
  lookup->task = NULL;
  unlink_lookup(lookup);
  if (lookup->answered) {
    free(lookup);
  } else {
    uv_cancel(&lookup->request.any);
  }
}

void saros__lookups_cancel(saros_io_t *io) {
  while (io->lookups) {
    saros_lookup_t *lookup = io->lookups;
    withdraw(lookup->task, lookup);
  }
}

/* ---- answers ---- */

typedef struct saros_answer {
  saros_lookup_t *lookup;
  int code;
  const struct addrinfo *addresses;
  const char *host, *service;
} saros_answer_t;

static bool is_same(const struct addrinfo *a, const struct addrinfo *b) {
  return a->ai_addrlen == b->ai_addrlen && memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen) == 0;
}

/* A resolver may give the same address more than once, as hosts files do. */
static bool is_repeated(const struct addrinfo *first, const struct addrinfo *info) {
  while (first != info && !is_same(first, info)) first = first->ai_next;
  return first != info;
}

static void push_addresses(lua_State *L, const struct addrinfo *first) {
  lua_newtable(L);
  lua_Integer count = 0;
  for (const struct addrinfo *info = first; info; info = info->ai_next) {
    if (is_repeated(first, info)) continue;
    saros__address_push(L, info->ai_addr, info->ai_addrlen);
    lua_rawseti(L, -2, ++count);
  }
}

static void push_answer(lua_State *L, const saros_answer_t *answer) {
  if (answer->code < 0) {
    lua_pushinteger(L, answer->code);
  } else if (answer->host) {
    lua_createtable(L, 2, 0);
    lua_pushstring(L, answer->host);
    lua_rawseti(L, -2, 1);
    lua_pushstring(L, answer->service);
    lua_rawseti(L, -2, 2);
  } else {
    push_addresses(L, answer->addresses);
  }
}

/* The value goes first: an overridden call_soon may run the task's step at once. */
static int deliver(lua_State *L) {
  const saros_answer_t *answer = lua_touserdata(L, 1);
  saros_lookup_t *lookup = answer->lookup;
  push_answer(L, answer);
  saros__loop_reserve(L, lookup->loop, 1);
  saros_task_t *task = lookup->task;
  if (!lua_checkstack(task->co, 1)) return luaL_error(L, "not enough memory");
  lua_xmove(L, task->co, 1);
  saros__task_wake(L, lookup->loop, task);
  lookup->task = NULL;
  return 0;
}

static void try_to_deliver(saros_answer_t *answer) {
  saros_lookup_t *lookup = answer->lookup;
  if (!lookup->task) return;
  saros__loop_protect(lookup->loop, deliver, answer, "Cannot deliver the answer of the resolver");
}

static void answer_lookup(saros_answer_t *answer) {
  saros_lookup_t *lookup = answer->lookup;
  try_to_deliver(answer);
  answer->code = UV_EAI_MEMORY; /* if there is no room for the answer; there is for a number */
  try_to_deliver(answer);
  lookup->answered = true;
  if (lookup->task) return; /* it still points here, and can only be cancelled */
  unlink_lookup(lookup);
  free(lookup);
}

static void on_addresses(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses) {
  saros_answer_t answer = {(saros_lookup_t *)request, status, addresses, NULL, NULL};
  answer_lookup(&answer);
  uv_freeaddrinfo(addresses);
}

static void on_name(uv_getnameinfo_t *request, int status, const char *host, const char *service) {
  saros_answer_t answer = {(saros_lookup_t *)request, status, NULL, host, service};
  answer_lookup(&answer);
}

/* ---- Lua ---- */

/* The stack begins with the loop and what was looked up: a host and a service, or an address. Names the one
 * that is unknown. */
static int raise_answer(lua_State *L, int code) {
  saros_runtime_t *rt = saros__runtime(L);
  luaL_checkstack(L, 8, NULL);
  if (lua_istable(L, 2)) {
    saros_address_t address;
    saros__address_check(L, rt, 2, &address);
    saros__address_push_text(L, &address.as.any, address.length);
  } else {
    lua_pushvalue(L, code == UV_EAI_SERVICE ? 3 : 2);
  }
  const char *what = lua_isnil(L, -1) ? "" : lua_tostring(L, -1);
  lua_pushfstring(L, "cannot resolve %s'%s'", code == UV_EAI_SERVICE ? "the service " : "", what);
  return saros__raise_os_error(L, rt, code, lua_tostring(L, -1));
}

static int answered(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  saros__task_resumed(L, saros__runtime(L));
  if (lua_isinteger(L, -1)) return raise_answer(L, (int)lua_tointeger(L, -1));
  return 1;
}

static void check_no_zero(lua_State *L, saros_runtime_t *rt, int index, const char *what) {
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (text && strlen(text) != size) {
    saros__raise(L, rt, "ValueError", "the %s contains a zero byte", what);
  }
}

/* look_up_host(loop, host or nil, service or nil, family or nil, datagram, passive) -> a list of
 * addresses */
static int look_up_host(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros_runtime_t *rt = loop->rt;
  const char *host = luaL_optstring(L, 2, NULL), *service = luaL_optstring(L, 3, NULL);
  check_no_zero(L, rt, 2, "host");
  check_no_zero(L, rt, 3, "service");
  struct addrinfo hints = {.ai_family = saros__check_family(L, rt, 4),
                           .ai_socktype = lua_toboolean(L, 5) ? SOCK_DGRAM : SOCK_STREAM,
                           .ai_flags = lua_toboolean(L, 6) ? AI_PASSIVE : 0};
  saros_task_t *task = saros__task_suspendable(L, rt, "getaddrinfo");
  saros_lookup_t *lookup = new_lookup(L, loop, task);
  int code = uv_getaddrinfo(&loop->uv, &lookup->request.addresses, on_addresses, host, service, &hints);
  if (code < 0) {
    unlink_lookup(lookup);
    free(lookup);
    return raise_answer(L, code);
  }
  return saros__task_suspend(L, task, withdraw, lookup, 0, answered);
}

/* look_up_address(loop, address, numeric host, numeric service, datagram) -> {host, service} */
static int look_up_address(lua_State *L) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  saros_runtime_t *rt = loop->rt;
  saros_address_t address;
  saros__address_check(L, rt, 2, &address);
  if (address.as.any.sa_family == AF_UNIX) {
    return saros__raise(L, rt, "ValueError", "a path has no name to look up, only a host and a port have");
  }
  int flags = (lua_toboolean(L, 3) ? NI_NUMERICHOST : 0) |
              (lua_toboolean(L, 4) ? NI_NUMERICSERV : 0) | (lua_toboolean(L, 5) ? NI_DGRAM : 0);
  saros_task_t *task = saros__task_suspendable(L, rt, "getnameinfo");
  saros_lookup_t *lookup = new_lookup(L, loop, task);
  int code = uv_getnameinfo(&loop->uv, &lookup->request.names, on_name, &address.as.any, flags);
  if (code < 0) {
    unlink_lookup(lookup);
    free(lookup);
    return raise_answer(L, code);
  }
  return saros__task_suspend(L, task, withdraw, lookup, 0, answered);
}

static const luaL_Reg functions[] = {{"look_up_host", look_up_host},
                                     {"look_up_address", look_up_address},
                                     {NULL, NULL}};

void saros__lookup_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
