/* uv_micro: the floor for timers and jobs, libuv with nothing on top.
 *
 *   uv_micro timers | call_later | executor | executor_burst
 *
 * Prints `metric value` lines, each the median of its passes. The timers are
 * static: a C program need not allocate them, so this is a floor in earnest.
 * What jobs take is by the clock, for it is not this thread alone that works.
 * Build: cc -O2 -o uv_micro uv_micro.c -luv
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum { TIMERS = 200000, PASSES = 5 };

static uv_timer_t timers[TIMERS];

static void on_timer(uv_timer_t *timer) { (void)timer; }

/* Processor time, as in every program here: on a machine that does other
 * things too, wall time would measure those. */
static double cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return difference < 0 ? -1 : difference > 0;
}

static void report(const char *metric, double *passes) {
  qsort(passes, PASSES, sizeof *passes, by_value);
  printf("%s %.1f\n", metric, passes[PASSES / 2]);
}

/* A closed timer may be initialised again; one that is merely stopped may not. */
static void close_all(uv_loop_t *loop) {
  for (int i = 0; i < TIMERS; i++) uv_close((uv_handle_t *)&timers[i], NULL);
  uv_run(loop, UV_RUN_DEFAULT);
}

static void set_and_fire(uv_loop_t *loop) {
  double passes[PASSES];
  for (int pass = 0; pass < PASSES; pass++) {
    double begin = cpu_ns();
    for (int i = 0; i < TIMERS; i++) {
      uv_timer_init(loop, &timers[i]);
      uv_timer_start(&timers[i], on_timer, (uint64_t)i * 7919 % 1000 / 1000, 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    passes[pass] = (cpu_ns() - begin) / TIMERS;
    close_all(loop);
  }
  report("timer_fire_ns", passes);
}

static void set_and_cancel(uv_loop_t *loop) {
  double inserts[PASSES], cancels[PASSES];
  for (int pass = 0; pass < PASSES; pass++) {
    double begin = cpu_ns();
    for (int i = 0; i < TIMERS; i++) {
      uv_timer_init(loop, &timers[i]);
      uv_timer_start(&timers[i], on_timer, 100000 + (uint64_t)i * 7919 % 100000, 0);
    }
    double inserted = cpu_ns();
    for (int i = 0; i < TIMERS; i++) uv_timer_stop(&timers[i]);
    inserts[pass] = (inserted - begin) / TIMERS;
    cancels[pass] = (cpu_ns() - inserted) / TIMERS;
    close_all(loop);
  }
  report("timer_insert_ns", inserts);
  report("timer_cancel_ns", cancels);
}

enum { ROUND_TRIPS = 10000, BURST = 20000 };

static uv_work_t jobs[BURST];
static int left;

static void do_nothing(uv_work_t *job) { (void)job; }

static void on_returned(uv_work_t *job, int status) {
  (void)status;
  if (--left > 0) uv_queue_work(job->loop, job, do_nothing, on_returned);
}

static void on_done(uv_work_t *job, int status) {
  (void)job;
  (void)status;
}

/* One after the other. */
static void there_and_back(uv_loop_t *loop) {
  double passes[PASSES];
  for (int pass = 0; pass < PASSES; pass++) {
    uint64_t begin = uv_hrtime();
    left = ROUND_TRIPS;
    uv_queue_work(loop, &jobs[0], do_nothing, on_returned);
    uv_run(loop, UV_RUN_DEFAULT);
    passes[pass] = (double)(uv_hrtime() - begin) / ROUND_TRIPS / 1e3;
  }
  report("executor_us", passes);
}

static void all_at_once(uv_loop_t *loop) {
  double passes[PASSES];
  for (int pass = 0; pass < PASSES; pass++) {
    uint64_t begin = uv_hrtime();
    for (int i = 0; i < BURST; i++) uv_queue_work(loop, &jobs[i], do_nothing, on_done);
    uv_run(loop, UV_RUN_DEFAULT);
    passes[pass] = (double)(uv_hrtime() - begin) / BURST / 1e3;
  }
  report("executor_job_us", passes);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  const char *section = argc > 1 ? argv[1] : "";
  if (strcmp(section, "timers") == 0) {
    set_and_fire(loop);
  } else if (strcmp(section, "call_later") == 0) {
    set_and_cancel(loop);
  } else if (strcmp(section, "executor") == 0) {
    there_and_back(loop);
  } else if (strcmp(section, "executor_burst") == 0) {
    all_at_once(loop);
  } else {
    fprintf(stderr, "usage: %s timers | call_later | executor | executor_burst\n", argv[0]);
    return 2;
  }
  return 0;
}
