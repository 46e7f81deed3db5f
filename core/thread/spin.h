/* spin.h: waiting for a few microseconds without the system.
 *
 * Threads: any.
 */
#ifndef SAROS_THREAD_SPIN_H
#define SAROS_THREAD_SPIN_H

/* How long one looks for something before sleeping, in nanoseconds, and how often between two looks at the clock. */
enum { SAROS_SPIN_NS = 20000, SAROS_SPINS_PER_LOOK = 32 };

static inline void saros__spin(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

#endif
