#include "thread/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHILD_FD = 3 };

/* Both ends of a pair of sockets must be out of the way of what the child's descriptors will be. */
enum { SAFE_FD = 10 };

/* ---- descriptors ---- */

/* Moves a descriptor to where it is safe and not inherited; a negative error number. */
static int move_away(int fd) {
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
  int error = errno;
  close(fd);
  return moved < 0 ? -error : moved;
}

static int open_pair(int fds[2]) {
#ifdef SOCK_CLOEXEC
  int type = SOCK_STREAM | SOCK_CLOEXEC;
#else
  int type = SOCK_STREAM;
#endif
  if (socketpair(AF_UNIX, type, 0, fds) != 0) return errno;
  fds[0] = move_away(fds[0]);
  fds[1] = move_away(fds[1]);
  if (fds[0] >= 0 && fds[1] >= 0) return 0;
  int error = fds[0] < 0 ? -fds[0] : -fds[1];
  for (int i = 0; i < 2; i++) {
    if (fds[i] >= 0) close(fds[i]);
  }
  return error;
}

/* The child gets none of the descriptors from `first` on, whoever opened them without saying so. */
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
static int close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
#else
static int close_from(posix_spawn_file_actions_t *actions, int first) {
  long limit = sysconf(_SC_OPEN_MAX);
  if (limit < 0 || limit > 65536) limit = 65536;
  int error = 0;
  for (int fd = first; fd < limit && error == 0; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && !(flags & FD_CLOEXEC)) error = posix_spawn_file_actions_addclose(actions, fd);
  }
  return error;
}
#endif

/* ---- starting ---- */

int saros__child_init(saros_child_t *child) {
  *child = (saros_child_t){.fd = -1};
  return pthread_mutex_init(&child->lock, NULL);
}

void saros__child_destroy(saros_child_t *child) {
  pthread_mutex_destroy(&child->lock);
}

/* Under the lock. What the process has forked may have the socket still, and would keep it open. */
static void kill_now(saros_child_t *child) {
  kill(child->pid, SIGKILL);
  shutdown(child->fd, SHUT_RDWR);
}

static int spawn(pid_t *pid, const saros_command_t *command, int fd) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  char option[] = "-e";
  char *argv[] = {command->program, option, command->code, NULL};
  error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
  if (error == 0) error = close_from(&actions, CHILD_FD + 1);
  if (error == 0) error = posix_spawnp(pid, command->program, &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

int saros__child_start(saros_child_t *child, const saros_command_t *command) {
  int fds[2];
  int error = open_pair(fds);
  if (error != 0) return error;
  pid_t pid;
  error = spawn(&pid, command, fds[1]);
  close(fds[1]);
  if (error != 0) {
    close(fds[0]);
    return error;
  }
  pthread_mutex_lock(&child->lock);
  child->fd = fds[0];
  child->pid = pid;
  child->lost = false;
  if (child->killed) kill_now(child);
  pthread_mutex_unlock(&child->lock);
  return 0;
}

/* ---- ending ---- */

void saros__child_kill(saros_child_t *child) {
  pthread_mutex_lock(&child->lock);
  child->killed = true;
  if (child->pid > 0) kill_now(child);
  pthread_mutex_unlock(&child->lock);
}

void saros__child_forgive(saros_child_t *child) {
  pthread_mutex_lock(&child->lock);
  child->lost = child->lost || child->killed;
  child->killed = false;
  pthread_mutex_unlock(&child->lock);
}

bool saros__child_was_killed(saros_child_t *child) {
  pthread_mutex_lock(&child->lock);
  bool killed = child->killed;
  pthread_mutex_unlock(&child->lock);
  return killed;
}

/* Only this thread changes `pid`, `fd` and `lost`. */
bool saros__child_is_usable(saros_child_t *child) {
  if (child->pid == 0 || child->lost) return false;
  siginfo_t info;
  memset(&info, 0, sizeof info);
  return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

int saros__child_reap(saros_child_t *child) {
  siginfo_t info;
  /* Without taking its number away: it may be killed meanwhile. */
  while (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  int status = -1;
  pthread_mutex_lock(&child->lock);
  if (waitpid(child->pid, &status, 0) < 0) status = -1; /* SIGCHLD is ignored, so the system reaped it */
  child->pid = 0;
  child->lost = false;
  close(child->fd);
  child->fd = -1;
  pthread_mutex_unlock(&child->lock);
  return status;
}

/* One that is ending already keeps its status. */
int saros__child_end(saros_child_t *child) {
  kill(child->pid, SIGKILL);
  return saros__child_reap(child);
}
