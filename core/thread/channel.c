#include "thread/channel.h"

#include <math.h>
#include <stdlib.h>

#include "loop/errors.h"
#include "task/task.h"
#include "thread/blocking.h"
#include "thread/mailbox.h"
#include "thread/slots.h"
#include "thread/transfer.h"

typedef struct saros_channel saros_channel_t;
typedef struct saros_item saros_item_t;

/* Who waits to receive, or for an item to be accepted. That of a task is freed by the task's continuation; or, if its
 * parcel is on the way still, when that arrives. */
typedef struct saros_waiter_node {
  saros_parcel_t parcel; /* first: to the loop of a task */
  saros_channel_t *channel; /* a reference */
  saros_mailbox_t *home;    /* of a task, a reference; NULL: a thread that blocks */
  saros_task_t *task;       /* these four are for the loop's thread only */
  bool withdrawn;           /* the task was cancelled while it waited */
  bool arrived;             /* the parcel */
  bool abandoned;           /* by the continuation */
  struct saros_waiter_node *next;
  saros_message_t *message; /* handed to a receiver */
  saros_item_t *item;       /* of a receiver: to put the message back in */
  bool done;                /* handed, accepted, or the channel was closed */
  bool refused;             /* the channel was closed */
} saros_waiter_node_t;

struct saros_item {
  saros_item_t *next;
  saros_message_t *message;
  saros_waiter_node_t *sender; /* NULL once it is accepted */
};

struct saros_channel {
  saros_shared_t shared; /* first */
  uv_mutex_t lock;
  uv_cond_t changed; /* for threads that block */
  double capacity;
  double accepted;     /* how many of the items are */
  saros_item_t *first, *last;
  saros_item_t *offer; /* the first one that is not accepted; all after it are not, either */
  saros_waiter_node_t *first_receiver, *last_receiver;
  saros_parcel_t *outbox; /* of tasks that are to be told once the lock is given back */
  bool closed;
};

/* ---- life ---- */

static void destroy(saros_shared_t *shared) {
  saros_channel_t *channel = (saros_channel_t *)shared;
  while (channel->first) {
    saros_item_t *item = channel->first;
    channel->first = item->next;
    saros__message_free(item->message);
    free(item);
  }
  uv_cond_destroy(&channel->changed);
  uv_mutex_destroy(&channel->lock);
  free(channel);
}

static const saros_shared_class_t class = {"Channel", SAROS_SLOT_CHANNEL, destroy, NULL};

static saros_channel_t *check_channel(lua_State *L) {
  return (saros_channel_t *)saros__shared_check(L, 1, &class);
}

static void arrive(saros_loop_t *loop, saros_parcel_t *parcel);

/* A waiter for the task, whose loop has this mailbox; or, both NULL, for the calling thread. NULL when out of
 * memory. */
static saros_waiter_node_t *new_waiter(saros_channel_t *channel, saros_mailbox_t *home, saros_task_t *task) {
  saros_waiter_node_t *waiter = calloc(1, sizeof *waiter);
  saros_item_t *item = malloc(sizeof *item);
  if (!waiter || !item) {
    free(waiter);
    free(item);
    return NULL;
  }
  *waiter = (saros_waiter_node_t){.parcel = {.arrive = arrive}, .channel = channel, .home = home,
                                  .task = task, .item = item};
  saros__shared_ref(&channel->shared);
  if (home) saros__shared_ref(saros__mailbox_shared(home));
  return waiter;
}

static void free_waiter(saros_waiter_node_t *waiter) {
  saros__message_free(waiter->message);
  free(waiter->item);
  if (waiter->home) saros__shared_unref(saros__mailbox_shared(waiter->home));
  saros__shared_unref(&waiter->channel->shared);
  free(waiter);
}

/* ---- with the lock held ---- */

static void notify(saros_waiter_node_t *waiter) {
  saros_channel_t *channel = waiter->channel;
  waiter->done = true;
  if (waiter->home) {
    waiter->parcel.next = channel->outbox;
    channel->outbox = &waiter->parcel;
  } else {
    uv_cond_broadcast(&channel->changed);
  }
}

/* Gives the lock back, then delivers: a parcel to a loop that is closed comes back here at once. */
static void unlock(saros_channel_t *channel) {
  saros_parcel_t *parcel = channel->outbox, *ordered = NULL;
  channel->outbox = NULL;
  uv_mutex_unlock(&channel->lock);
  while (parcel) { /* the first who was told is the last in the list */
    saros_parcel_t *next = parcel->next;
    parcel->next = ordered;
    ordered = parcel;
    parcel = next;
  }
  while (ordered) {
    saros_parcel_t *next = ordered->next;
    saros__mailbox_deliver(((saros_waiter_node_t *)ordered)->home, ordered);
    ordered = next;
  }
}

/* Appends an item, which is accepted unless somebody waits for that. */
static void append_item(saros_channel_t *channel, saros_item_t *item, saros_message_t *message,
                        saros_waiter_node_t *sender) {
  *item = (saros_item_t){.message = message, .sender = sender};
  if (channel->last) {
    channel->last->next = item;
  } else {
    channel->first = item;
  }
  channel->last = item;
  if (!sender) {
    channel->accepted++;
  } else if (!channel->offer) {
    channel->offer = item;
  }
}

/* Lets the first item that is not accepted be so. */
static void accept_offer(saros_channel_t *channel) {
  saros_item_t *item = channel->offer;
  channel->offer = item->next;
  channel->accepted++;
  notify(item->sender);
  item->sender = NULL;
}

/* Takes the first item out; NULL if there is none. */
static saros_message_t *take(saros_channel_t *channel) {
  saros_item_t *item = channel->first;
  if (!item) return NULL;
  if (item == channel->offer) accept_offer(channel);
  channel->first = item->next;
  if (!channel->first) channel->last = NULL;
  channel->accepted--;
  saros_message_t *message = item->message;
  free(item);
  if (channel->offer && channel->accepted < channel->capacity) accept_offer(channel);
  return message;
}

/* Hands the message to the first who waits for one; false if nobody does. */
static bool hand_over(saros_channel_t *channel, saros_message_t *message) {
  saros_waiter_node_t *receiver = channel->first_receiver;
  if (!receiver) return false;
  channel->first_receiver = receiver->next;
  if (!channel->first_receiver) channel->last_receiver = NULL;
  receiver->message = message;
  notify(receiver);
  return true;
}

/* A message that was handed over but not received goes back to where it was. */
static void put_back(saros_channel_t *channel, saros_item_t *item, saros_message_t *message) {
  if (hand_over(channel, message)) {
    free(item);
    return;
  }
  *item = (saros_item_t){.next = channel->first, .message = message};
  channel->first = item;
  if (!channel->last) channel->last = item;
  channel->accepted++;
}

static void add_receiver(saros_channel_t *channel, saros_waiter_node_t *waiter) {
  waiter->next = NULL;
  if (channel->last_receiver) {
    channel->last_receiver->next = waiter;
  } else {
    channel->first_receiver = waiter;
  }
  channel->last_receiver = waiter;
}

static void remove_receiver(saros_channel_t *channel, const saros_waiter_node_t *waiter) {
  saros_waiter_node_t *previous = NULL, *each = channel->first_receiver;
  while (each && each != waiter) {
    previous = each;
    each = each->next;
  }
  if (!each) return;
  if (previous) {
    previous->next = each->next;
  } else {
    channel->first_receiver = each->next;
  }
  if (channel->last_receiver == each) channel->last_receiver = previous;
}

/* Takes back what the sender offers, if nobody has taken it. */
static void remove_offer(saros_channel_t *channel, const saros_waiter_node_t *sender) {
  saros_item_t *previous = NULL, *item = channel->first;
  while (item && item->sender != sender) {
    previous = item;
    item = item->next;
  }
  if (!item) return;
  if (previous) {
    previous->next = item->next;
  } else {
    channel->first = item->next;
  }
  if (channel->last == item) channel->last = previous;
  if (channel->offer == item) channel->offer = item->next;
  saros__message_free(item->message);
  free(item);
}

/* ---- operations, which take the lock ---- */

enum outcome { DONE, MUST_WAIT, CLOSED };

/* Sends the message. If that must wait and there is a waiter, it offers the message. The item and the message are
 * the channel's if the outcome is DONE, or if they are offered. */
static enum outcome try_send(saros_channel_t *channel, saros_message_t *message, saros_item_t *item,
                             saros_waiter_node_t *waiter) {
  enum outcome outcome = DONE;
  bool handed = false;
  uv_mutex_lock(&channel->lock);
  if (channel->closed) {
    outcome = CLOSED;
  } else if (hand_over(channel, message)) {
    handed = true;
  } else if (!channel->offer && channel->accepted < channel->capacity) {
    append_item(channel, item, message, NULL);
  } else {
    outcome = MUST_WAIT;
    if (waiter) append_item(channel, item, message, waiter);
  }
  unlock(channel);
  if (handed) free(item);
  return outcome;
}

/* Receives a message; if that must wait and there is a waiter, it waits. */
static enum outcome try_receive(saros_channel_t *channel, saros_message_t **message, saros_waiter_node_t *waiter) {
  enum outcome outcome = DONE;
  uv_mutex_lock(&channel->lock);
  *message = take(channel);
  if (!*message) {
    outcome = channel->closed ? CLOSED : MUST_WAIT;
    if (outcome == MUST_WAIT && waiter) add_receiver(channel, waiter);
  }
  unlock(channel);
  return outcome;
}

/* The waiter does not wait any more: takes it out, and puts back what it was handed. */
static void give_up(saros_waiter_node_t *waiter) {
  saros_channel_t *channel = waiter->channel;
  uv_mutex_lock(&channel->lock);
  if (waiter->message) {
    put_back(channel, waiter->item, waiter->message);
    waiter->message = NULL;
    waiter->item = NULL;
  } else if (!waiter->done) {
    remove_receiver(channel, waiter);
    remove_offer(channel, waiter);
  }
  unlock(channel);
}

/* ---- waiting in a task ---- */

static int wake(lua_State *L) {
  const saros_waiter_node_t *waiter = lua_touserdata(L, 1);
  saros__task_wake(L, waiter->task->future.loop, waiter->task);
  return 0;
}

static void arrive(saros_loop_t *loop, saros_parcel_t *parcel) {
  saros_waiter_node_t *waiter = (saros_waiter_node_t *)parcel;
  waiter->arrived = true;
  if (waiter->abandoned) {
    free_waiter(waiter);
  } else if (loop && !waiter->withdrawn) {
    saros__loop_protect(loop, wake, waiter, "Cannot wake a task that waits for a channel");
  }
}

/* The task waits no longer. */
static void stop_expecting(saros_waiter_node_t *waiter) {
  waiter->withdrawn = true;
  saros__mailbox_expect(waiter->home, -1);
  saros__loop_unref(waiter->task->future.loop);
}

/* The task was cancelled, or its loop closes. */
static void withdraw(saros_task_t *task, void *owner) {
  (void)task;
  stop_expecting(owner);
  give_up(owner);
}

static int suspend(lua_State *L, saros_task_t *task, saros_waiter_node_t *waiter, lua_KFunction k) {
  saros__mailbox_expect(waiter->home, 1);
  saros__loop_ref(task->future.loop);
  return saros__task_suspend_settled(L, task, withdraw, waiter, (lua_KContext)waiter, k);
}

/* In a continuation: true if the task was woken, and then the waiter is the caller's; else the error is pushed. */
static bool goes_on(lua_State *L, saros_runtime_t *rt, saros_waiter_node_t *waiter) {
  if (!waiter->withdrawn) stop_expecting(waiter);
  bool good = saros__task_goes_on(L, rt);
  if (good) return true;
  give_up(waiter);
  if (waiter->done && !waiter->arrived) {
    waiter->abandoned = true;
  } else {
    free_waiter(waiter);
  }
  return false;
}

/* ---- waiting in a thread ---- */

/* Blocks until the waiter is done; false, and the error pushed, if the thread is to stop. */
static bool block(lua_State *L, saros_runtime_t *rt, saros_waiter_node_t *waiter) {
  saros_channel_t *channel = waiter->channel;
  bool stopped = false;
  uv_mutex_lock(&channel->lock);
  while (!waiter->done && !stopped) {
    uv_cond_timedwait(&channel->changed, &channel->lock, SAROS_BLOCKING_SLICE);
    stopped = !waiter->done && saros__blocking_stopped(rt);
  }
  unlock(channel);
  if (!stopped) return true;
  give_up(waiter);
  saros__blocking_push_error(L, rt);
  return false;
}

/* ---- who waits: a task, or a thread without a loop ---- */

/* The task that will wait; NULL for a thread that may block. Raises where neither can wait. */
static saros_task_t *find_task(lua_State *L, saros_runtime_t *rt, const char *what) {
  return rt->running || rt->script ? saros__task_suspendable(L, rt, what) : NULL;
}

static int cancelled(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  saros__task_resumed(L, saros__runtime(L));
  return 0;
}

static int closed_error(lua_State *L, saros_runtime_t *rt) {
  return saros__raise(L, rt, "RuntimeError", "the channel is closed");
}

/* ---- sending ---- */

typedef struct saros_parcel_out {
  saros_message_t *message;
  saros_item_t *item;
} saros_parcel_out_t;

static void drop(saros_parcel_out_t *out) {
  saros__message_free(out->message);
  free(out->item);
}

/* Packs the value at 2. */
static saros_parcel_out_t prepare(lua_State *L, saros_runtime_t *rt) {
  luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "nil cannot be sent");
  saros_parcel_out_t out = {saros__pack(L, rt, 2, 1, SAROS_PACK_VALUES), malloc(sizeof(saros_item_t))};
  if (!out.item) {
    drop(&out);
    luaL_error(L, "not enough memory");
  }
  return out;
}

static bool send_at_once(lua_State *L, saros_runtime_t *rt, saros_channel_t *channel) {
  saros_parcel_out_t out = prepare(L, rt);
  enum outcome outcome = try_send(channel, out.message, out.item, NULL);
  if (outcome != DONE) drop(&out);
  if (outcome == CLOSED) closed_error(L, rt);
  return outcome == DONE;
}

/* The waiter is done: frees it, and tells how it went. */
static int sent(lua_State *L, saros_runtime_t *rt, saros_waiter_node_t *waiter) {
  bool refused = waiter->refused;
  free_waiter(waiter);
  return refused ? closed_error(L, rt) : 0;
}

static int after_send(lua_State *L, int status, lua_KContext context) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_waiter_node_t *waiter = (saros_waiter_node_t *)context;
  (void)status;
  return goes_on(L, rt, waiter) ? sent(L, rt, waiter) : lua_error(L);
}

/*** Puts a value into the channel, waiting until it is accepted: until there is room, or with a capacity of 0 until
 * somebody receives it. In a task it suspends, in a thread without a loop it blocks.
 * @function Channel:send
 * @param value anything that can be transferred but nil
 * @raise RuntimeError if the channel is closed, or gets closed meanwhile; TransferError; CancelledError
 */
static int channel_send(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_channel_t *channel = check_channel(L);
  /* A launcher's script becomes a task only if it has to wait. */
  if (!rt->running && rt->script && send_at_once(L, rt, channel)) return 0;
  saros_task_t *task = find_task(L, rt, "send");
  saros_mailbox_t *home = task ? saros__mailbox(L, task->future.loop) : NULL;
  saros_parcel_out_t out = prepare(L, rt);
  enum outcome outcome = try_send(channel, out.message, out.item, NULL);
  if (outcome == DONE) return 0;
  if (outcome == CLOSED || (task && task->must_cancel)) {
    drop(&out);
    if (outcome == CLOSED) return closed_error(L, rt);
    return saros__task_suspend(L, task, NULL, NULL, 0, cancelled);
  }
  saros_waiter_node_t *waiter = new_waiter(channel, home, task);
  outcome = waiter ? try_send(channel, out.message, out.item, waiter) : CLOSED;
  if (outcome != MUST_WAIT) {
    if (outcome == CLOSED) drop(&out);
    if (!waiter) return luaL_error(L, "not enough memory");
    free_waiter(waiter);
    return outcome == DONE ? 0 : closed_error(L, rt);
  }
  if (task) return suspend(L, task, waiter, after_send);
  if (block(L, rt, waiter)) return sent(L, rt, waiter);
  free_waiter(waiter);
  return lua_error(L);
}

/*** Puts a value into the channel if that needs no waiting.
 * @function Channel:try_send
 * @param value anything that can be transferred but nil
 * @treturn boolean whether it was accepted
 * @raise RuntimeError if the channel is closed; TransferError
 */
static int channel_try_send(lua_State *L) {
  lua_pushboolean(L, send_at_once(L, saros__runtime(L), check_channel(L)));
  return 1;
}

/* ---- receiving ---- */

/* Argument: the message. */
static int unpack(lua_State *L) {
  const saros_message_t *message = lua_touserdata(L, 1);
  return saros__unpack(L, saros__runtime(L), message);
}

/* Pushes the value of the message, which is freed whatever happens. */
static int push_message(lua_State *L, saros_runtime_t *rt, saros_message_t *message) {
  saros__push_slot(L, rt, SAROS_SLOT_UNPACK);
  lua_pushlightuserdata(L, message);
  int status = lua_pcall(L, 1, 1, 0);
  saros__message_free(message);
  return status == LUA_OK ? 1 : lua_error(L);
}

/* The waiter is done: frees it, and pushes what it got, or nil. */
static int received(lua_State *L, saros_runtime_t *rt, saros_waiter_node_t *waiter) {
  saros_message_t *message = waiter->message;
  waiter->message = NULL;
  free_waiter(waiter);
  if (message) return push_message(L, rt, message);
  lua_pushnil(L);
  return 1;
}

static int after_receive(lua_State *L, int status, lua_KContext context) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_waiter_node_t *waiter = (saros_waiter_node_t *)context;
  (void)status;
  return goes_on(L, rt, waiter) ? received(L, rt, waiter) : lua_error(L);
}

/*** Takes the next value out of the channel, waiting for one. In a task it suspends, in a thread without a loop it
 * blocks.
 * @function Channel:recv
 * @return the value; nil once the channel is closed and empty
 * @raise TransferError for a value that cannot be made in this state; CancelledError
 */
static int channel_recv(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_channel_t *channel = check_channel(L);
  saros_message_t *message = NULL;
  enum outcome outcome = try_receive(channel, &message, NULL);
  if (outcome == DONE) return push_message(L, rt, message);
  if (outcome == CLOSED) return lua_pushnil(L), 1;
  saros_task_t *task = find_task(L, rt, "recv");
  saros_mailbox_t *home = task ? saros__mailbox(L, task->future.loop) : NULL;
  if (task && task->must_cancel) return saros__task_suspend(L, task, NULL, NULL, 0, cancelled);
  saros_waiter_node_t *waiter = new_waiter(channel, home, task);
  if (!waiter) return luaL_error(L, "not enough memory");
  outcome = try_receive(channel, &message, waiter);
  if (outcome != MUST_WAIT) {
    free_waiter(waiter);
    if (outcome == DONE) return push_message(L, rt, message);
    return lua_pushnil(L), 1;
  }
  if (task) return suspend(L, task, waiter, after_receive);
  if (block(L, rt, waiter)) return received(L, rt, waiter);
  free_waiter(waiter);
  return lua_error(L);
}

/*** Takes the next value out of the channel if there is one.
 * @function Channel:try_recv
 * @treturn boolean whether there was one
 * @return the value
 * @raise TransferError for a value that cannot be made in this state
 */
static int channel_try_recv(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_message_t *message = NULL;
  enum outcome outcome = try_receive(check_channel(L), &message, NULL);
  lua_pushboolean(L, outcome == DONE);
  return outcome == DONE ? 1 + push_message(L, rt, message) : 1;
}

/* ---- closing ---- */

/* With the lock held: everyone who waits is told; what was offered but not accepted is dropped. */
static void close_locked(saros_channel_t *channel) {
  channel->closed = true;
  while (channel->first_receiver) {
    saros_waiter_node_t *waiter = channel->first_receiver;
    channel->first_receiver = waiter->next;
    notify(waiter);
  }
  channel->last_receiver = NULL;
  while (channel->offer) {
    saros_waiter_node_t *sender = channel->offer->sender;
    sender->refused = true;
    remove_offer(channel, sender);
    notify(sender);
  }
}

/*** Closes the channel: `send` raises from now on, for those who wait, too; `recv` gives what was accepted, then nil.
 * Closing twice does nothing.
 * @function Channel:close
 */
static int channel_close(lua_State *L) {
  saros_channel_t *channel = check_channel(L);
  uv_mutex_lock(&channel->lock);
  if (!channel->closed) close_locked(channel);
  unlock(channel);
  return 0;
}

static int channel_tostring(lua_State *L) {
  saros_channel_t *channel = check_channel(L);
  uv_mutex_lock(&channel->lock);
  bool closed = channel->closed;
  unlock(channel);
  lua_pushfstring(L, "Channel: %p%s", (void *)channel, closed ? " closed" : "");
  return 1;
}

/*** A queue between threads: `saros.Channel(capacity)`. It can be passed to any thread of the process, where it is the
 * same channel.
 * @function Channel
 * @tparam[opt=0] number capacity how many values it holds; with 0 each waits for its receiver
 * @treturn Channel
 * @raise ValueError for a capacity that is negative or NaN
 */
static int new_channel(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  lua_Number capacity = luaL_optnumber(L, 1, 0);
  if (!(capacity >= 0)) {
    return saros__raise(L, rt, "ValueError", "the capacity of a channel must be at least 0, got %f", capacity);
  }
  saros_channel_t *channel = calloc(1, sizeof *channel);
  if (!channel || uv_mutex_init(&channel->lock) != 0) {
    free(channel);
    return luaL_error(L, "not enough memory");
  }
  if (uv_cond_init(&channel->changed) != 0) {
    uv_mutex_destroy(&channel->lock);
    free(channel);
    return luaL_error(L, "not enough memory");
  }
  saros__shared_init(&channel->shared, &class);
  channel->capacity = floor(capacity);
  saros__shared_push_new(L, rt, &channel->shared);
  return 1;
}

static const luaL_Reg functions[] = {{"Channel", new_channel}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"send", channel_send},         {"recv", channel_recv},
                                   {"try_send", channel_try_send}, {"try_recv", channel_try_recv},
                                   {"close", channel_close},       {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__tostring", channel_tostring}, {"__close", channel_close}, {NULL, NULL}};

void saros__channel_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__shared_class_open(L, rt, &class, methods, metamethods);
  saros__push_function(L, rt, unpack);
  saros__store_slot(L, rt, SAROS_SLOT_UNPACK);
}
