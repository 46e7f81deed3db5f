#include "io/transport.h"

#include <string.h>

#include "io/output.h"
#include "io/reader.h"
#include "loop/context.h"
#include "loop/errors.h"

/* After so many writes to a lost connection each further one is worth a warning, as in asyncio. */
enum { SILENT_DROPS = 5 };

saros_transport_t *saros__check_transport(lua_State *L, int index) {
  saros_transport_t *transport = saros__test_marker(L, index, SAROS_MARKER_TRANSPORT);
  if (!transport) luaL_typeerror(L, index, "Transport");
  return transport;
}

/* ---- writing ---- */

/* The library's text goes through its logger, which is Lua's; when that is not loaded, nobody logs. */
static void log_dropped(lua_State *L) {
  luaL_checkstack(L, 4, NULL);
  int top = lua_gettop(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "saros.logger") == LUA_TTABLE && lua_getfield(L, -1, "warn") != LUA_TNIL) {
    lua_pushliteral(L, "a write to a connection that is lost was dropped");
    lua_call(L, 1, 0);
  }
  lua_settop(L, top);
}

static void drop_write(lua_State *L, saros_transport_t *transport) {
  if (transport->dropped < SILENT_DROPS) {
    transport->dropped++;
  } else {
    log_dropped(L);
  }
}

/* The connection to write to; NULL, and the write is dropped, if it is lost. */
static saros_connection_t *writable(lua_State *L, saros_runtime_t *rt,
                                    saros_transport_t *transport) {
  saros_connection_t *connection = transport->connection;
  if (!connection || connection->lost) {
    drop_write(L, transport);
    return NULL;
  }
  if (connection->finished) {
    saros__raise(L, rt, "RuntimeError", "Cannot call write() after write_eof()");
  }
  return connection;
}

void saros__transport_write(lua_State *L, saros_runtime_t *rt, saros_transport_t *transport,
                            int index) {
  size_t size;
  const char *bytes = luaL_checklstring(L, index, &size);
  if (size == 0) return;
  saros_connection_t *connection = writable(L, rt, transport);
  if (connection) saros__output_write(L, connection, bytes, size);
}

void saros__transport_writelines(lua_State *L, saros_runtime_t *rt, saros_transport_t *transport,
                                 int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  lua_Integer count = luaL_len(L, index);
  luaL_Buffer all; /* one write, so that all or nothing is written */
  luaL_buffinit(L, &all);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_geti(L, index, i) != LUA_TSTRING && !lua_isnumber(L, -1)) {
      luaL_argerror(L, index, lua_pushfstring(L, "item %I is no string but a %s", (LUAI_UACINT)i,
                                              luaL_typename(L, -1)));
    }
    luaL_addvalue(&all);
  }
  luaL_pushresult(&all);
  saros__transport_write(L, rt, transport, lua_gettop(L));
}

void saros__transport_write_eof(saros_transport_t *transport) {
  saros_connection_t *connection = transport->connection;
  if (!connection || connection->closing || connection->finished) return;
  saros__output_flush(connection);
  if (connection->lost) return;
  connection->finished = true;
  if (saros_buffer_size(&connection->out) == 0) saros__connection_flushed(connection);
}

/* ---- closing ---- */

void saros__transport_close(saros_transport_t *transport) {
  if (transport->connection) saros__connection_close(transport->connection);
}

bool saros__transport_is_closing(const saros_transport_t *transport) {
  return !transport->connection || transport->connection->closing;
}

/* ---- addresses ---- */

static void push_inet(lua_State *L, const saros_inet_address_t *address) {
  saros__address_push(L, &address->as.any, address->length);
}

static void push_local(lua_State *L, const saros_transport_t *transport) {
  saros_address_t address = {.length = sizeof address.as};
  if (!transport->connection) {
    push_inet(L, &transport->local);
  } else if (getsockname(transport->connection->fd, &address.as.any, &address.length) == 0) {
    saros__address_push(L, &address.as.any, address.length);
  } else {
    lua_pushnil(L);
  }
}

static void push_peer(lua_State *L, const saros_transport_t *transport) {
  saros_address_t address = {.length = sizeof address.as};
  if (transport->peer.length > 0) {
    push_inet(L, &transport->peer);
  } else if (transport->connection &&
             getpeername(transport->connection->fd, &address.as.any, &address.length) == 0) {
    saros__address_push(L, &address.as.any, address.length);
  } else {
    lua_pushnil(L);
  }
}

void saros__transport_push_info(lua_State *L, int index, const char *name) {
  saros_transport_t *transport = lua_touserdata(L, index);
  if (!transport->connection && lua_getiuservalue(L, index, SAROS_TRANSPORT_EXTRA) == LUA_TTABLE) {
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    return;
  }
  if (strcmp(name, "peername") == 0) {
    push_peer(L, transport);
  } else if (strcmp(name, "sockname") == 0) {
    push_local(L, transport);
  } else if (strcmp(name, "socket") == 0 && transport->connection) {
    lua_pushinteger(L, transport->connection->fd);
  } else {
    lua_pushnil(L);
  }
}

/* ---- Lua: writing ---- */

/*** A connection, as protocols see it: `loop:create_connection` returns one, `connection_made` gets it.
 * Mirrors `asyncio.Transport`.
 * @type Transport
 */

/*** Writes bytes; never waits. What the peer does not take yet is kept, and the protocol is told to
 * pause_writing when that becomes too much. Mirrors `asyncio.WriteTransport.write`.
 * @function Transport:write
 * @tparam string data any bytes
 * @raise RuntimeError after `write_eof`; `bad argument`
 */
static int transport_write(lua_State *L) {
  saros__transport_write(L, saros__runtime(L), saros__check_transport(L, 1), 2);
  return 0;
}

/*** Writes a list of strings, as `write` would their concatenation.
 * Mirrors `asyncio.WriteTransport.writelines`.
 * @function Transport:writelines
 * @tparam {string,...} list what to write, in order
 * @raise as `write`
 */
static int transport_writelines(lua_State *L) {
  saros__transport_writelines(L, saros__runtime(L), saros__check_transport(L, 1), 2);
  return 0;
}

/*** Closes the direction of writing, after what was written is sent; the peer reads the end of the
 * file. Mirrors `asyncio.WriteTransport.write_eof`.
 * @function Transport:write_eof
 */
static int transport_write_eof(lua_State *L) {
  saros__transport_write_eof(saros__check_transport(L, 1));
  return 0;
}

/*** Tells whether `write_eof` is supported: always, for a socket.
 * @function Transport:can_write_eof
 * @treturn boolean true
 */
static int transport_can_write_eof(lua_State *L) {
  saros__check_transport(L, 1);
  lua_pushboolean(L, 1);
  return 1;
}

/*** How many bytes were written and not taken by the system yet.
 * Mirrors `asyncio.WriteTransport.get_write_buffer_size`.
 * @function Transport:get_write_buffer_size
 * @treturn integer bytes
 */
static int transport_get_write_buffer_size(lua_State *L) {
  saros_connection_t *connection = saros__check_transport(L, 1)->connection;
  if (connection) saros__output_flush(connection);
  lua_pushinteger(L, connection ? (lua_Integer)saros_buffer_size(&connection->out) : 0);
  return 1;
}

/*** The water marks of the write buffer. Mirrors `asyncio.WriteTransport.get_write_buffer_limits`.
 * @function Transport:get_write_buffer_limits
 * @treturn integer low, in bytes
 * @treturn integer high, in bytes
 */
static int transport_get_write_buffer_limits(lua_State *L) {
  saros_connection_t *connection = saros__check_transport(L, 1)->connection;
  if (!connection) return 0;
  lua_pushinteger(L, (lua_Integer)connection->low);
  lua_pushinteger(L, (lua_Integer)connection->high);
  return 2;
}

/* An option that is a number of bytes, or -1 if it is not given. */
static lua_Integer check_limit(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  int is_integer;
  lua_Integer limit = lua_isnil(L, -1) ? -1 : lua_tointegerx(L, -1, &is_integer);
  if (!lua_isnil(L, -1) && !is_integer) {
    luaL_argerror(L, 2, lua_pushfstring(L, "option '%s': integer expected, got %s", name,
                                        luaL_typename(L, -1)));
  }
  if (!lua_isnil(L, -1) && limit < 0) {
    saros__raise(L, saros__runtime(L), "ValueError", "%s (%I) must be >= 0", name,
                 (LUAI_UACINT)limit);
  }
  lua_pop(L, 1);
  return limit;
}

static void check_limit_names(lua_State *L) {
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    lua_pop(L, 1);
    const char *name = luaL_tolstring(L, -1, NULL);
    if (strcmp(name, "high") != 0 && strcmp(name, "low") != 0) {
      saros__raise(L, saros__runtime(L), "ValueError",
                   "unknown option '%s' for 'set_write_buffer_limits' (known: high, low)", name);
    }
    lua_pop(L, 1);
  }
}

static lua_Integer default_high(lua_Integer low) {
  if (low < 0) return 64 * 1024;
  return low > LUA_MAXINTEGER / 4 ? LUA_MAXINTEGER : 4 * low;
}

/*** Sets the water marks of the write buffer: above `high` bytes the protocol is told to pause writing,
 * at `low` to go on. The default of `high` is 64 KiB (or four times `low`), that of `low` a quarter of
 * `high`. Mirrors `asyncio.WriteTransport.set_write_buffer_limits`.
 * @function Transport:set_write_buffer_limits
 * @tparam ?table limits in bytes
 * @tparam ?integer limits.high where the protocol is told to pause writing
 * @tparam ?integer limits.low where it is told to go on
 * @raise ValueError unless high >= low >= 0
 */
static int transport_set_write_buffer_limits(lua_State *L) {
  saros_connection_t *connection = saros__check_transport(L, 1)->connection;
  lua_settop(L, 2);
  lua_Integer high = -1, low = -1;
  if (!lua_isnil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    check_limit_names(L);
    high = check_limit(L, "high");
    low = check_limit(L, "low");
  }
  if (high < 0) high = default_high(low);
  if (low < 0) low = high / 4;
  if (high < low) {
    return saros__raise(L, saros__runtime(L), "ValueError", "high (%I) must be >= low (%I)",
                        (LUAI_UACINT)high, (LUAI_UACINT)low);
  }
  if (!connection) return 0;
  connection->high = (size_t)high;
  connection->low = (size_t)low;
  saros__output_flush(connection);
  saros__output_check_pause(L, connection);
  return 0;
}

/* ---- Lua: reading ---- */

/*** Stops the calls of `data_received`; the peer is slowed down. Mirrors
 * `asyncio.ReadTransport.pause_reading`.
 * @function Transport:pause_reading
 */
static int transport_pause_reading(lua_State *L) {
  saros_connection_t *connection = saros__check_transport(L, 1)->connection;
  if (connection && !connection->closing) connection->paused = true;
  return 0;
}

/*** Undoes `pause_reading`. Mirrors `asyncio.ReadTransport.resume_reading`.
 * @function Transport:resume_reading
 */
static int transport_resume_reading(lua_State *L) {
  saros_connection_t *connection = saros__check_transport(L, 1)->connection;
  if (connection && !connection->closing) {
    connection->paused = false;
    saros__connection_watch(connection);
  }
  return 0;
}

/*** Tells whether data is received: neither paused nor closing. Mirrors `asyncio.ReadTransport.is_reading`.
 * @function Transport:is_reading
 * @treturn boolean
 */
static int transport_is_reading(lua_State *L) {
  saros_connection_t *connection = saros__check_transport(L, 1)->connection;
  lua_pushboolean(L, connection && !connection->paused && !connection->closing);
  return 1;
}

/* ---- Lua: the rest ---- */

/*** Closes the transport: no more data is received, what was written is still sent, then the protocol's
 * `connection_lost(nil)` is called. Mirrors `asyncio.BaseTransport.close`.
 * @function Transport:close
 */
static int transport_close(lua_State *L) {
  saros__transport_close(saros__check_transport(L, 1));
  return 0;
}

/*** Closes the transport at once; what was not sent is dropped. Mirrors `asyncio.WriteTransport.abort`.
 * @function Transport:abort
 */
static int transport_abort(lua_State *L) {
  saros_connection_t *connection = saros__check_transport(L, 1)->connection;
  if (connection) saros__connection_abort(connection, 0);
  return 0;
}

/*** Tells whether the transport is closing or closed. Mirrors `asyncio.BaseTransport.is_closing`.
 * @function Transport:is_closing
 * @treturn boolean
 */
static int transport_is_closing(lua_State *L) {
  lua_pushboolean(L, saros__transport_is_closing(saros__check_transport(L, 1)));
  return 1;
}

/*** Tells something about the transport. Mirrors `asyncio.BaseTransport.get_extra_info`.
 * @function Transport:get_extra_info
 * @tparam string name `"peername"` and `"sockname"`: addresses; `"socket"`: the descriptor, while open
 * @tparam[opt] any default what to return for what is not known
 * @treturn any the information
 */
static int transport_get_extra_info(lua_State *L) {
  saros__check_transport(L, 1);
  saros__transport_push_info(L, 1, luaL_checkstring(L, 2));
  if (lua_isnil(L, -1)) lua_pushvalue(L, 3);
  return 1;
}

/* Anything that has methods will do. */
static void check_protocol(lua_State *L, int index) {
  int type = lua_type(L, index);
  if (type != LUA_TTABLE && type != LUA_TUSERDATA) luaL_typeerror(L, index, "protocol");
}

static void set_protocol(lua_State *L, int index, int protocol) {
  saros_transport_t *transport = lua_touserdata(L, index);
  check_protocol(L, protocol);
  saros_reader_t *reader = saros__test_marker(L, protocol, SAROS_MARKER_READER);
  if (reader && reader->transport != transport) {
    luaL_argerror(L, protocol, "the reader of another transport");
  }
  lua_pushvalue(L, protocol);
  lua_setiuservalue(L, index, SAROS_TRANSPORT_PROTOCOL);
  transport->reader = reader;
}

/*** Sets the object whose methods are called. Mirrors `asyncio.BaseTransport.set_protocol`.
 * @function Transport:set_protocol
 * @tparam table protocol any table or userdata with methods of `Protocol`
 */
static int transport_set_protocol(lua_State *L) {
  saros__check_transport(L, 1);
  set_protocol(L, 1, 2);
  return 0;
}

/*** The object whose methods are called; nil once the connection is lost.
 * Mirrors `asyncio.BaseTransport.get_protocol`.
 * @function Transport:get_protocol
 * @treturn ?table the protocol
 */
static int transport_get_protocol(lua_State *L) {
  if (!saros__check_transport(L, 1)->connection) return 0;
  lua_getiuservalue(L, 1, SAROS_TRANSPORT_PROTOCOL);
  return 1;
}

static int transport_tostring(lua_State *L) {
  const saros_transport_t *transport = saros__check_transport(L, 1);
  const saros_connection_t *connection = transport->connection;
  if (!connection) {
    lua_pushfstring(L, "Transport: %p closed", (void *)transport);
    return 1;
  }
  bool reading = saros__connection_wanted(connection) & UV_READABLE;
  lua_pushfstring(L, "Transport: %p%s fd=%d read=%s write=%I bytes", (void *)transport,
                  connection->closing ? " closing" : "", connection->fd,
                  reading ? "polling" : "idle",
                  (LUAI_UACINT)saros_buffer_size(&connection->out));
  return 1;
}

/* As a callback does, the protocol runs in a copy of the context in which it was scheduled. */
static void keep_context(lua_State *L, saros_transport_t *transport) {
  saros_runtime_t *rt = saros__runtime(L);
  if (!rt->has_context) return;
  saros__context_push_copy(L, rt);
  lua_setiuservalue(L, 1, SAROS_TRANSPORT_CONTEXT);
  transport->has_context = true;
}

/* start_transport(transport, protocol, server or nil): schedules connection_made, then reads. */
static int start_transport(lua_State *L) {
  saros_transport_t *transport = saros__check_transport(L, 1);
  lua_settop(L, 3);
  set_protocol(L, 1, 2);
  lua_setiuservalue(L, 1, SAROS_TRANSPORT_SERVER);
  keep_context(L, transport);
  if (transport->connection) saros__connection_start(L, transport->connection);
  return 0;
}

/* open_transports(loop) -> a list of Transports, the newest first */
static int open_transports(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  lua_newtable(L);
  lua_Integer count = 0;
  const saros_connection_t *connection = loop->io ? loop->io->open : NULL;
  for (; connection; connection = connection->next) {
    saros__loop_anchored(L, loop, connection->transport);
    lua_rawseti(L, 2, ++count);
  }
  return 1;
}

static const luaL_Reg functions[] = {
    {"start_transport", start_transport}, {"open_transports", open_transports}, {NULL, NULL}};

static const luaL_Reg methods[] = {
    {"write", transport_write},
    {"writelines", transport_writelines},
    {"write_eof", transport_write_eof},
    {"can_write_eof", transport_can_write_eof},
    {"get_write_buffer_size", transport_get_write_buffer_size},
    {"get_write_buffer_limits", transport_get_write_buffer_limits},
    {"set_write_buffer_limits", transport_set_write_buffer_limits},
    {"pause_reading", transport_pause_reading},
    {"resume_reading", transport_resume_reading},
    {"is_reading", transport_is_reading},
    {"close", transport_close},
    {"abort", transport_abort},
    {"is_closing", transport_is_closing},
    {"get_extra_info", transport_get_extra_info},
    {"set_protocol", transport_set_protocol},
    {"get_protocol", transport_get_protocol},
    {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__tostring", transport_tostring}, {"__close", transport_close}, {NULL, NULL}};

void saros__transport_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__new_class(L, rt, "Transport", methods, metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_TRANSPORT);
}
