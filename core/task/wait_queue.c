#include "task/wait_queue.h"

#include <string.h>

#include "loop/errors.h"
#include "task/generator.h"
#include "task/pool.h"

#define MARKER_WAIT_QUEUE SAROS_MARKER('W', 'q')
#define WAIT_FOR "wait for the "

enum { INLINE_CAPACITY = 4, MAX_NAME = 24, NAME_AT = sizeof WAIT_FOR - 1 };
enum { UV_RING = 1, UV_SIBLING };

/* A task in the queue, in a way that stays valid when it is gone. */
typedef struct saros_parked {
  uint64_t task_number; /* 0: it has left */
  uint32_t slot;
} saros_parked_t;

typedef struct saros_wait_queue {
  saros_marker_t marker;
  uint64_t first;    /* number of the first entry; entries are numbered in order of arrival */
  uint64_t cursor;   /* the first entry that may still wait */
  uint64_t next;     /* number of the next entry */
  saros_parked_t *ring; /* `few`, or a larger one in a user value */
  uint32_t capacity; /* of the ring: a power of two */
  uint32_t loop_id;  /* of the first wait, 0 before it */
  saros_loop_t *loop;
  struct saros_wait_queue *sibling; /* whose loop is this one's as well, or NULL */
  saros_parked_t few[INLINE_CAPACITY];
  char wait_for[NAME_AT + MAX_NAME]; /* what the task does, for messages; the primitive's name at NAME_AT */
} saros_wait_queue_t;

static saros_wait_queue_t *check_queue(lua_State *L, int index) {
  saros_wait_queue_t *queue = saros__test_marker(L, index, MARKER_WAIT_QUEUE);
  if (!queue) luaL_typeerror(L, index, "WaitQueue");
  return queue;
}

/* ---- the ring ---- */

/* The place of the entry with this number. */
static saros_parked_t *place_of(const saros_wait_queue_t *queue, uint64_t number) {
  return &queue->ring[number & (queue->capacity - 1)];
}

/* A cancelled task stays in its place until its turn. That this is what withdraws a wait tells what it is. */
static void stay(saros_task_t *task, void *owner) {
  (void)task;
  (void)owner;
}

/* The coroutine that a program has closed does not wait any more. */
static bool is_parked(const saros_wait_queue_t *queue, const saros_task_t *task) {
  return lua_status(task->co) == LUA_YIELD && task->wait >= SAROS_WAIT_INTERNAL &&
         task->withdraw == stay && task->on.owner == queue;
}

/* The task of the entry with this number, or NULL if it has left, however it did. */
static saros_task_t *find(const saros_wait_queue_t *queue, uint64_t number) {
  const saros_parked_t *place = place_of(queue, number);
  if (place->task_number == 0 || queue->loop->id != queue->loop_id) return NULL;
  saros_task_t *task = saros__pool_find(queue->loop, place->slot, place->task_number);
  return task && is_parked(queue, task) ? task : NULL;
}

/* Moves the beginning of the queue past those who have left. */
static void skip_gone(saros_wait_queue_t *queue) {
  while (queue->first < queue->next && !find(queue, queue->first)) queue->first++;
  if (queue->cursor < queue->first) queue->cursor = queue->first;
}

/* Moves the entries together that have not left; those who left from the middle leave holes. */
static void close_holes(saros_wait_queue_t *queue) {
  uint64_t end = queue->first, cursor = queue->cursor;
  for (uint64_t number = queue->first; number < queue->next; number++) {
    if (number == cursor) queue->cursor = end;
    if (!find(queue, number)) continue;
    *place_of(queue, end++) = *place_of(queue, number);
  }
  if (cursor == queue->next) queue->cursor = end;
  queue->next = end;
}

/* Makes room for one more in the queue at 1. */
static void make_room(lua_State *L, saros_wait_queue_t *queue) {
  if (queue->next - queue->first < queue->capacity) return;
  close_holes(queue);
  if (queue->next - queue->first <= queue->capacity / 2) return;
  uint32_t capacity = queue->capacity * 2;
  if (capacity > UINT32_MAX / 4) luaL_error(L, "too many tasks wait");
  saros_parked_t *ring = lua_newuserdatauv(L, capacity * sizeof *ring, 0);
  for (uint64_t number = queue->first; number < queue->next; number++) {
    ring[number & (capacity - 1)] = *place_of(queue, number);
  }
  queue->ring = ring;
  queue->capacity = capacity;
  lua_setiuservalue(L, 1, UV_RING);
}

/* ---- waiting ---- */

const char *saros__wait_queue_name(const saros_task_t *task) {
  if (task->wait != SAROS_WAIT_INTERNAL || task->withdraw != stay) return NULL;
  /* Closed by the program: the queue may be gone. */
  if (lua_status(saros__task_innermost(task)) != LUA_YIELD) return NULL;
  return ((const saros_wait_queue_t *)task->on.owner)->wait_for + NAME_AT;
}

static void bind_loop(lua_State *L, saros_wait_queue_t *queue, saros_loop_t *loop) {
  saros_wait_queue_t *binding = queue->sibling ? queue->sibling : queue;
  if (binding->loop_id == 0) {
    binding->loop = loop;
    binding->loop_id = loop->id;
  }
  queue->loop = binding->loop;
  queue->loop_id = binding->loop_id;
  if (queue->loop_id != loop->id) {
    saros__raise(L, loop->rt, "RuntimeError", "this %s is bound to a different event loop",
                 queue->wait_for + NAME_AT);
  }
}

/* Takes the task with this number out; its entry was `number` when it came, and may have moved towards the
 * beginning since. */
static void leave(saros_wait_queue_t *queue, uint64_t number, uint64_t task_number) {
  if (number >= queue->next) number = queue->next - 1;
  for (number++; number > queue->first; number--) {
    saros_parked_t *place = place_of(queue, number - 1);
    if (place->task_number != task_number) continue;
    place->task_number = 0;
    break;
  }
  skip_gone(queue);
}

/* Stack: the queue, the task's number. */
static int parked(lua_State *L, int status, lua_KContext number) {
  (void)status;
  saros_runtime_t *rt = saros__runtime(L);
  leave(lua_touserdata(L, 1), (uint64_t)number, (uint64_t)lua_tointeger(L, 2));
  bool woken = rt->current && rt->current->wait == SAROS_WAIT_DONE;
  if (saros__task_goes_on(L, rt)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  lua_pushboolean(L, woken);
  return 3;
}

/*** Suspends the calling task until it is woken or cancelled; private.
 * @function wait_queue.park
 * @tparam WaitQueue queue
 * @treturn boolean whether it goes on because it was woken
 * @return else the error to raise
 * @treturn boolean and whether it had been woken as well, before the error came
 */
static int wait_queue_park(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_wait_queue_t *queue = check_queue(L, 1);
  lua_settop(L, 1);
  saros_task_t *task = saros__task_suspendable(L, rt, queue->wait_for);
  bind_loop(L, queue, task->future.loop);
  make_room(L, queue);
  saros__task_settle(L, task);
  make_room(L, queue); /* an overridden call_soon may have used it */
  uint64_t number = queue->next++;
  *place_of(queue, number) = (saros_parked_t){task->number, task->slot};
  lua_pushinteger(L, (lua_Integer)task->number);
  return saros__task_suspend_settled(L, task, stay, queue, (lua_KContext)number, parked);
}

/* ---- waking ---- */

/* Moves the cursor to the first entry that waits; NULL if none does. */
static saros_task_t *find_waiting(saros_wait_queue_t *queue) {
  for (; queue->cursor < queue->next; queue->cursor++) {
    saros_task_t *task = find(queue, queue->cursor);
    if (task && task->wait == SAROS_WAIT_INTERNAL) return task;
  }
  return NULL;
}

/*** Wakes the first tasks that wait; private.
 * @function wait_queue.wake
 * @tparam WaitQueue queue
 * @tparam ?number n how many at most, 1 by default
 * @treturn integer how many there were
 */
static int wait_queue_wake(lua_State *L) {
  saros_wait_queue_t *queue = check_queue(L, 1);
  lua_Number limit = luaL_optnumber(L, 2, 1);
  lua_Integer woken = 0;
  while ((lua_Number)woken < limit) {
    saros_task_t *task = find_waiting(queue);
    if (!task) break;
    uint64_t number = queue->cursor;
    saros__task_wake(L, task->future.loop, task);
    /* An overridden call_soon may have used the queue meanwhile. */
    if (queue->cursor == number) queue->cursor++;
    woken++;
  }
  lua_pushinteger(L, woken);
  return 1;
}

/*** Wakes the first task of the queue, unless it was woken or cancelled already; private.
 * @function wait_queue.wake_first
 * @tparam WaitQueue queue
 */
static int wait_queue_wake_first(lua_State *L) {
  saros_wait_queue_t *queue = check_queue(L, 1);
  skip_gone(queue);
  if (queue->first == queue->next) return 0;
  saros_task_t *task = find(queue, queue->first);
  if (task->wait == SAROS_WAIT_INTERNAL) saros__task_wake(L, task->future.loop, task);
  return 0;
}

/*** Whether a task is in the queue that was not cancelled; private.
 * @function wait_queue.is_used
 * @tparam WaitQueue queue
 * @treturn boolean
 */
static int wait_queue_is_used(lua_State *L) {
  saros_wait_queue_t *queue = check_queue(L, 1);
  bool used = false;
  for (uint64_t number = queue->first; number < queue->next && !used; number++) {
    const saros_task_t *task = find(queue, number);
    used = task && task->wait != SAROS_WAIT_CANCELLED;
  }
  lua_pushboolean(L, used);
  return 1;
}

/*** Makes a queue; private.
 * @function WaitQueue
 * @local
 * @tparam string name of the primitive, for messages
 * @tparam ?WaitQueue sibling another queue of the same primitive: both are bound to one loop
 * @treturn WaitQueue
 */
static int wait_queue_new(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  saros_wait_queue_t *sibling = lua_isnil(L, 2) ? NULL : check_queue(L, 2);
  saros_wait_queue_t *queue = lua_newuserdatauv(L, sizeof *queue, UV_SIBLING);
  *queue = (saros_wait_queue_t){.marker = MARKER_WAIT_QUEUE,
                                .capacity = INLINE_CAPACITY,
                                .sibling = sibling,
                                .ring = queue->few,
                                .wait_for = WAIT_FOR};
  strncat(queue->wait_for, name, MAX_NAME - 1);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 3, UV_SIBLING);
  return 1;
}

static const luaL_Reg constructor[] = {{"WaitQueue", wait_queue_new}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"park", wait_queue_park},
                                     {"wake", wait_queue_wake},
                                     {"wake_first", wait_queue_wake_first},
                                     {"is_used", wait_queue_is_used},
                                     {NULL, NULL}};

void saros__wait_queue_functions(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, constructor);
  lua_newtable(L);
  saros__set_functions(L, rt, functions);
  lua_setfield(L, -2, "wait_queue");
}
