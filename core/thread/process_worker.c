/* process_worker.c: workers that have processes run their jobs.
 *
 * The thread of such a worker runs no Lua. It sends a job to its child and waits for the
 * answer, so that neither large messages nor the child's end concern any loop, and a pool
 * can serve one loop after the other. It starts the child when there is a job for it, and
 * another one after that has ended; when the worker ends, so has its child.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "thread/frame.h"
#include "thread/transfer.h"
#include "thread/worker.h"

/* ---- stopping ---- */

static void stop_worker(saros_worker_t *worker) {
  saros__child_kill(&worker->child);
}

static void job_done(saros_worker_t *worker) {
  saros__child_forgive(&worker->child);
}

/* ---- starting a child ---- */

static char *format(const char *pattern, ...) {
  char text[512];
  va_list args;
  va_start(args, pattern);
  vsnprintf(text, sizeof text, pattern, args);
  va_end(args);
  return strdup(text);
}

/* The text of a message. */
static char *copy_text(const saros_message_t *message) {
  return message->size > 0 ? strdup(message->bytes) : NULL;
}

/* It ended before it took a call. */
static char *explain_end(const char *program, int status) {
  if (WIFSIGNALED(status)) {
    return format("a worker process did not start: %s was ended by signal %d", program, WTERMSIG(status));
  }
  return format("a worker process did not start: %s ended with status %d", program, WEXITSTATUS(status));
}

/* The child's answer when it has been started, and has called the initializer. */
static saros_frame_t greet(const saros_child_t *child, const saros_message_t *initializer, saros_message_t *message) {
  saros_frame_t kind = saros__frame_receive(child->fd, message);
  if (kind != SAROS_FRAME_READY || !initializer) return kind;
  if (!saros__frame_send(child->fd, SAROS_FRAME_INITIALIZE, initializer)) return SAROS_FRAME_NONE;
  return saros__frame_receive(child->fd, message);
}

/* Starts a child. False if there is none; then the pool is broken, unless somebody stopped the child. */
static bool start_child(saros_worker_t *worker, const saros_message_t *initializer) {
  saros_child_t *child = &worker->child;
  const saros_command_t *command = saros__workers_command(worker->pool);
  int error = saros__child_start(child, command);
  if (error != 0) {
    saros__workers_break(worker->pool,
                         format("cannot start a worker process: %s: %s", command->program, strerror(error)));
    return false;
  }
  saros_message_t message;
  saros__message_init(&message);
  saros_frame_t kind = greet(child, initializer, &message);
  if (kind != SAROS_FRAME_READY) {
    int status = saros__child_end(child);
    if (!saros__child_was_killed(child)) {
      bool refused = kind == SAROS_FRAME_REFUSED;
      saros__workers_break(worker->pool, refused ? copy_text(&message) : explain_end(command->program, status));
    }
  }
  saros__message_clear(&message);
  return kind == SAROS_FRAME_READY;
}

/* Sees to it that there is a child that can take a call. */
static bool need_child(saros_worker_t *worker, const saros_message_t *initializer) {
  saros_child_t *child = &worker->child;
  if (saros__child_is_usable(child)) return true;
  if (child->pid != 0) saros__child_end(child);
  return start_child(worker, initializer);
}

/* ---- jobs ---- */

/* The child makes the call, or ends. */
static void send_job(saros_child_t *child, saros_job_t *job) {
  bool sent = saros__frame_send(child->fd, SAROS_FRAME_CALL, &job->message);
  saros__message_clear(&job->message);
  saros_frame_t kind = sent ? saros__frame_receive(child->fd, &job->message) : SAROS_FRAME_NONE;
  if (kind == SAROS_FRAME_RESULTS || kind == SAROS_FRAME_FAILED) {
    if (kind == SAROS_FRAME_RESULTS) {
      saros__job_has_results(job);
    } else {
      job->outcome = SAROS_JOB_FAILED;
    }
    return;
  }
  job->status = saros__child_end(child);
  job->outcome = saros__child_was_killed(child) ? SAROS_JOB_NONE : SAROS_JOB_DIED;
}

static void run_job(saros_worker_t *worker, saros_job_t *job, const saros_message_t *initializer) {
  if (need_child(worker, initializer)) {
    send_job(&worker->child, job);
  } else {
    job->outcome = saros__child_was_killed(&worker->child) ? SAROS_JOB_NONE : SAROS_JOB_BROKEN;
  }
}

static void part_from_child(saros_child_t *child) {
  if (child->pid == 0) return;
  if (saros__child_is_usable(child) && saros__frame_send(child->fd, SAROS_FRAME_GOODBYE, NULL)) {
    saros__child_reap(child);
  } else {
    saros__child_end(child);
  }
}

static void worker_main(void *argument) {
  saros_worker_t *worker = argument;
  saros_workers_t *pool = worker->pool;
  saros_workers_setup_t setup;
  saros__worker_enter(worker, &setup);
  saros__paths_free(&setup.paths);
  saros_job_t *job;
  while ((job = saros__workers_search(pool, worker)) != NULL) {
    do {
      run_job(worker, job, setup.initializer);
      saros_job_t *next = saros__workers_finish(pool, worker);
      saros__pending_deliver(&job->pending);
      job = next;
    } while (job);
  }
  part_from_child(&worker->child);
  saros__workers_leave(pool, worker);
}

const saros_worker_class_t saros__process_workers = {worker_main, stop_worker, job_done};
