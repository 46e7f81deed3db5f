#include "io/readline.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "io/terminal.h"

/* Lines that the history keeps, in memory and in its file. */
enum { HISTORY_SIZE = 1000 };

/* What the library has that we use. */
static struct {
  void (*install)(const char *prompt, void (*on_line)(char *line));
  void (*read_char)(void);
  void (*remove)(void);
  void (*forget_keys)(void);
  void (*resize)(void);
  void (*prepare)(int eight_bits);
  void (*undo_prepare)(void);
  int (*redraw)(void);
  void (*using_history)(void);
  void (*add_history)(const char *line);
  void (*stifle_history)(int size);
  int (*read_history)(const char *path);
  int (*append_history)(int count, const char *path);
  int (*write_history)(const char *path);
  int (*truncate_history)(const char *path, int size);
  int *catch_signals, *catch_resize, *inhibit_completion;
  const char **name;
} library;

static const struct {
  const char *name;
  void **place;
} symbols[] = {
    {"rl_callback_handler_install", (void **)&library.install},
    {"rl_callback_read_char", (void **)&library.read_char},
    {"rl_callback_handler_remove", (void **)&library.remove},
    {"rl_callback_sigcleanup", (void **)&library.forget_keys},
    {"rl_resize_terminal", (void **)&library.resize},
    {"rl_prep_terminal", (void **)&library.prepare},
    {"rl_deprep_terminal", (void **)&library.undo_prepare},
    {"rl_forced_update_display", (void **)&library.redraw},
    {"using_history", (void **)&library.using_history},
    {"add_history", (void **)&library.add_history},
    {"stifle_history", (void **)&library.stifle_history},
    {"read_history", (void **)&library.read_history},
    {"append_history", (void **)&library.append_history},
    {"write_history", (void **)&library.write_history},
    {"history_truncate_file", (void **)&library.truncate_history},
    {"rl_catch_signals", (void **)&library.catch_signals},
    {"rl_catch_sigwinch", (void **)&library.catch_resize},
    {"rl_inhibit_completion", (void **)&library.inhibit_completion},
    {"rl_readline_name", (void **)&library.name},
};

/* The line being read. */
static struct {
  bool started;
  bool complete;
  bool resized; /* since the line before */
  char *line; /* what was typed, once it is complete; NULL for the end of the input */
  int added;  /* lines of the history that are not in its file yet */
} state;

/* Called by the library, which has put the terminal in order by then. Removing the handler keeps it from
 * showing the prompt once more. */
static void on_line(char *line) {
  library.remove();
  state.started = false;
  state.complete = true;
  state.line = line;
}

static void forget_line(void) {
  free(state.line);
  state.line = NULL;
}

/* Shows the prompt and begins to read a line. */
static int start(lua_State *L) {
  const char *prompt = luaL_checkstring(L, 1);
  forget_line();
  state.started = true;
  state.complete = false;
  library.install(prompt, on_line);
  if (state.resized) library.resize();
  state.resized = false;
  return 0;
}

/* Takes what was typed: returns the line, false at the end of the input, nil if there is more to come. */
static int take(lua_State *L) {
  while (state.started && saros__terminal_has_input()) library.read_char();
  if (!state.complete) {
    lua_pushnil(L);
  } else if (!state.line) {
    lua_pushboolean(L, 0);
  } else {
    lua_pushstring(L, state.line); /* may raise: the line is freed when it is taken again, or the next starts */
    forget_line();
  }
  return 1;
}

/* Gives up what was typed, and puts the terminal in order. */
static int stop(lua_State *L) {
  (void)L;
  if (!state.started) return 0;
  state.started = false;
  library.forget_keys();
  library.remove();
  return 0;
}

/* The terminal has another size. */
static int resize(lua_State *L) {
  (void)L;
  state.resized = !state.started;
  if (state.started) library.resize();
  return 0;
}

/* The process was stopped and goes on: the shell has left the terminal in another mode. */
static int resume(lua_State *L) {
  (void)L;
  if (!state.started) return 0;
  library.undo_prepare();
  library.prepare(1);
  library.redraw();
  return 0;
}

static int remember(lua_State *L) {
  library.add_history(luaL_checkstring(L, 1));
  state.added++;
  return 0;
}

/* Reads the history's file; one that is not there is an empty one. */
static int load_history(lua_State *L) {
  library.read_history(luaL_checkstring(L, 1));
  return 0;
}

/* Adds to the history's file what was remembered since. */
static int save_history(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (state.added == 0) return 0;
  if (library.append_history(state.added, path) != 0) library.write_history(path);
  library.truncate_history(path, HISTORY_SIZE);
  state.added = 0;
  return 0;
}

static const luaL_Reg methods[] = {{"start", start},
                                   {"take", take},
                                   {"stop", stop},
                                   {"resize", resize},
                                   {"resume", resume},
                                   {"remember", remember},
                                   {"load_history", load_history},
                                   {"save_history", save_history},
                                   {NULL, NULL}};

/* Finds everything in the library, which stays loaded: the terminal may be in its mode to the very end. */
static bool find_symbols(const char *name) {
  uv_lib_t handle;
  bool found = uv_dlopen(name, &handle) == 0;
  for (size_t i = 0; found && i < sizeof symbols / sizeof *symbols; i++) {
    found = uv_dlsym(&handle, symbols[i].name, symbols[i].place) == 0;
  }
  if (found) return true;
  uv_dlclose(&handle);
  return false;
}

/*** Looks for GNU readline; private.
 * @function load_readline
 * @local
 * @tparam string name of the library, as the system's loader finds it
 * @treturn ?table `start(prompt)`, `take()`, `stop()`, `resize()`, `resume()`, `remember(line)`,
 * `load_history(path)`, `save_history(path)`; nil if there is none
 */
static int load_readline(lua_State *L) {
  if (!find_symbols(luaL_checkstring(L, 1))) {
    lua_pushnil(L);
    return 1;
  }
  *library.name = "saros";
  *library.inhibit_completion = 1; /* a tab is a tab, as under lua */
  *library.catch_signals = 0;      /* they are the loop's */
  *library.catch_resize = 0;
  library.using_history();
  library.stifle_history(HISTORY_SIZE);
  luaL_newlib(L, methods);
  return 1;
}

static const luaL_Reg functions[] = {{"load_readline", load_readline}, {NULL, NULL}};

void saros__readline_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
