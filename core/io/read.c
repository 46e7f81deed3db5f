/* read.c: the methods of a StreamReader that read.
 *
 * All of them are one loop: look whether what is buffered satisfies the read,
 * else wait and look again. A continuation finds the call's arguments on the
 * stack (1 the reader, 2 the size or the separator), and above them the string,
 * if it was handed over.
 */
#include <string.h>

#include "io/output.h"
#include "io/reader.h"
#include "loop/errors.h"

static const char *const names[] = {
    [SAROS_READ_SOME] = "read",      [SAROS_READ_EXACT] = "readexactly",
    [SAROS_READ_UNTIL] = "readuntil", [SAROS_READ_LINE] = "readline",
    [SAROS_READ_BARE_LINE] = "read a line", [SAROS_READ_ALL] = "read"};

enum { ARGUMENTS = 2 };

/* The read of this kind with the argument at 2. */
static saros_read_t make_read(lua_State *L, enum saros_read_kind kind) {
  saros_read_t read = {.kind = kind};
  switch (kind) {
  case SAROS_READ_SOME:
  case SAROS_READ_EXACT: read.size = (size_t)lua_tointeger(L, 2); break;
  case SAROS_READ_UNTIL: read.separator = lua_tolstring(L, 2, &read.separator_size); break;
  case SAROS_READ_LINE:
  case SAROS_READ_BARE_LINE:
    read.separator = "\n";
    read.separator_size = 1;
    break;
  case SAROS_READ_ALL: break;
  }
  return read;
}

/* ---- taking from the buffer ---- */

static int take(lua_State *L, saros_reader_t *reader, size_t size, enum saros_read_kind kind) {
  bool bare = kind == SAROS_READ_BARE_LINE && saros_buffer_data(&reader->buffer)[size - 1] == '\n';
  lua_pushlstring(L, saros_buffer_data(&reader->buffer), bare ? size - 1 : size);
  saros_buffer_consume(&reader->buffer, size);
  saros__reader_consumed(reader);
  return 1;
}

/* The end of the file: what is left, nil, or an error. */
static int take_rest(lua_State *L, saros_reader_t *reader, const saros_read_t *read) {
  size_t size = saros_buffer_size(&reader->buffer);
  if (size == 0) {
    if (read->kind == SAROS_READ_ALL) {
      lua_pushliteral(L, "");
    } else {
      lua_pushnil(L);
    }
    return 1;
  }
  if (read->kind != SAROS_READ_EXACT && read->kind != SAROS_READ_UNTIL) {
    return take(L, reader, size, read->kind);
  }
  saros_runtime_t *rt = saros__runtime(L);
  if (read->kind == SAROS_READ_EXACT) {
    saros__push_error(L, rt, "IncompleteReadError", "%I bytes read on a total of %I expected bytes",
                      (LUAI_UACINT)size, (LUAI_UACINT)read->size);
    lua_pushinteger(L, (lua_Integer)read->size);
    lua_setfield(L, -2, "expected");
  } else {
    saros__push_error(L, rt, "IncompleteReadError",
                      "%I bytes read, and the end came before the separator", (LUAI_UACINT)size);
  }
  take(L, reader, size, read->kind);
  lua_setfield(L, -2, "partial");
  return lua_error(L);
}

/* Too much before the separator. The data stays for another attempt, but a line that is too long is
 * dropped, as in asyncio: whoever reads lines could not get past it. */
static int raise_overrun(lua_State *L, saros_reader_t *reader, const saros_read_t *read,
                         size_t consumed) {
  saros_buffer_t *buffer = &reader->buffer;
  size_t size = saros_buffer_size(buffer);
  bool found = size >= consumed + read->separator_size &&
               memcmp(saros_buffer_data(buffer) + consumed, read->separator,
                      read->separator_size) == 0;
  saros__push_error(L, saros__runtime(L), "LimitOverrunError",
                    found ? "Separator is found, but chunk is longer than limit"
                          : "Separator is not found, and chunk exceeds the limit");
  lua_pushinteger(L, (lua_Integer)consumed);
  lua_setfield(L, -2, "consumed");
  if (read->kind != SAROS_READ_UNTIL) {
    saros_buffer_consume(buffer, found ? consumed + read->separator_size : size);
    saros__reader_consumed(reader);
  }
  return lua_error(L);
}

/* ---- waiting ---- */

static int step(lua_State *L, saros_reader_t *reader, enum saros_read_kind kind);

static int resumed(lua_State *L, int status, lua_KContext kind) {
  (void)status;
  saros__task_resumed(L, saros__runtime(L));
  if (lua_gettop(L) == ARGUMENTS) {
    return step(L, lua_touserdata(L, 1), (enum saros_read_kind)kind);
  }
  if (kind == SAROS_READ_BARE_LINE) {
    size_t size;
    const char *line = lua_tolstring(L, -1, &size);
    lua_pushlstring(L, line, size - 1);
  }
  return 1;
}

static void withdraw(saros_task_t *task, void *owner) {
  (void)task;
  saros__reader_set_waiter(owner, NULL);
}

static int wait(lua_State *L, saros_reader_t *reader, const saros_read_t *read) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_task_t *task = saros__task_suspendable(L, rt, names[read->kind]);
  saros_connection_t *connection = reader->transport->connection;
  if (!connection) return saros__raise(L, rt, "RuntimeError", "Event loop is closed");
  if (task->future.loop != connection->loop) {
    return saros__raise(L, rt, "RuntimeError", "the stream belongs to another loop");
  }
  if (reader->waiter) {
    return saros__raise(L, rt, "RuntimeError",
                        "%s() called while another task is already waiting for incoming data",
                        names[read->kind]);
  }
  saros__output_flush(connection); /* nothing more will come before the peer's answer */
  saros__reader_set_waiter(reader, task);
  reader->read = *read;
  if (reader->paused) { /* or a read of more than the limit would never end */
    reader->paused = connection->paused = false;
    saros__connection_watch(connection);
  }
  return saros__task_suspend(L, task, withdraw, reader, (lua_KContext)read->kind, resumed);
}

static int raise_failure(lua_State *L) {
  lua_getiuservalue(L, 1, SAROS_READER_TRANSPORT);
  saros__transport_push_error(L, -1);
  return lua_error(L);
}

static int step(lua_State *L, saros_reader_t *reader, enum saros_read_kind kind) {
  saros_read_t read = make_read(L, kind);
  if (reader->failed) return raise_failure(L);
  const saros_buffer_t *buffer = &reader->buffer;
  size_t size;
  switch (saros__read_match(&read, saros_buffer_data(buffer), saros_buffer_size(buffer),
                            reader->limit, &reader->searched, &size)) {
  case SAROS_MATCH_FOUND: return take(L, reader, size, kind);
  case SAROS_MATCH_OVERRUN: return raise_overrun(L, reader, &read, size);
  default: return reader->ended ? take_rest(L, reader, &read) : wait(L, reader, &read);
  }
}

/* Begins a read; the stack is the reader and the argument. */
static int begin(lua_State *L, saros_reader_t *reader, enum saros_read_kind kind) {
  reader->searched = 0;
  return step(L, reader, kind);
}

/* ---- Lua ---- */

static int read_format(lua_State *L, saros_reader_t *reader) {
  const char *format = lua_tostring(L, 2);
  if (*format == '*') format++; /* as in older versions of Lua */
  switch (*format) {
  case 'l': return begin(L, reader, SAROS_READ_BARE_LINE);
  case 'L': return begin(L, reader, SAROS_READ_LINE);
  case 'a': return begin(L, reader, SAROS_READ_ALL);
  default: return luaL_argerror(L, 2, "invalid format");
  }
}

/*** Reads up to `n` bytes, at least one; or to the end of the file. Suspends until there is something.
 * Mirrors `asyncio.StreamReader.read`.
 * @function StreamReader:read
 * @tparam[opt=-1] integer|string n how many bytes at most; negative or `"a"`: all up to the end; `"l"`: a
 * line without its newline; `"L"`: a line with it
 * @treturn ?string what was read; at the end of the file nil, but `""` if everything was asked for
 * @raise the error that ended the connection; LimitOverrunError for a line over the limit; RuntimeError
 * if another task reads already; CancelledError, and then nothing is lost
 */
static int reader_read(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  lua_settop(L, ARGUMENTS);
  if (lua_type(L, 2) == LUA_TSTRING) return read_format(L, reader);
  lua_Integer n = luaL_optinteger(L, 2, -1);
  if (n < 0) return begin(L, reader, SAROS_READ_ALL);
  if (n > 0) return begin(L, reader, SAROS_READ_SOME);
  if (reader->failed) return raise_failure(L);
  if (reader->ended && saros_buffer_size(&reader->buffer) == 0) {
    lua_pushnil(L);
  } else {
    lua_pushliteral(L, "");
  }
  return 1;
}

/*** Reads exactly `n` bytes. Mirrors `asyncio.StreamReader.readexactly`.
 * @function StreamReader:readexactly
 * @tparam integer n how many bytes
 * @treturn ?string the bytes; nil if the file has ended before the first
 * @raise IncompleteReadError{partial=, expected=} if it ends in between; ValueError if `n` is negative;
 * else as `read`
 */
static int reader_readexactly(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  lua_Integer n = luaL_checkinteger(L, 2);
  if (n < 0) {
    return saros__raise(L, saros__runtime(L), "ValueError", "readexactly of %I bytes: less than zero",
                        (LUAI_UACINT)n);
  }
  lua_settop(L, ARGUMENTS);
  if (n > 0) return begin(L, reader, SAROS_READ_EXACT);
  if (reader->failed) return raise_failure(L);
  lua_pushliteral(L, "");
  return 1;
}

/*** Reads up to and with a separator. Mirrors `asyncio.StreamReader.readuntil`.
 * @function StreamReader:readuntil
 * @tparam[opt="\n"] string separator what to look for, at least one byte
 * @treturn ?string the data and the separator; nil if the file has ended before the first byte
 * @raise LimitOverrunError{consumed=} if the separator is not within the limit: the data stays, and
 * `consumed` bytes of it are known to have no separator; IncompleteReadError{partial=} if the file ends
 * first; ValueError for an empty separator; else as `read`
 */
static int reader_readuntil(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  size_t size;
  luaL_optlstring(L, 2, "\n", &size);
  if (size == 0) {
    return saros__raise(L, saros__runtime(L), "ValueError", "the separator is empty");
  }
  lua_settop(L, ARGUMENTS);
  if (lua_isnil(L, 2)) {
    lua_pushliteral(L, "\n");
    lua_replace(L, 2);
  }
  return begin(L, reader, SAROS_READ_UNTIL);
}

/*** Reads a line, its newline included; the last one may lack it. Mirrors
 * `asyncio.StreamReader.readline`.
 * @function StreamReader:readline
 * @treturn ?string the line; nil at the end of the file
 * @raise LimitOverrunError{consumed=} for a line over the limit, which is dropped; else as `read`
 */
static int reader_readline(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  lua_settop(L, 1);
  lua_settop(L, ARGUMENTS);
  return begin(L, reader, SAROS_READ_LINE);
}

static int next_line(lua_State *L) {
  saros_reader_t *reader = saros__check_reader(L, 1);
  lua_settop(L, 1);
  lua_settop(L, ARGUMENTS);
  return begin(L, reader, SAROS_READ_BARE_LINE);
}

/*** Iterates over the lines that are left, without their newlines: `for line in reader:lines() do`.
 * @function StreamReader:lines
 * @treturn fun():?string an iterator, whose steps suspend
 * @raise as `readline`
 */
static int reader_lines(lua_State *L) {
  saros__check_reader(L, 1);
  saros__push_function(L, saros__runtime(L), next_line);
  lua_pushvalue(L, 1);
  return 2;
}

const luaL_Reg saros__read_methods[] = {{"read", reader_read},
                                        {"readexactly", reader_readexactly},
                                        {"readuntil", reader_readuntil},
                                        {"readline", reader_readline},
                                        {"lines", reader_lines},
                                        {NULL, NULL}};
