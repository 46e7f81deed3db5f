/* wakeup.h: calls into a loop from other threads.
 *
 * A locked queue of C functions and one uv_async_t. Any thread may call
 * saros__wakeup_post as long as the loop structure exists; the functions run on
 * the loop's thread, in order, in the poll, without protection: they enter Lua
 * through saros__loop_protect.
 *
 * The mutex protects `first`, `last`, `closed` and the uv_async_send: sending
 * while another thread closes the handle would be a use after close. Nothing is
 * run with the mutex held.
 *
 * Ownership: a posted item is freed after it ran. When the loop closes, items
 * that are left run with `loop` NULL, once, to free what they carry.
 */
#ifndef SAROS_LOOP_WAKEUP_H
#define SAROS_LOOP_WAKEUP_H

#include <stdbool.h>
#include <uv.h>

struct saros_loop;

typedef void (*saros_post_fn)(struct saros_loop *loop, void *context);

typedef struct saros_post {
  struct saros_post *next;
  saros_post_fn run;
  void *context;
} saros_post_t;

typedef struct saros_wakeup {
  uv_mutex_t lock;
  uv_async_t async;
  saros_post_t *first, *last;
  bool closed;
} saros_wakeup_t;

/* Once for each loop structure, before its first open; returns 0 or a libuv error code. The lock
 * outlives the loop, so a late post finds it closed. */
int saros__wakeup_init(saros_wakeup_t *wakeup);
/* When the structure is freed. */
void saros__wakeup_destroy(saros_wakeup_t *wakeup);
/* Loop's thread. Returns 0 or a libuv error code. */
int saros__wakeup_open(saros_wakeup_t *wakeup, struct saros_loop *loop, uv_loop_t *uv);
/* Loop's thread: refuses further posts, runs what is left with `loop` NULL, closes the handle. */
void saros__wakeup_close(saros_wakeup_t *wakeup);

/* Any thread: runs `run(loop, context)` on the loop's thread. Returns 0, UV_ECANCELED if the loop
 * is closed, or UV_ENOMEM; `context` is the loop's only after 0. */
int saros__wakeup_post(saros_wakeup_t *wakeup, saros_post_fn run, void *context);

#endif
