/* hints.h: what the compiler cannot know about the hot paths.
 *
 * SAROS_ALWAYS_INLINE: a coroutine that suspends leaves by longjmp, and the
 * processor's stack of predicted returns does not follow, so every return
 * between there and the loop costs a misprediction. GCC also drops a call whose
 * only effect is a prefetch, unless it is inlined by force.
 *
 * SAROS_PREFETCH: thousands of tasks or timers do not fit the cache; what comes
 * next is fetched while something else runs. Any address is allowed.
 *
 * SAROS_CACHE_LINE: what one thread writes all the time is kept this far from what
 * another one does, or they would wait for each other.
 */
#ifndef SAROS_STRUCTURES_HINTS_H
#define SAROS_STRUCTURES_HINTS_H

#if defined(__GNUC__)
#define SAROS_ALWAYS_INLINE inline __attribute__((always_inline))
#define SAROS_PREFETCH(address) __builtin_prefetch(address)
#else
#define SAROS_ALWAYS_INLINE inline
#define SAROS_PREFETCH(address) ((void)(address))
#endif

enum { SAROS_CACHE_LINE = 64 };

#endif
