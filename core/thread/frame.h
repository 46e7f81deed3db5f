/* frame.h: messages between a process and its worker processes, through a socket.
 *
 * A frame is its size and its kind, eight bytes each, then the bytes of a message. What
 * a frame carries is trusted, bytecode included: it comes from the other end of a pair
 * of sockets that the parent made, and from nowhere else.
 *
 * Threads: the one that has the descriptor. Both calls block.
 */
#ifndef SAROS_THREAD_FRAME_H
#define SAROS_THREAD_FRAME_H

#include "thread/message.h"

typedef enum saros_frame {
  SAROS_FRAME_NONE, /* the other end is gone, or memory ran out */
  /* to the child */
  SAROS_FRAME_INITIALIZE, /* a call, which it answers by READY or REFUSED */
  SAROS_FRAME_CALL,       /* a call, which it answers by RESULTS or FAILED */
  SAROS_FRAME_GOODBYE,    /* it ends */
  /* from the child */
  SAROS_FRAME_READY,   /* it waits for calls */
  SAROS_FRAME_REFUSED, /* the initializer failed: a text with its zero, or nothing */
  SAROS_FRAME_RESULTS,
  SAROS_FRAME_FAILED,
} saros_frame_t;

/* Sends a frame with this message, or an empty one; false if the other end is gone. */
bool saros__frame_send(int fd, saros_frame_t kind, const saros_message_t *message);

/* Waits for a frame, and puts its message into an empty one. */
saros_frame_t saros__frame_receive(int fd, saros_message_t *message);

#endif
