#include "task/wait_queue.h"

#include "loop/errors.h"

#define MARKER_WAIT_QUEUE SAROS_MARKER('W', 'q')

enum { FIRST_CAPACITY = 4, MAX_NAME = 24 };
enum { UV_RING = 1, UV_SIBLING };

typedef struct saros_wait_queue {
  saros_marker_t marker;
  uint64_t first;    /* number of the first entry; entries are numbered in order of arrival */
  uint64_t cursor;   /* the first entry that may still wait */
  uint64_t next;     /* number of the next entry */
  uint32_t capacity; /* of the ring: a power of two */
  uint32_t loop_id;  /* of the first wait, 0 before it */
  struct saros_wait_queue *sibling; /* whose loop is this one's as well, or NULL */
  char name[MAX_NAME];              /* of the primitive */
} saros_wait_queue_t;

static saros_wait_queue_t *check_queue(lua_State *L, int index) {
  saros_wait_queue_t *queue = saros__test_marker(L, index, MARKER_WAIT_QUEUE);
  if (!queue) luaL_typeerror(L, index, "WaitQueue");
  return queue;
}

/* ---- the ring, which is on the stack at `ring` ---- */

static lua_Integer place_of(const saros_wait_queue_t *queue, uint64_t number) {
  return (lua_Integer)(number & (queue->capacity - 1)) + 1;
}

/* The task with this number, which is kept alive by the ring; NULL if it has left. */
static saros_task_t *entry(lua_State *L, const saros_wait_queue_t *queue, int ring, uint64_t number) {
  lua_rawgeti(L, ring, place_of(queue, number));
  saros_task_t *task = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return task;
}

/* Cannot raise: the place has been there since the ring was made. */
static void clear(lua_State *L, const saros_wait_queue_t *queue, int ring, uint64_t number) {
  lua_pushboolean(L, 0);
  lua_rawseti(L, ring, place_of(queue, number));
}

/* Pushes a ring with `capacity` empty places. */
static void push_ring(lua_State *L, uint32_t capacity) {
  lua_createtable(L, (int)capacity, 0);
  for (lua_Integer i = 1; i <= (lua_Integer)capacity; i++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, i);
  }
}

/* Replaces the full ring at `ring` by one that is twice as large. */
static void grow(lua_State *L, saros_wait_queue_t *queue, int index, int ring) {
  uint32_t capacity = queue->capacity * 2;
  if (capacity == 0 || capacity > INT32_MAX / 2) luaL_error(L, "too many tasks wait");
  push_ring(L, capacity);
  for (uint64_t number = queue->first; number < queue->next; number++) {
    lua_rawgeti(L, ring, place_of(queue, number));
    lua_rawseti(L, -2, (lua_Integer)(number & (capacity - 1)) + 1);
  }
  queue->capacity = capacity;
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, UV_RING);
  lua_replace(L, ring);
}

/* Takes an entry out. */
static void leave(lua_State *L, saros_wait_queue_t *queue, int ring, uint64_t number) {
  clear(L, queue, ring, number);
  if (number != queue->first) return;
  do {
    queue->first++;
  } while (queue->first < queue->next && !entry(L, queue, ring, queue->first));
  if (queue->cursor < queue->first) queue->cursor = queue->first;
}

/* ---- the states of entries ---- */

/* A cancelled task stays in its place until its turn. That this is what withdraws a wait tells what it is. */
static void stay(saros_task_t *task, void *owner) {
  (void)task;
  (void)owner;
}

/* True if the entry is a task that is in the queue still: its loop may be gone, or its wait have failed before
 * it began. */
static bool is_parked(const saros_wait_queue_t *queue, const saros_task_t *task) {
  return task && task->co && task->wait >= SAROS_WAIT_INTERNAL && task->withdraw == stay &&
         task->on.owner == queue && saros__future_loop(&task->future);
}

static bool is_waiting(const saros_wait_queue_t *queue, const saros_task_t *task) {
  return is_parked(queue, task) && task->wait == SAROS_WAIT_INTERNAL;
}

static bool is_cancelled(const saros_task_t *task) {
  return task->wait == SAROS_WAIT_CANCELLED;
}

/* ---- waiting ---- */

const char *saros__wait_queue_name(const saros_task_t *task) {
  if (task->wait != SAROS_WAIT_INTERNAL || task->withdraw != stay) return NULL;
  return ((const saros_wait_queue_t *)task->on.owner)->name; /* alive: it is on the task's stack */
}

static void bind_loop(lua_State *L, saros_wait_queue_t *queue, const saros_loop_t *loop) {
  saros_wait_queue_t *binding = queue->sibling ? queue->sibling : queue;
  if (binding->loop_id == 0) binding->loop_id = loop->id;
  if (binding->loop_id != loop->id) {
    saros__raise(L, loop->rt, "RuntimeError", "this %s is bound to a different event loop", queue->name);
  }
}

/* Stack: the queue. */
static int parked(lua_State *L, int status, lua_KContext number) {
  (void)status;
  saros_runtime_t *rt = saros__runtime(L);
  saros_wait_queue_t *queue = lua_touserdata(L, 1);
  lua_getiuservalue(L, 1, UV_RING);
  leave(L, queue, 2, (uint64_t)number);
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
  bind_loop(L, queue, saros__need_running(L, rt));
  saros_task_t *task = saros__task_suspendable(L, rt, queue->name);
  lua_getiuservalue(L, 1, UV_RING);
  if (queue->next - queue->first == queue->capacity) grow(L, queue, 1, 2);
  saros__push_task(L, task);
  uint64_t number = queue->next++;
  lua_rawseti(L, 2, place_of(queue, number));
  lua_settop(L, 1);
  task->on.owner = queue;
  task->withdraw = stay;
  return saros__task_suspend(L, task, stay, queue, (lua_KContext)number, parked);
}

/* ---- waking ---- */

/* Moves the cursor to the first entry that waits; NULL if none does. */
static saros_task_t *find_waiting(lua_State *L, saros_wait_queue_t *queue) {
  lua_getiuservalue(L, 1, UV_RING);
  int ring = lua_gettop(L);
  saros_task_t *found = NULL;
  while (!found && queue->cursor < queue->next) {
    saros_task_t *task = entry(L, queue, ring, queue->cursor);
    if (is_waiting(queue, task)) {
      found = task;
    } else {
      queue->cursor++;
    }
  }
  lua_pop(L, 1);
  return found;
}

/*** Wakes the first tasks that wait; private.
 * @function wait_queue.wake
 * @tparam WaitQueue queue
 * @tparam ?integer n how many at most, 1 by default
 * @treturn integer how many there were
 */
static int wait_queue_wake(lua_State *L) {
  saros_wait_queue_t *queue = check_queue(L, 1);
  lua_Number limit = luaL_optnumber(L, 2, 1);
  lua_Integer woken = 0;
  while ((lua_Number)woken < limit) {
    saros_task_t *task = find_waiting(L, queue);
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
  if (queue->first == queue->next) return 0;
  lua_getiuservalue(L, 1, UV_RING);
  int ring = lua_gettop(L);
  saros_task_t *task = entry(L, queue, ring, queue->first);
  while (task && !is_parked(queue, task)) {
    leave(L, queue, ring, queue->first);
    task = queue->first < queue->next ? entry(L, queue, ring, queue->first) : NULL;
  }
  if (is_waiting(queue, task)) saros__task_wake(L, task->future.loop, task);
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
  if (queue->first < queue->next) {
    lua_getiuservalue(L, 1, UV_RING);
    int ring = lua_gettop(L);
    for (uint64_t number = queue->first; number < queue->next && !used; number++) {
      const saros_task_t *task = entry(L, queue, ring, number);
      used = is_parked(queue, task) && !is_cancelled(task);
    }
  }
  lua_pushboolean(L, used);
  return 1;
}

/*** Makes a queue; private.
 * @function WaitQueue
 * @tparam string name of the primitive, for messages
 * @tparam ?WaitQueue sibling another queue of the same primitive: both are bound to one loop
 * @treturn WaitQueue
 */
static int wait_queue_new(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  saros_wait_queue_t *sibling = lua_isnil(L, 2) ? NULL : check_queue(L, 2);
  saros_wait_queue_t *queue = lua_newuserdatauv(L, sizeof *queue, UV_SIBLING);
  *queue = (saros_wait_queue_t){.marker = MARKER_WAIT_QUEUE, .capacity = FIRST_CAPACITY, .sibling = sibling};
  for (size_t i = 0; i < MAX_NAME - 1 && name[i]; i++) queue->name[i] = name[i];
  push_ring(L, FIRST_CAPACITY);
  lua_setiuservalue(L, 3, UV_RING);
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
