/* pty.c: a program on a terminal of its own, for specs.
 *
 *   spawn(program, argument ...) -> pty     the terminal is its standard input, output and errors
 *   pty:read(seconds) -> string             what it has written; "" at the end; nil when the time is over
 *   pty:write(string)                       as if it was typed
 *   pty:kill(number)                        a signal for the program
 *   pty:resize(rows, columns)
 *   pty:is_usual() -> boolean               whether the terminal is in its usual mode: echoes, hands over lines
 *   pty:make_usual()                        puts it there, as a shell does that takes over
 *   pty:wait(seconds) -> string             "exit 0", "signal 15" and the like; nil when the time is over
 *   pty:close()                             ends the program, however it is; also `<close>`
 *
 * A pty owns its program until that was waited for, and the descriptor of the terminal's other side.
 */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PTY "spec.support.pty"

enum { ROWS = 24, COLUMNS = 1000, NANOSECONDS = 1000000000, PAUSE = 2000000 };

typedef struct pty {
  int master;  /* -1 once closed */
  pid_t child; /* 0 once it was waited for */
  int status;  /* how it ended, then */
} pty_t;

static pty_t *check_pty(lua_State *L) {
  pty_t *pty = luaL_checkudata(L, 1, PTY);
  luaL_argcheck(L, pty->master >= 0, 1, "the terminal is closed");
  return pty;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / NANOSECONDS;
}

/* ---- starting ---- */

/* In the child, where only what is safe in a signal handler may be called: becomes the program. */
static void become(int slave, char *const arguments[]) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  /* What runs in the background ignores SIGINT, and hands that down. */
  signal(SIGINT, SIG_DFL);
  signal(SIGQUIT, SIG_DFL);
  if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0) _exit(126);
  for (int fd = 0; fd <= 2; fd++) {
    if (dup2(slave, fd) < 0) _exit(126);
  }
  execvp(arguments[0], arguments);
  _exit(127);
}

/* Opens a terminal's other side; gives the terminal itself as well. -1 on failure. */
static int open_master(int *slave) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0) return -1;
  struct winsize size = {.ws_row = ROWS, .ws_col = COLUMNS};
  const char *name;
  fcntl(master, F_SETFD, FD_CLOEXEC);
  *slave = -1;
  if (grantpt(master) == 0 && unlockpt(master) == 0 && (name = ptsname(master)) != NULL) {
    *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  }
  if (*slave >= 0 && ioctl(*slave, TIOCSWINSZ, &size) == 0) return master;
  if (*slave >= 0) close(*slave);
  close(master);
  return -1;
}

static int pty_spawn(lua_State *L) {
  int count = lua_gettop(L);
  luaL_checkstring(L, 1);
  char **arguments = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *arguments, 0);
  for (int i = 0; i < count; i++) arguments[i] = (char *)luaL_checkstring(L, i + 1);
  arguments[count] = NULL;
  pty_t *pty = lua_newuserdatauv(L, sizeof *pty, 0);
  *pty = (pty_t){.master = -1};
  luaL_setmetatable(L, PTY);
  int slave;
  pty->master = open_master(&slave);
  if (pty->master < 0) return luaL_error(L, "no terminal: %s", strerror(errno));
  pty->child = fork();
  if (pty->child == 0) become(slave, arguments);
  close(slave);
  if (pty->child < 0) {
    pty->child = 0;
    return luaL_error(L, "fork: %s", strerror(errno));
  }
  return 1;
}

/* ---- talking to it ---- */

static int pty_read(lua_State *L) {
  pty_t *pty = check_pty(L);
  double deadline = now() + luaL_checknumber(L, 2);
  struct pollfd output = {.fd = pty->master, .events = POLLIN};
  int ready;
  do {
    double left = deadline - now();
    ready = poll(&output, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return lua_pushnil(L), 1;
  luaL_Buffer b;
  ssize_t got = read(pty->master, luaL_prepbuffer((luaL_buffinit(L, &b), &b)), LUAL_BUFFERSIZE);
  luaL_pushresultsize(&b, got > 0 ? (size_t)got : 0); /* Linux has an error when nobody has the terminal */
  return 1;
}

static int pty_write(lua_State *L) {
  pty_t *pty = check_pty(L);
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  while (length > 0) {
    ssize_t written = write(pty->master, text, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return luaL_error(L, "cannot type: %s", strerror(errno));
    text += written;
    length -= (size_t)written;
  }
  return 0;
}

static int pty_kill(lua_State *L) {
  pty_t *pty = check_pty(L);
  int signum = (int)luaL_checkinteger(L, 2);
  if (pty->child == 0) return luaL_error(L, "the program has ended");
  kill(pty->child, signum);
  return 0;
}

static int pty_resize(lua_State *L) {
  pty_t *pty = check_pty(L);
  struct winsize size = {.ws_row = (unsigned short)luaL_checkinteger(L, 2),
                         .ws_col = (unsigned short)luaL_checkinteger(L, 3)};
  if (ioctl(pty->master, TIOCSWINSZ, &size) != 0) return luaL_error(L, "resize: %s", strerror(errno));
  return 0;
}

static void get_mode(lua_State *L, pty_t *pty, struct termios *mode) {
  if (tcgetattr(pty->master, mode) != 0) luaL_error(L, "the terminal's mode: %s", strerror(errno));
}

static int pty_is_usual(lua_State *L) {
  struct termios mode;
  get_mode(L, check_pty(L), &mode);
  lua_pushboolean(L, (mode.c_lflag & ECHO) && (mode.c_lflag & ICANON));
  return 1;
}

static int pty_make_usual(lua_State *L) {
  pty_t *pty = check_pty(L);
  struct termios mode;
  get_mode(L, pty, &mode);
  mode.c_lflag |= ECHO | ICANON;
  if (tcsetattr(pty->master, TCSANOW, &mode) != 0) return luaL_error(L, "tcsetattr: %s", strerror(errno));
  return 0;
}

/* ---- its end ---- */

/* Whether the program has ended; it is gone from the system then. */
static bool reap(pty_t *pty, int options) {
  if (pty->child == 0) return true;
  pid_t pid;
  do {
    pid = waitpid(pty->child, &pty->status, options);
  } while (pid < 0 && errno == EINTR);
  if (pid != 0) pty->child = 0;
  return pid != 0;
}

static int pty_wait(lua_State *L) {
  pty_t *pty = check_pty(L);
  double deadline = now() + luaL_checknumber(L, 2);
  while (!reap(pty, WNOHANG)) {
    if (now() >= deadline) return lua_pushnil(L), 1;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
  }
  if (WIFSIGNALED(pty->status)) {
    lua_pushfstring(L, "signal %d", WTERMSIG(pty->status));
  } else {
    lua_pushfstring(L, "exit %d", WEXITSTATUS(pty->status));
  }
  return 1;
}

static int pty_close(lua_State *L) {
  pty_t *pty = luaL_checkudata(L, 1, PTY);
  if (pty->child > 0) {
    kill(pty->child, SIGKILL);
    reap(pty, 0);
  }
  if (pty->master >= 0) close(pty->master);
  pty->master = -1;
  return 0;
}

static const luaL_Reg methods[] = {{"read", pty_read},     {"write", pty_write}, {"kill", pty_kill},
                                   {"resize", pty_resize}, {"wait", pty_wait},   {"close", pty_close},
                                   {"is_usual", pty_is_usual}, {"make_usual", pty_make_usual},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", pty_close}, {"__close", pty_close}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"spawn", pty_spawn}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_spec_support_pty(lua_State *L);

int luaopen_spec_support_pty(lua_State *L) {
  luaL_newmetatable(L, PTY);
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  return 1;
}
