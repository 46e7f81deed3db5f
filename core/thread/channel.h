/* channel.h: queues between threads.
 *
 * A channel has one list of items in order of sending. The first `capacity` of
 * them are accepted; whoever sent the others waits until room is made, or, with a
 * capacity of 0, until somebody takes the item. Whoever receives while there is
 * none waits in a list of its own, and is handed the next item: nobody who comes
 * later can take it away.
 *
 * Who waits is a task, woken by a parcel to its loop, or a thread without a loop,
 * which blocks. A task that is cancelled after it was handed an item puts the
 * item back in front.
 *
 * Threads: any. The lock protects everything in the channel; parcels are
 * delivered with it held (a mailbox takes its own lock inside, never the other
 * way round), no Lua code runs with it held.
 */
#ifndef SAROS_THREAD_CHANNEL_H
#define SAROS_THREAD_CHANNEL_H

#include "thread/shared.h"

/* Adds `Channel` to the table on top, and its class. */
void saros__channel_open(lua_State *L, saros_runtime_t *rt);

#endif
