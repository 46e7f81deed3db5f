/* channel.h: queues between threads.
 *
 * A channel has one list of items in order of sending. The first `capacity` of
 * them are accepted; whoever sent the others waits until room is made, or, with a
 * capacity of 0, until somebody takes the item. Whoever receives while there is
 * none waits in a list of its own, and is handed the next item: nobody who comes
 * later can take it away. One who gives up after that puts the item back in front.
 *
 * The structure is in channel.c, what Lua sees of it in channel_methods.c.
 *
 * Threads: any. The lock protects everything in the channel, and what its parties
 * say is so. Nothing else is locked while it is held, and no Lua code runs; sleepers
 * are delivered afterwards.
 */
#ifndef SAROS_THREAD_CHANNEL_H
#define SAROS_THREAD_CHANNEL_H

#include "thread/message.h"
#include "thread/sleeper.h"

typedef struct saros_channel saros_channel_t;
typedef struct saros_item saros_item_t;

/* Who waits to receive, or for an item to be accepted. */
typedef struct saros_party {
  saros_sleeper_t sleeper; /* first */
  saros_channel_t *channel; /* a reference */
  /* Protected by the channel's lock. */
  struct saros_party *previous, *next; /* of those who receive */
  saros_item_t *item;       /* that a sender offers; that a receiver has ready, to put a message back */
  saros_message_t *message; /* to be sent, or handed over */
  bool receives;
  bool refused;             /* the channel was closed */
} saros_party_t;

enum saros_channel_outcome { SAROS_CHANNEL_DONE, SAROS_CHANNEL_WAIT, SAROS_CHANNEL_CLOSED, SAROS_CHANNEL_NO_MEMORY };

extern const saros_shared_class_t saros__channel_class;

/* NULL when out of memory. */
saros_channel_t *saros__channel_new(double capacity);
saros_shared_t *saros__channel_shared(saros_channel_t *channel);

/* Pushes the ticket of a party, whose task is NULL if it is a thread that blocks. May raise. */
saros_party_t *saros__channel_party(lua_State *L, saros_runtime_t *rt, saros_channel_t *channel, saros_task_t *task,
                                    bool receives);

/* What a message that is sent now would meet. */
enum saros_channel_outcome saros__channel_look(saros_channel_t *channel);

/* Sends the message, with an item for it. Both are the channel's if the outcome is DONE. */
enum saros_channel_outcome saros__channel_send(saros_channel_t *channel, saros_message_t *message, saros_item_t *item);
saros_item_t *saros__channel_item_new(void);
void saros__channel_item_free(saros_item_t *item);

/* Sends the message of the party, which waits if it must. */
enum saros_channel_outcome saros__channel_offer(saros_party_t *party);

/* Receives a message. If there is none, the party waits, unless it is NULL. */
enum saros_channel_outcome saros__channel_receive(saros_channel_t *channel, saros_message_t **message,
                                                  saros_party_t *party);

/* Blocks; see sleeper.h. */
enum saros_blocked saros__channel_block(lua_State *L, saros_runtime_t *rt, saros_party_t *party, lua_Hook before);

void saros__channel_close(saros_channel_t *channel);
bool saros__channel_is_closed(saros_channel_t *channel);

/* Adds `Channel` to the table on top, and its class. */
void saros__channel_open(lua_State *L, saros_runtime_t *rt);

#endif
