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

/* Who waits to receive, or for an item to be accepted. */
typedef struct saros_waiter_node {
  saros_parcel_t parcel; /* first: to the loop of a task */
  saros_channel_t *channel; /* a reference */
  saros_mailbox_t *home;    /* of a task, a reference; NULL: a thread that blocks */
  saros_task_t *task;       /* loop's thread only: NULL once it does not wait any more */
  struct saros_waiter_node *next;
  saros_message_t *message; /* handed to a receiver */
  bool done;                /* handed, accepted, or the channel was closed */
  bool refused;             /* the channel was closed */
} saros_waiter_node_t;

typedef struct saros_item {
  struct saros_item *next;
  saros_message_t *message;
  saros_waiter_node_t *sender; /* NULL once it is accepted */
} saros_item_t;

struct saros_channel {
  saros_shared_t shared; /* first */
  uv_mutex_t lock;
  uv_cond_t changed; /* for threads that block */
  double capacity;
  double count; /* items */
  saros_item_t *first, *last;
  saros_waiter_node_t *first_receiver, *last_receiver;
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

static saros_waiter_node_t *new_waiter(saros_channel_t *channel) {
  saros_waiter_node_t *waiter = calloc(1, sizeof *waiter);
  if (!waiter) return NULL;
  waiter->channel = channel;
  saros__shared_ref(&channel->shared);
  return waiter;
}

static void free_waiter(saros_waiter_node_t *waiter) {
  saros__message_free(waiter->message);
  if (waiter->home) saros__shared_unref(saros__mailbox_shared(waiter->home));
  saros__shared_unref(&waiter->channel->shared);
  free(waiter);
}

/* ---- with the lock held ---- */

static void notify(saros_waiter_node_t *waiter) {
  waiter->done = true;
  if (waiter->home) {
    saros__mailbox_deliver(waiter->home, &waiter->parcel);
  } else {
    uv_cond_broadcast(&waiter->channel->changed);
  }
}

static void append_item(saros_channel_t *channel, saros_item_t *item) {
  item->next = NULL;
  if (channel->last) {
    channel->last->next = item;
  } else {
    channel->first = item;
  }
  channel->last = item;
  channel->count++;
}

/* Tells the sender of the item that has come within the capacity. */
static void accept_next(saros_channel_t *channel) {
  if (channel->count < channel->capacity) return;
  saros_item_t *item = channel->first;
  for (double i = 1; item && i < channel->capacity; i++) item = item->next;
  if (!item || channel->capacity < 1 || !item->sender) return;
  notify(item->sender);
  item->sender = NULL;
}

/* Takes the first item out; NULL if there is none. */
static saros_message_t *take(saros_channel_t *channel) {
  saros_item_t *item = channel->first;
  if (!item) return NULL;
  channel->first = item->next;
  if (!channel->first) channel->last = NULL;
  channel->count--;
  if (item->sender) notify(item->sender);
  saros_message_t *message = item->message;
  free(item);
  accept_next(channel);
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
  channel->count++;
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
  channel->count--;
  saros__message_free(item->message);
  free(item);
}
