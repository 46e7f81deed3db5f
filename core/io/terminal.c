#include "io/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* The kernel's own limit for a line that is edited by the terminal. */
enum { LINE_SIZE = 4096 };

bool saros__terminal_has_input(void) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&input, 1, 0) == 1;
}

/*** Tells whether standard input, or another descriptor, is a terminal; private.
 * @function is_terminal
 * @local
 * @tparam[opt=0] integer fd
 * @treturn boolean
 */
static int is_terminal(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_optinteger(L, 1, STDIN_FILENO)));
  return 1;
}

/*** Reads from the terminal, at most to the end of a line; private.
 * @function read_terminal
 * @local
 * @treturn[1] string what was typed
 * @treturn[2] nil if nothing was typed yet
 * @treturn[3] boolean false at the end of the input
 */
static int read_terminal(lua_State *L) {
  char line[LINE_SIZE];
  if (!saros__terminal_has_input()) {
    lua_pushnil(L);
    return 1;
  }
  ssize_t count = read(STDIN_FILENO, line, sizeof line);
  if (count > 0) {
    lua_pushlstring(L, line, (size_t)count);
  } else {
    lua_pushboolean(L, 0);
  }
  return 1;
}

/*** Opens the null device in place of standard input, output and errors that are closed; private.
 * Else what is opened next has their number: what is printed would go to a database, or to libuv.
 * @function open_standard_streams
 * @local
 */
static int open_standard_streams(lua_State *L) {
  (void)L;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    if (open("/dev/null", O_RDWR) < 0) break; /* gets the lowest number that is free, this one */
  }
  return 0;
}

static const luaL_Reg functions[] = {{"is_terminal", is_terminal},
                                     {"read_terminal", read_terminal},
                                     {"open_standard_streams", open_standard_streams},
                                     {NULL, NULL}};

void saros__terminal_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
