/* reader.h: the StreamReader, a protocol in C whose data tasks read.
 *
 * A task that waits in a read says what would satisfy it. When its socket has
 * something, an entry of the ready queue takes the place that the task's step
 * would have: it receives, and if that satisfies the read, and nothing older is
 * buffered, makes the Lua string straight from the loop's buffer, puts it on the
 * stack of the task's coroutine, and runs the step. So what a connection needs
 * is brought into the caches once. Everything else goes through the reader's own
 * buffer.
 *
 * Backpressure: with more than twice the limit buffered, and nobody waiting, the
 * connection stops reading until the buffer is at the limit again.
 *
 * Ownership: the userdata owns the buffer, its user value keeps the transport.
 * At most one task waits.
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_READER_H
#define SAROS_IO_READER_H

#include "io/connection.h"

#define SAROS_MARKER_READER SAROS_MARKER('S', 'r')

enum { SAROS_READER_TRANSPORT = 1, SAROS_READER_VALUES = 1 };

/* What a read asks for. */
enum saros_read_kind {
  SAROS_READ_SOME,  /* up to `size` bytes, at least one */
  SAROS_READ_EXACT, /* `size` bytes */
  SAROS_READ_UNTIL, /* up to and with the separator */
  SAROS_READ_LINE,  /* the same with a newline, which may lack at the end of the file */
  SAROS_READ_BARE_LINE, /* the same without it */
  SAROS_READ_ALL,   /* to the end */
};

typedef struct saros_read {
  enum saros_read_kind kind;
  size_t size;
  const char *separator; /* a string on the stack of the reading task, or static */
  size_t separator_size;
} saros_read_t;

typedef struct saros_reader {
  saros_marker_t marker;
  saros_transport_t *transport;
  saros_task_t *waiter;
  bool ended;            /* there will be no more data */
  bool failed;           /* because of an error, which is the transport's */
  bool paused;           /* the reader has stopped the connection */
  size_t limit;
  saros_buffer_t buffer;
  size_t searched;       /* no separator begins in so many bytes of the buffer */
  saros_read_t read;     /* what the waiter asks for */
} saros_reader_t;

/* The reader at `index`, or `bad argument`. */
saros_reader_t *saros__check_reader(lua_State *L, int index);

/* Bytes have arrived, or with `bytes` NULL the end of the file: in a poll callback or an entry of the ready
 * queue. An error ends the connection. With `step` a string may be handed over to the task that waits:
 * then that is returned, and its step must be run at once. */
saros_task_t *saros__reader_arrived(saros_connection_t *connection, const char *bytes, size_t size,
                                    bool step);

/* The connection is lost. May raise when waking a task needs Lua code. */
void saros__reader_end(lua_State *L, saros_loop_t *loop, saros_reader_t *reader);

/* What bytes are to a read: not enough yet; what it asks for, `*size` of them; or too many without the
 * separator, which is `*size` bytes away or further. `searched` is how far a separator was looked for
 * before, and is updated. */
enum saros_match { SAROS_MATCH_NOT_YET, SAROS_MATCH_FOUND, SAROS_MATCH_OVERRUN };
enum saros_match saros__read_match(const saros_read_t *read, const char *bytes, size_t available,
                                   size_t limit, size_t *searched, size_t *size);

/* Sets the task that waits, or NULL. */
void saros__reader_set_waiter(saros_reader_t *reader, saros_task_t *task);

/* The buffer has less in it: goes on reading if the reader had stopped. */
void saros__reader_consumed(saros_reader_t *reader);

/* Makes a reader for the transport at `index`, with its limit, and pushes it. The reader becomes the
 * protocol. */
saros_reader_t *saros__reader_new(lua_State *L, saros_runtime_t *rt, int index, size_t limit);

/* Adds the reader's class. */
void saros__reader_open(lua_State *L, saros_runtime_t *rt);
/* The methods that read, see read.c. */
extern const luaL_Reg saros__read_methods[];

#endif
