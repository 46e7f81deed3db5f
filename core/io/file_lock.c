#include "io/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/errors.h"

static bool is_at(int fd, const char *path) {
  struct stat locked, found;
  if (fstat(fd, &locked) < 0 || stat(path, &found) < 0) return false;
  return locked.st_dev == found.st_dev && locked.st_ino == found.st_ino;
}

/* A descriptor, or an error code. */
static int open_locked(const char *path) {
  for (;;) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) return -errno;
    int code = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    if (code == 0 && is_at(fd, path)) return fd;
    close(fd);
    if (code < 0) return code;
    /* Between open and lock, whoever had it has removed it. */
  }
}

static int close_file(lua_State *L) {
  luaL_Stream *file = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  return luaL_fileresult(L, fclose(file->f) == 0, NULL);
}

/*** Locks a file for this process, making it if it is not there; private.
 * @function lock_file
 * @local
 * @tparam string path
 * @treturn ?userdata an open one, which holds the lock until it is closed; nil while somebody else
 * holds it
 * @raise `OSError`
 */
static int lock_file(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  luaL_Stream *file = lua_newuserdatauv(L, sizeof *file, 0);
  file->closef = NULL; /* it counts as closed */
  luaL_setmetatable(L, LUA_FILEHANDLE);
  int fd = open_locked(path);
  if (fd == -EWOULDBLOCK) {
    luaL_pushfail(L);
    return 1;
  }
  if (fd < 0) return saros__raise_os_error(L, saros__runtime(L), fd, path);
  file->f = fdopen(fd, "r+");
  if (!file->f) {
    int code = -errno;
    close(fd);
    return saros__raise_os_error(L, saros__runtime(L), code, path);
  }
  file->closef = close_file;
  return 1;
}

static const luaL_Reg functions[] = {{"lock_file", lock_file}, {NULL, NULL}};

void saros__file_lock_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
