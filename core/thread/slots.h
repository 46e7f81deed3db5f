/* slots.h: the places of the thread layer's metatables on the runtime's anchor. */
#ifndef SAROS_THREAD_SLOTS_H
#define SAROS_THREAD_SLOTS_H

#include "loop/runtime.h"

enum {
  SAROS_SLOT_PROXY = SAROS_SLOT_THREAD,
  SAROS_SLOT_CALLABLE,
  SAROS_SLOT_POOL,
  SAROS_SLOT_PROCESS_POOL,
  SAROS_SLOT_CHANNEL,
  SAROS_SLOT_PROMISE,
  SAROS_SLOT_CODE_CLASS,
  SAROS_SLOT_UNPACK, /* function: unpacks a message */
  SAROS_SLOT_TICKET,
  SAROS_SLOT_PLEDGE,
  SAROS_SLOT_THREAD_CLASS,
  SAROS_SLOT_PACKED,  /* the function that pack_plain.c has packed last */
  SAROS_SLOT_LOANS,   /* userdata: what this state has lent to others */
  SAROS_SLOT_THREADS, /* userdata: the threads that this state has started */
  SAROS_SLOT_THREAD_END,
};

_Static_assert(SAROS_SLOT_THREAD_END <= SAROS_SLOT_THREAD_LAST + 1, "the runtime's anchor has no room for these slots");

#endif
