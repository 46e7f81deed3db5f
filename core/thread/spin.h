/* spin.h: waiting for a few microseconds without the system.
 *
 * Falling asleep and waking up again take longer than most jobs, so whoever waits
 * for another thread looks for a while before it sleeps. That helps only if the
 * other one runs meanwhile: not if it would have to run on this very processor, and
 * seldom when more threads want to run than there are processors. So who looked in
 * vain leaves it the next times.
 *
 * Threads: a spinner is its thread's own; a cpu is any's.
 */
#ifndef SAROS_THREAD_SPIN_H
#define SAROS_THREAD_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#ifdef __linux__
#include <sched.h>
#endif

/* How long one looks for something before sleeping, in nanoseconds, and how often between two looks at the clock. */
enum { SAROS_SPIN_NS = 20000, SAROS_SPINS_PER_LOOK = 32, SAROS_MOST_SPINS_LEFT_OUT = 63 };

typedef struct saros_spinner {
  uint8_t left_out; /* how many times it is still not worth it */
  uint8_t next;     /* how many the next failure costs */
} saros_spinner_t;

/* The processor on which a thread was seen last. */
typedef atomic_int saros_cpu_t;

static inline int saros__this_cpu(void) {
#ifdef __linux__
  return sched_getcpu();
#else
  return -1;
#endif
}

static inline void saros__cpu_note(saros_cpu_t *cpu) {
  int now = saros__this_cpu();
  if (atomic_load_explicit(cpu, memory_order_relaxed) != now) atomic_store_explicit(cpu, now, memory_order_relaxed);
}

/* Whether to look for what a thread does that was last seen on this processor. */
static inline bool saros__spin_is_worth_it(saros_spinner_t *spinner, saros_cpu_t *other) {
  if (spinner->left_out > 0) {
    spinner->left_out--;
    return false;
  }
  int cpu = saros__this_cpu();
  return cpu < 0 || atomic_load_explicit(other, memory_order_relaxed) != cpu;
}

/* How it went. */
static inline void saros__spin_ended(saros_spinner_t *spinner, bool found) {
  spinner->left_out = found ? 0 : spinner->next;
  if (found) {
    spinner->next = 0;
  } else if (spinner->next < SAROS_MOST_SPINS_LEFT_OUT) {
    spinner->next = (uint8_t)(spinner->next * 2 + 1);
  }
}

static inline void saros__spin(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

#endif
