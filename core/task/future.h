/* future.h: results that come later.
 *
 * A Future's callbacks are waiters: a C function and a target. A task that
 * awaits, a gather that counts, and a Lua function given to add_done_callback
 * are all waiters, in one list in the order in which they were added. The first
 * waiter is inline; more live in a userdata block that is a user value, so a
 * future needs no finalizer. When the future is done each waiter becomes one
 * entry of the ready queue, as one call_soon each would in CPython.
 *
 * User values: 1 the first result, or the error; 2 the extras, a table made on
 * demand (further results, Lua callbacks, the block of waiters, a cancel message, names).
 *
 * A target must stay alive while it waits: tasks are kept by their loop until
 * they are done, a gather by its loop until all its children are.
 *
 * An error that nobody retrieves is reported by a sentinel, a small userdata
 * with a finalizer that only a failed future gets, in its extras.
 *
 * Threads: the owning loop's thread only. A future belongs to its loop.
 */
#ifndef SAROS_TASK_FUTURE_H
#define SAROS_TASK_FUTURE_H

#include "loop/loop.h"

#define SAROS_MARKER_FUTURE SAROS_MARKER('F', 'u')
#define SAROS_MARKER_TASK SAROS_MARKER('T', 'a')

typedef struct saros_future saros_future_t;

/* Called when the future at `index` is done, to schedule what waits for it: room for one entry of the
 * ready queue is reserved. It may raise what an overridden call_soon raises. `index` is 0 for a task without
 * results that nothing in Lua waits for: only Lua callbacks and overrides need the userdata. */
typedef void (*saros_waiter_fn)(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index,
                                void *target);

typedef struct saros_waiter {
  saros_waiter_fn wake;
  void *target;
} saros_waiter_t;

enum saros_future_state { SAROS_PENDING, SAROS_CANCELLED, SAROS_RESULT, SAROS_FAILED };

enum { SAROS_UV_VALUE = 1, SAROS_UV_EXTRAS = 2 };

struct saros_future {
  saros_marker_t marker;
  saros_loop_t *loop;
  uint32_t loop_id;
  uint8_t state;
  bool retrieved;    /* somebody has seen the error, or it was reported */
  bool has_extras;
  bool gathering;    /* a gather: cancel() cancels its children */
  bool refused;      /* an await of it was refused: see saros__await */
  uint32_t nresults; /* how many values the result has */
  uint32_t mark;     /* of the gather that saw it last: finds duplicates */
  uint32_t waiter_count;
  saros_waiter_t first;
  saros_waiter_t *more; /* waiters after the first, in a userdata in the extras */
  uint32_t more_capacity;
  uint32_t last_callback; /* the extras' last integer key: a Lua callback each */
  struct saros_report *report; /* the sentinel, while the error is not retrieved */
};

/* The future or task at `index`, or NULL; the check raises `bad argument`. */
saros_future_t *saros__test_future(lua_State *L, int index);
saros_future_t *saros__check_future(lua_State *L, int index);

/* Fills in a new future of this loop. */
void saros__future_init(saros_future_t *future, saros_loop_t *loop, saros_marker_t marker);

/* In debug mode the future at `index`, which is new, remembers where it was created. */
void saros__future_trace(lua_State *L, int index, saros_future_t *future);

/* Makes a pending future and pushes it. */
saros_future_t *saros__future_new(lua_State *L, saros_loop_t *loop);

static inline bool saros__future_done(const saros_future_t *future) {
  return future->state != SAROS_PENDING;
}

/* The loop of the future, or NULL when it was collected. */
static inline saros_loop_t *saros__future_loop(const saros_future_t *future) {
  return future->loop->id == future->loop_id ? future->loop : NULL;
}

/* Adds a waiter to the pending future at `index`. May raise, and then nothing changed. */
void saros__future_add_waiter(lua_State *L, int index, saros_future_t *future, saros_waiter_fn wake,
                              void *target);
/* True if there is a waiter with this function and target. */
bool saros__future_has_waiter(saros_future_t *future, saros_waiter_fn wake, const void *target);
/* Takes out all waiters with this function and target; returns how many there were. */
int saros__future_remove_waiter(saros_future_t *future, saros_waiter_fn wake, void *target);

/* Completes the pending future at `index` and schedules its waiters. The values are the `n` on top of L;
 * they are popped. A failure's value is on top of L, popped. */
void saros__future_set_results(lua_State *L, int index, saros_future_t *future, int n);
void saros__future_set_error(lua_State *L, int index, saros_future_t *future);
/* Makes the future cancelled. The CancelledError (or nil: made on demand) is on top of L, popped. */
void saros__future_set_cancelled(lua_State *L, int index, saros_future_t *future);

/* The gathers that a request to cancel has come through, on the C stack, the innermost first. */
typedef struct saros_cancel_path {
  const struct saros_cancel_path *outer; /* NULL: the first one */
  const saros_future_t *gather;
  uint32_t length;
} saros_cancel_path_t;

/* Cancels the future or task at `index` as its method cancel does, with the message at `message`
 * (0: none); returns whether the request was made. */
bool saros__future_cancel(lua_State *L, int index, saros_future_t *future, int message);

/* The same for a request that has come along a path (NULL: none), which may be a circle. */
bool saros__future_cancel_along(lua_State *L, int index, saros_future_t *future, int message,
                                const saros_cancel_path_t *path);

/* Pushes the results of the done future at `index` and returns how many, or raises its error. Counts as
 * retrieval. */
int saros__future_push_results(lua_State *L, int index, saros_future_t *future);
/* Pushes the error of a failed or cancelled future; counts as retrieval. */
void saros__future_push_error(lua_State *L, int index, saros_future_t *future);
/* Nobody will be told any more about the error. */
void saros__future_silence(saros_future_t *future);

/* Pushes the extras of the future at `index`, making them if need be. */
void saros__future_extras(lua_State *L, int index, saros_future_t *future);
/* Pushes a field of the extras, or nil. */
void saros__future_extra(lua_State *L, int index, saros_future_t *future, const char *field);

/* The Lua callback of a future, as a waiter. */
void saros__wake_callback(lua_State *L, saros_loop_t *loop, saros_future_t *future, int index,
                          void *target);

/* Adds the methods that tasks share to the table on top (future_methods.c). */
void saros__future_methods(lua_State *L, saros_runtime_t *rt);
void saros__future_open(lua_State *L, saros_runtime_t *rt);
/* Adds create_future to the class on top. */
void saros__future_loop_methods(lua_State *L, saros_runtime_t *rt);

#endif
