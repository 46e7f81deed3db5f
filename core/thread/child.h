/* child.h: a worker process, as its parent has it.
 *
 * It is a Lua of its own, started as the program was, that runs the code in which it
 * finds its way to serve.c. One descriptor leads to it, 3 there; its standard input is
 * empty, its outputs are the parent's, and it has no other descriptor of the parent's.
 *
 * A child is of one thread, which starts it, talks to it and waits for its end. Only
 * `saros__child_kill` is for any. The lock protects `pid`, `fd` and `killed`, so that a
 * signal never goes to a process that has the number of one that is gone; it is not held
 * while anything is waited for.
 *
 * Ownership: between start and reap there are a process and a descriptor; afterwards
 * there is neither, no zombie either.
 */
#ifndef SAROS_THREAD_CHILD_H
#define SAROS_THREAD_CHILD_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct saros_child {
  pthread_mutex_t lock;
  pid_t pid;   /* 0: there is none */
  bool killed; /* what it does is not wanted any more, or will not be when it is started */
  bool lost;   /* it was killed, but not for what is to be done next */
  int fd;
} saros_child_t;

/* How to start one: a Lua program, or where to find it on the path, and code for its option -e. */
typedef struct saros_command {
  char *program, *code;
} saros_command_t;

/* There is no process yet. Returns 0 or an error number. */
int saros__child_init(saros_child_t *child);
/* There is no process any more. */
void saros__child_destroy(saros_child_t *child);

/* Starts the process. Returns 0 or an error number. */
int saros__child_start(saros_child_t *child, const saros_command_t *command);

/* Any thread: ends the process at once, and what its own thread waits for. One that is not there yet ends when it
 * is. */
void saros__child_kill(saros_child_t *child);

/* What was wanted is done: a kill that came for it will not be one for what follows. */
void saros__child_forgive(saros_child_t *child);

/* True if what is done now is not wanted any more. */
bool saros__child_was_killed(saros_child_t *child);

/* True if there is a process that has not ended and is to be used. */
bool saros__child_is_usable(saros_child_t *child);

/* Waits for the end of the process, and returns its status as waitpid gives it; -1 if nobody can tell. */
int saros__child_reap(saros_child_t *child);
/* The same for one that does not answer any more: makes sure that it ends. */
int saros__child_end(saros_child_t *child);

#endif
