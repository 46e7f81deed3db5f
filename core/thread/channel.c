#include "thread/channel.h"

#include <stdlib.h>

#include "thread/slots.h"

struct saros_item {
  saros_item_t *previous, *next;
  saros_message_t *message;
  saros_party_t *sender; /* NULL once it is accepted */
};

struct saros_channel {
  saros_shared_t shared; /* first */
  uv_mutex_t lock;
  uv_cond_t changed; /* for threads that block */
  double capacity;
  double accepted;     /* how many of the items are */
  saros_item_t *first, *last;
  saros_item_t *offer; /* the first one that is not accepted; all after it are not, either */
  saros_party_t *first_receiver, *last_receiver;
  saros_parcel_t *outbox; /* who is to be told once the lock is given back */
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

const saros_shared_class_t saros__channel_class = {"Channel", SAROS_SLOT_CHANNEL, destroy, NULL};

saros_channel_t *saros__channel_new(double capacity) {
  saros_channel_t *channel = calloc(1, sizeof *channel);
  if (!channel) return NULL;
  if (uv_mutex_init(&channel->lock) != 0) goto no_lock;
  if (uv_cond_init(&channel->changed) != 0) goto no_condition;
  saros__shared_init(&channel->shared, &saros__channel_class);
  channel->capacity = capacity;
  return channel;
no_condition:
  uv_mutex_destroy(&channel->lock);
no_lock:
  free(channel);
  return NULL;
}

saros_shared_t *saros__channel_shared(saros_channel_t *channel) {
  return &channel->shared;
}

saros_item_t *saros__channel_item_new(void) {
  return calloc(1, sizeof(saros_item_t));
}

void saros__channel_item_free(saros_item_t *item) {
  free(item);
}

/* ---- with the lock held ---- */

static void unlock(saros_channel_t *channel) {
  saros_parcel_t *outbox = channel->outbox;
  channel->outbox = NULL;
  uv_mutex_unlock(&channel->lock);
  saros__sleeper_deliver(outbox);
}

static void notify(saros_channel_t *channel, saros_party_t *party) {
  saros__sleeper_notify(&party->sleeper, &channel->outbox, &channel->changed);
}

static void append_item(saros_channel_t *channel, saros_item_t *item, saros_message_t *message,
                        saros_party_t *sender) {
  *item = (saros_item_t){.previous = channel->last, .message = message, .sender = sender};
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

static void unlink_item(saros_channel_t *channel, saros_item_t *item) {
  if (channel->offer == item) channel->offer = item->next;
  if (item->previous) {
    item->previous->next = item->next;
  } else {
    channel->first = item->next;
  }
  if (item->next) {
    item->next->previous = item->previous;
  } else {
    channel->last = item->previous;
  }
}

/* Lets the first item that is not accepted be so. */
static void accept_offer(saros_channel_t *channel) {
  saros_item_t *item = channel->offer;
  channel->offer = item->next;
  channel->accepted++;
  item->sender->item = NULL;
  notify(channel, item->sender);
  item->sender = NULL;
}

/* Takes the first item out; NULL if there is none. */
static saros_message_t *take(saros_channel_t *channel) {
  saros_item_t *item = channel->first;
  if (!item) return NULL;
  if (item == channel->offer) accept_offer(channel);
  unlink_item(channel, item);
  channel->accepted--;
  saros_message_t *message = item->message;
  free(item);
  if (channel->offer && channel->accepted < channel->capacity) accept_offer(channel);
  return message;
}

static void append_receiver(saros_channel_t *channel, saros_party_t *party) {
  party->previous = channel->last_receiver;
  if (channel->last_receiver) {
    channel->last_receiver->next = party;
  } else {
    channel->first_receiver = party;
  }
  channel->last_receiver = party;
}

static void unlink_receiver(saros_channel_t *channel, saros_party_t *party) {
  if (party->previous) {
    party->previous->next = party->next;
  } else {
    channel->first_receiver = party->next;
  }
  if (party->next) {
    party->next->previous = party->previous;
  } else {
    channel->last_receiver = party->previous;
  }
  party->previous = party->next = NULL;
}

/* Hands the message to the first who waits for one; false if nobody does. */
static bool hand_over(saros_channel_t *channel, saros_message_t *message) {
  saros_party_t *receiver = channel->first_receiver;
  if (!receiver) return false;
  unlink_receiver(channel, receiver);
  receiver->message = message;
  notify(channel, receiver);
  return true;
}

/* The message that the party was handed goes to the next one, or back to where it was. */
static void put_back(saros_channel_t *channel, saros_party_t *party) {
  saros_message_t *message = party->message;
  party->message = NULL;
  if (hand_over(channel, message)) return;
  saros_item_t *item = party->item;
  party->item = NULL;
  *item = (saros_item_t){.next = channel->first, .message = message};
  if (channel->first) {
    channel->first->previous = item;
  } else {
    channel->last = item;
  }
  channel->first = item;
  channel->accepted++;
}

/* ---- parties ---- */

static bool is_linked(const saros_channel_t *channel, const saros_party_t *party) {
  return party->previous || channel->first_receiver == party;
}

static void give_up(saros_sleeper_t *sleeper) {
  saros_party_t *party = (saros_party_t *)sleeper;
  saros_channel_t *channel = party->channel;
  uv_mutex_lock(&channel->lock);
  if (!party->receives) {
    if (party->item) {
      unlink_item(channel, party->item);
      saros__message_free(party->item->message);
      free(party->item);
      party->item = NULL;
    }
  } else if (party->message) {
    put_back(channel, party);
  } else if (is_linked(channel, party)) {
    unlink_receiver(channel, party);
  }
  unlock(channel);
}

static void free_party(saros_sleeper_t *sleeper) {
  saros_party_t *party = (saros_party_t *)sleeper;
  saros__message_free(party->message);
  free(party->item);
  saros__shared_unref(&party->channel->shared);
  free(party);
}

static const saros_sleeper_class_t party_class = {give_up, free_party};

saros_party_t *saros__channel_party(lua_State *L, saros_runtime_t *rt, saros_channel_t *channel, saros_task_t *task,
                                    bool receives) {
  saros_party_t *party = (saros_party_t *)saros__sleeper_push(L, rt, &party_class, sizeof *party, task);
  party->channel = channel;
  saros__shared_ref(&channel->shared);
  party->receives = receives;
  if (!receives) return party;
  party->item = saros__channel_item_new();
  if (!party->item) luaL_error(L, "not enough memory");
  return party;
}

/* ---- operations ---- */

/* What a message that nobody waits for meets. */
static enum saros_channel_outcome look(const saros_channel_t *channel) {
  if (channel->closed) return SAROS_CHANNEL_CLOSED;
  bool room = channel->first_receiver || (!channel->offer && channel->accepted < channel->capacity);
  return room ? SAROS_CHANNEL_DONE : SAROS_CHANNEL_WAIT;
}

enum saros_channel_outcome saros__channel_look(saros_channel_t *channel) {
  uv_mutex_lock(&channel->lock);
  enum saros_channel_outcome outcome = look(channel);
  unlock(channel);
  return outcome;
}

enum saros_channel_outcome saros__channel_send(saros_channel_t *channel, saros_message_t *message,
                                               saros_item_t *item) {
  uv_mutex_lock(&channel->lock);
  enum saros_channel_outcome outcome = look(channel);
  bool handed = outcome == SAROS_CHANNEL_DONE && hand_over(channel, message);
  if (outcome == SAROS_CHANNEL_DONE && !handed) append_item(channel, item, message, NULL);
  unlock(channel);
  if (handed) free(item);
  return outcome;
}

enum saros_channel_outcome saros__channel_offer(saros_party_t *party) {
  saros_channel_t *channel = party->channel;
  saros_item_t *item = saros__channel_item_new();
  if (!item) return SAROS_CHANNEL_NO_MEMORY;
  uv_mutex_lock(&channel->lock);
  enum saros_channel_outcome outcome = look(channel);
  if (outcome != SAROS_CHANNEL_CLOSED) {
    saros_message_t *message = party->message;
    party->message = NULL;
    if (outcome == SAROS_CHANNEL_WAIT) {
      append_item(channel, item, message, party);
      party->item = item;
      item = NULL;
    } else if (!hand_over(channel, message)) {
      append_item(channel, item, message, NULL);
      item = NULL;
    }
  }
  unlock(channel);
  free(item);
  return outcome;
}

enum saros_channel_outcome saros__channel_receive(saros_channel_t *channel, saros_message_t **message,
                                                  saros_party_t *party) {
  enum saros_channel_outcome outcome = SAROS_CHANNEL_DONE;
  uv_mutex_lock(&channel->lock);
  *message = take(channel);
  if (!*message) {
    outcome = channel->closed ? SAROS_CHANNEL_CLOSED : SAROS_CHANNEL_WAIT;
    if (outcome == SAROS_CHANNEL_WAIT && party) append_receiver(channel, party);
  }
  unlock(channel);
  return outcome;
}

enum saros_blocked saros__channel_block(lua_State *L, saros_runtime_t *rt, saros_party_t *party, lua_Hook before) {
  saros_channel_t *channel = party->channel;
  return saros__sleeper_block(L, rt, &party->sleeper, &channel->lock, &channel->changed, UINT64_MAX, before);
}

/* ---- closing ---- */

/* Everyone who waits is told; what was offered but not accepted is dropped. */
static void refuse_all(saros_channel_t *channel) {
  channel->closed = true;
  while (channel->first_receiver) {
    saros_party_t *receiver = channel->first_receiver;
    unlink_receiver(channel, receiver);
    notify(channel, receiver);
  }
  while (channel->offer) {
    saros_item_t *item = channel->offer;
    unlink_item(channel, item);
    item->sender->item = NULL;
    item->sender->refused = true;
    notify(channel, item->sender);
    saros__message_free(item->message);
    free(item);
  }
}

void saros__channel_close(saros_channel_t *channel) {
  uv_mutex_lock(&channel->lock);
  if (!channel->closed) refuse_all(channel);
  unlock(channel);
}

bool saros__channel_is_closed(saros_channel_t *channel) {
  uv_mutex_lock(&channel->lock);
  bool closed = channel->closed;
  unlock(channel);
  return closed;
}
