#include "thread/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/errors.h"
#include "thread/frame.h"
#include "thread/job.h"
#include "thread/transfer.h"

/* ---- the parent's end ---- */

/* Nobody would read what the finalizers of the state, or of anything else, still have to say. */
static void end_with_parent(void) {
  _exit(EXIT_FAILURE);
}

/* Argument: the descriptor. It reports when the other end is closed, whether that is asked for or not. */
static void *watch_parent(void *argument) {
  struct pollfd end = {(int)(intptr_t)argument, 0, 0};
  while (poll(&end, 1, -1) <= 0) {
  }
  end_with_parent();
  return NULL;
}

/* The thread takes no signals: they are for those who run Lua. Returns 0 or an error number. */
static int start_watching(int fd) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, NULL, watch_parent, (void *)(intptr_t)fd);
  if (error == 0) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

/* ---- Ctrl-C ---- */

static void do_nothing(int signum) {
  (void)signum;
}

/* With a handler: that SIGINT is ignored would be inherited by what a call starts. */
static void leave_interrupts_to_parent(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = do_nothing;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, NULL);
}

/* ---- calls ---- */

static bool answer(int fd, saros_frame_t kind, const saros_message_t *message) {
  fflush(stdout); /* what a call has printed is seen before its results are */
  return saros__frame_send(fd, kind, message);
}

static bool make_call(lua_State *L, saros_runtime_t *rt, int fd, saros_message_t *message) {
  enum saros_outcome outcome = saros__perform(L, rt, message, SAROS_PACK_FOR_PROCESS);
  lua_settop(L, 0);
  if (outcome == SAROS_JOB_NONE) return false;
  return answer(fd, outcome == SAROS_JOB_RESULTS ? SAROS_FRAME_RESULTS : SAROS_FRAME_FAILED, message);
}

static bool initialize(lua_State *L, saros_runtime_t *rt, int fd, const saros_message_t *initializer) {
  char *reason;
  if (saros__run_initializer(L, rt, initializer, &reason)) return answer(fd, SAROS_FRAME_READY, NULL);
  saros_message_t text = {.bytes = reason, .size = reason ? strlen(reason) + 1 : 0};
  bool sent = answer(fd, SAROS_FRAME_REFUSED, &text);
  free(reason);
  return sent;
}

/* Does what the next frame says; false: it was the last one. */
static bool serve_frame(lua_State *L, saros_runtime_t *rt, int fd) {
  saros_message_t message;
  saros__message_init(&message);
  bool goes_on;
  switch (saros__frame_receive(fd, &message)) {
    case SAROS_FRAME_CALL: goes_on = make_call(L, rt, fd, &message); break;
    case SAROS_FRAME_INITIALIZE: goes_on = initialize(L, rt, fd, &message); break;
    case SAROS_FRAME_GOODBYE: return false;
    default: goes_on = false;
  }
  saros__message_clear(&message);
  if (!goes_on) end_with_parent();
  return true;
}

/* serve_parent(descriptor): makes the calls that the parent sends, until it says goodbye. */
static int serve_parent(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  int fd = (int)luaL_checkinteger(L, 1);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  leave_interrupts_to_parent();
  int error = start_watching(fd);
  if (error != 0) return saros__raise_os_error(L, rt, -error, "a worker process");
  bool goes_on = saros__frame_send(fd, SAROS_FRAME_READY, NULL);
  while (goes_on) goes_on = serve_frame(L, rt, fd);
  return 0;
}

static const luaL_Reg functions[] = {{"serve_parent", serve_parent}, {NULL, NULL}};

void saros__serve_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
}
