#include "loop/alarm.h"

#ifdef __linux__

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void on_ring(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  saros_alarm_t *alarm = poll->data;
  uint64_t expirations;
  if (read(alarm->fd, &expirations, sizeof expirations) < 0 && errno == EAGAIN) return;
  alarm->armed = UINT64_MAX;
}

int saros__alarm_open(saros_alarm_t *alarm, uv_loop_t *uv) {
  alarm->armed = UINT64_MAX;
  alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (alarm->fd < 0) return uv_translate_sys_error(errno);
  int code = uv_poll_init(uv, &alarm->poll, alarm->fd);
  if (code < 0) {
    close(alarm->fd);
    return code;
  }
  alarm->poll.data = alarm;
  uv_poll_start(&alarm->poll, UV_READABLE, on_ring);
  return 0;
}

void saros__alarm_close(saros_alarm_t *alarm) {
  uv_close((uv_handle_t *)&alarm->poll, NULL);
  close(alarm->fd);
}

void saros__alarm_set(saros_alarm_t *alarm, uint64_t deadline) {
  if (deadline >= alarm->armed) return;
  struct itimerspec when = {.it_value = {.tv_sec = (time_t)(deadline / 1000000000u),
                                         .tv_nsec = (long)(deadline % 1000000000u)}};
  /* A value of zero would disarm it. */
  if (deadline == 0) when.it_value.tv_nsec = 1;
  timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &when, NULL);
  alarm->armed = deadline;
}

#else

/* libuv 1.44 in UV_RUN_ONCE runs a timer that is due on entry and then waits without limit:
 * stopping the run makes it return. */
static void on_ring(uv_timer_t *timer) {
  saros_alarm_t *alarm = timer->data;
  alarm->armed = UINT64_MAX;
  uv_stop(timer->loop);
}

int saros__alarm_open(saros_alarm_t *alarm, uv_loop_t *uv) {
  alarm->armed = UINT64_MAX;
  alarm->timer.data = alarm;
  return uv_timer_init(uv, &alarm->timer);
}

void saros__alarm_close(saros_alarm_t *alarm) {
  uv_close((uv_handle_t *)&alarm->timer, NULL);
}

void saros__alarm_set(saros_alarm_t *alarm, uint64_t deadline) {
  if (deadline >= alarm->armed) return;
  uint64_t now = uv_hrtime();
  uv_update_time(alarm->timer.loop);
  uv_timer_start(&alarm->timer, on_ring, deadline > now ? (deadline - now + 999999) / 1000000 : 0,
                 0);
  alarm->armed = deadline;
}

#endif
