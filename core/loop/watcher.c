#include "loop/watcher.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/context.h"
#include "loop/errors.h"
#include "loop/handle.h"

typedef struct saros_watcher {
  uv_poll_t poll; /* first: freed through it */
  saros_loop_t *loop;
  struct saros_watcher *next;
  int fd;
  int events; /* UV_READABLE, UV_WRITABLE */
  int ready;  /* the events to schedule */
  uint64_t scheduled[2]; /* the last calls: sequence numbers, by event */
} saros_watcher_t;

/* UV_READABLE or UV_WRITABLE as an index. */
static inline int index_of(int event) {
  return event == UV_READABLE ? 0 : 1;
}

int saros__check_fd(lua_State *L, saros_runtime_t *rt, int index) {
  luaL_Stream *file = luaL_testudata(L, index, LUA_FILEHANDLE);
  if (file) {
    if (!file->closef) saros__raise(L, rt, "ValueError", "attempt to use a closed file");
    return fileno(file->f);
  }
  if (lua_type(L, index) != LUA_TNUMBER) return luaL_typeerror(L, index, "file descriptor or file");
  lua_Integer fd = luaL_checkinteger(L, index);
  if (fd < 0 || fd > INT_MAX) {
    saros__raise(L, rt, "ValueError", "invalid file descriptor %I", (LUAI_UACINT)fd);
  }
  return (int)fd;
}

static saros_watcher_t **find(saros_loop_t *loop, int fd) {
  saros_watcher_t **link = &loop->watchers;
  while (*link && (*link)->fd != fd) link = &(*link)->next;
  return link;
}

/* ---- events ---- */

/* Schedules the function for `event`, if there is one: the watcher's anchor holds a packed call for
 * each event. */
static void schedule_event(lua_State *L, saros_watcher_t *watcher, int event) {
  saros__loop_anchored(L, watcher->loop, watcher);
  if (!lua_istable(L, -1) || lua_rawgeti(L, -1, event) != LUA_TTABLE) {
    lua_settop(L, 1);
    return;
  }
  int n = saros__unpack_call(L, -1);
  watcher->scheduled[index_of(event)] = saros__call_soon(L, watcher->loop, n);
  lua_settop(L, 1);
}

/* Argument: the watcher. */
static int schedule(lua_State *L) {
  saros_watcher_t *watcher = lua_touserdata(L, 1);
  int ready = watcher->ready;
  if (ready & UV_READABLE) schedule_event(L, watcher, UV_READABLE);
  if (ready & UV_WRITABLE) schedule_event(L, watcher, UV_WRITABLE);
  return 0;
}

static void on_event(uv_poll_t *poll, int status, int events) {
  saros_watcher_t *watcher = (saros_watcher_t *)poll;
  /* An error is for the functions to find, with their next read or write. */
  watcher->ready = status < 0 ? watcher->events : events;
  saros__loop_protect(watcher->loop, schedule, watcher, "Exception in a reader or writer");
}

/* ---- starting and stopping ---- */

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

static void close_watcher(saros_watcher_t **link) {
  saros_watcher_t *watcher = *link;
  *link = watcher->next;
  saros__loop_unref(watcher->loop);
  uv_close((uv_handle_t *)&watcher->poll, on_closed);
}

void saros__watchers_close(saros_loop_t *loop) {
  while (loop->watchers) close_watcher(&loop->watchers);
}

static int open_watcher(saros_loop_t *loop, int fd) {
  saros_watcher_t *watcher = malloc(sizeof *watcher);
  if (!watcher) return UV_ENOMEM;
  int code = uv_poll_init(&loop->uv, &watcher->poll, fd);
  if (code < 0) {
    free(watcher);
    return code;
  }
  watcher->loop = loop;
  watcher->fd = fd;
  watcher->events = watcher->ready = 0;
  watcher->scheduled[0] = watcher->scheduled[1] = 0;
  watcher->next = loop->watchers;
  loop->watchers = watcher;
  saros__loop_ref(loop);
  return 0;
}

/* Cancels a call that is scheduled but has not run: its function was removed or replaced. */
static void cancel_scheduled(saros_watcher_t *watcher, int event) {
  uint64_t sequence = watcher->scheduled[index_of(event)];
  saros_entry_t *entry = sequence ? saros_ready_find(&watcher->loop->ready, sequence) : NULL;
  if (entry) entry->run = NULL;
}

static int watch(lua_State *L, int event) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  int fd = saros__check_fd(L, loop->rt, 2);
  saros__check_callable(L, 3);
  saros__context_bind(L, loop->rt, 3);
  saros__pack_call(L, 3);
  lua_newtable(L); /* 4: a new watcher's calls; made first, as it may fail */
  saros_watcher_t **link = find(loop, fd);
  if (!*link) {
    int code = open_watcher(loop, fd);
    if (code < 0) return saros__raise_os_error(L, loop->rt, code, "cannot watch the descriptor");
    link = &loop->watchers;
    lua_pushvalue(L, 4);
    saros__loop_anchor(L, loop, *link);
  }
  saros_watcher_t *watcher = *link;
  saros__loop_anchored(L, loop, watcher);
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, event);
  cancel_scheduled(watcher, event);
  watcher->events |= event;
  int code = uv_poll_start(&watcher->poll, watcher->events, on_event);
  if (code < 0) return saros__raise_os_error(L, loop->rt, code, "cannot watch the descriptor");
  return 0;
}

static int unwatch(lua_State *L, int event) {
  saros_loop_t *loop = saros__check_open_loop(L, 1);
  int fd = saros__check_fd(L, loop->rt, 2);
  saros_watcher_t **link = find(loop, fd), *watcher = *link;
  bool found = watcher && watcher->events & event;
  lua_pushboolean(L, found);
  if (!found) return 1;
  cancel_scheduled(watcher, event);
  watcher->events &= ~event;
  if (watcher->events == 0) {
    saros__loop_release(L, loop, watcher);
    close_watcher(link);
    return 1;
  }
  saros__loop_anchored(L, loop, watcher);
  lua_pushnil(L);
  lua_rawseti(L, -2, event);
  lua_pop(L, 1);
  uv_poll_start(&watcher->poll, watcher->events, on_event);
  return 1;
}

/* ---- Lua ---- */

/*** Calls a function whenever a file descriptor can be read. Mirrors `asyncio.loop.add_reader`.
 * @function EventLoop:add_reader
 * @tparam integer|file fd a descriptor or an open Lua file, in non-blocking mode from now on
 * @tparam function fn what to call
 * @param[opt] ... its arguments
 * @raise OSError if the descriptor cannot be watched (EPERM: a regular file)
 */
static int loop_add_reader(lua_State *L) {
  return watch(L, UV_READABLE);
}

/*** Undoes `add_reader`. Mirrors `asyncio.loop.remove_reader`.
 * @function EventLoop:remove_reader
 * @tparam integer|file fd the same descriptor or file
 * @treturn boolean whether it was watched
 */
static int loop_remove_reader(lua_State *L) {
  return unwatch(L, UV_READABLE);
}

/*** Calls a function whenever a file descriptor can be written to. Mirrors `asyncio.loop.add_writer`.
 * @function EventLoop:add_writer
 * @tparam integer|file fd a descriptor or an open Lua file, in non-blocking mode from now on
 * @tparam function fn what to call
 * @param[opt] ... its arguments
 * @raise OSError if the descriptor cannot be watched
 */
static int loop_add_writer(lua_State *L) {
  return watch(L, UV_WRITABLE);
}

/*** Undoes `add_writer`. Mirrors `asyncio.loop.remove_writer`.
 * @function EventLoop:remove_writer
 * @tparam integer|file fd the same descriptor or file
 * @treturn boolean whether it was watched
 */
static int loop_remove_writer(lua_State *L) {
  return unwatch(L, UV_WRITABLE);
}

/* watched_descriptors(loop) -> a list of numbers. For the Lua layer. */
static int watched_descriptors(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  lua_newtable(L);
  lua_Integer count = 0;
  for (const saros_watcher_t *watcher = loop->watchers; watcher; watcher = watcher->next) {
    lua_pushinteger(L, watcher->fd);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static const luaL_Reg functions[] = {{"watched_descriptors", watched_descriptors}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"add_reader", loop_add_reader},
                                   {"remove_reader", loop_remove_reader},
                                   {"add_writer", loop_add_writer},
                                   {"remove_writer", loop_remove_writer},
                                   {NULL, NULL}};

void saros__watcher_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}

void saros__watcher_methods(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, methods);
}
