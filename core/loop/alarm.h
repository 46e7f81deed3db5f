/* alarm.h: wakes the poll at a deadline.
 *
 * All of a loop's timers share one alarm. On Linux that is a timerfd with an
 * absolute deadline, because uv_timer only knows milliseconds; it is armed again
 * only for an earlier deadline, so a loop that keeps setting later timers makes
 * no system call. An alarm that rings too early for the nearest deadline is
 * harmless: the loop looks at its timers and waits again. Elsewhere the alarm is
 * a uv_timer that is rounded up.
 *
 * Ownership: embedded in the loop; closed by saros__alarm_close, and its memory
 * must stay until the libuv loop has run the close callbacks.
 * Threads: the loop's thread only.
 */
#ifndef SAROS_LOOP_ALARM_H
#define SAROS_LOOP_ALARM_H

#include <stdint.h>
#include <uv.h>

typedef struct saros_alarm {
#ifdef __linux__
  int fd;
  uv_poll_t poll;
#else
  uv_timer_t timer;
#endif
  uint64_t armed; /* nanoseconds of the monotonic clock; UINT64_MAX: not armed */
} saros_alarm_t;

/* Returns 0 or a libuv error code; nothing needs closing after an error. */
int saros__alarm_open(saros_alarm_t *alarm, uv_loop_t *uv);
void saros__alarm_close(saros_alarm_t *alarm);

/* Makes the poll end at `deadline` (nanoseconds) at the latest. */
void saros__alarm_set(saros_alarm_t *alarm, uint64_t deadline);

#endif
