#include "loop/wakeup.h"

#include <stdlib.h>

#include "loop/inspect.h"
#include "loop/interrupt.h"

/* Takes all posts out of the queue. */
static saros_post_t *take(saros_wakeup_t *wakeup, bool close) {
  uv_mutex_lock(&wakeup->lock);
  saros_post_t *list = wakeup->first;
  wakeup->first = wakeup->last = NULL;
  if (close) wakeup->closed = true;
  uv_mutex_unlock(&wakeup->lock);
  return list;
}

static void run_all(saros_post_t *list, struct saros_loop *loop) {
  while (list) {
    saros_post_t *post = list;
    list = post->next;
    post->run(loop, post->context);
    free(post);
  }
}

static void on_wakeup(uv_async_t *async) {
  saros_wakeup_t *wakeup = async->data;
  struct saros_loop *loop = async->loop->data;
  saros__interrupt_check(loop);
  saros__inspect_check(loop);
  run_all(take(wakeup, false), loop);
}

int saros__wakeup_init(saros_wakeup_t *wakeup) {
  *wakeup = (saros_wakeup_t){.closed = true};
  return uv_mutex_init(&wakeup->lock);
}

void saros__wakeup_destroy(saros_wakeup_t *wakeup) {
  uv_mutex_destroy(&wakeup->lock);
}

int saros__wakeup_open(saros_wakeup_t *wakeup, struct saros_loop *loop, uv_loop_t *uv) {
  uv->data = loop;
  int code = uv_async_init(uv, &wakeup->async, on_wakeup);
  if (code < 0) return code;
  wakeup->async.data = wakeup;
  uv_mutex_lock(&wakeup->lock);
  wakeup->closed = false;
  uv_mutex_unlock(&wakeup->lock);
  return 0;
}

void saros__wakeup_close(saros_wakeup_t *wakeup) {
  saros_post_t *left = take(wakeup, true);
  uv_close((uv_handle_t *)&wakeup->async, NULL);
  run_all(left, NULL);
}

int saros__wakeup_post(saros_wakeup_t *wakeup, saros_post_fn run, void *context) {
  saros_post_t *post = malloc(sizeof *post);
  if (!post) return UV_ENOMEM;
  *post = (saros_post_t){NULL, run, context};
  uv_mutex_lock(&wakeup->lock);
  bool closed = wakeup->closed;
  if (!closed) {
    if (wakeup->last) {
      wakeup->last->next = post;
    } else {
      wakeup->first = post;
    }
    wakeup->last = post;
    uv_async_send(&wakeup->async);
  }
  uv_mutex_unlock(&wakeup->lock);
  if (closed) free(post);
  return closed ? UV_ECANCELED : 0;
}
