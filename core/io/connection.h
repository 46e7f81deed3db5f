/* connection.h: one open stream socket.
 *
 * A connection is one block of memory: descriptor, uv_poll_t, what is still to
 * be sent, and its state. The Lua transport is a userdata that points to it;
 * while the connection is open the loop anchors the transport, and with it the
 * protocol. So the program may forget both, and a connection never outlives its
 * loop.
 *
 * Its life: made (saros__transport_new), perhaps connecting, started (the
 * protocol hears connection_made, then reading begins), closing (what was
 * written is still sent), lost (connection_lost is scheduled, exactly once),
 * destroyed (that callback has run: descriptor closed, transport disconnected).
 * The memory goes in libuv's close callback and nowhere else.
 *
 * What libuv polls for follows what is wanted lazily: a change costs two system
 * calls, so what is not wanted any more is dropped only when it reports.
 *
 * Threads: the owning loop's thread only.
 */
#ifndef SAROS_IO_CONNECTION_H
#define SAROS_IO_CONNECTION_H

#include "io/address.h"
#include "io/io.h"
#include "io/waiting.h"
#include "structures/buffer.h"

#define SAROS_MARKER_TRANSPORT SAROS_MARKER('T', 'r')

/* User values of a transport. */
enum {
  SAROS_TRANSPORT_PROTOCOL = 1, /* a table, or the StreamReader of a stream */
  SAROS_TRANSPORT_ERROR,        /* what ended the connection */
  SAROS_TRANSPORT_SERVER,       /* the Server that accepted it: is told when it is lost */
  SAROS_TRANSPORT_EXTRA,        /* of a Unix socket that is closed: its addresses, by name */
  SAROS_TRANSPORT_CONTEXT,      /* in which the protocol is called, if it is not an empty one */
  SAROS_TRANSPORT_VALUES = SAROS_TRANSPORT_CONTEXT,
};

typedef struct saros_transport {
  saros_marker_t marker;
  saros_connection_t *connection; /* NULL once it is destroyed */
  struct saros_reader *reader;    /* of a stream: its protocol */
  saros_inet_address_t peer, local;
  uint32_t dropped; /* writes after the connection was lost */
  bool failed;      /* SAROS_TRANSPORT_ERROR holds an error */
  bool has_context; /* SAROS_TRANSPORT_CONTEXT holds one */
} saros_transport_t;

/* What a message needs comes first, and together. */
struct saros_connection {
  uv_poll_t poll; /* first: freed through it */
  saros_loop_t *loop;
  saros_transport_t *transport;
  int fd;
  uint8_t polled;  /* what libuv polls for */
  uint8_t stage;   /* of ending, see connection.c */
  bool is_dirty;   /* in the list of before_poll */
  bool queued;     /* `turn` is in the ready queue */
  bool awaited;    /* a task waits for input: the reader's waiter */
  bool connecting; /* the task `connector` waits until it is connected */
  bool started;    /* connection_made was called */
  bool paused;     /* pause_reading */
  bool ended;      /* the peer will send no more */
  bool finished;   /* write_eof was called */
  bool shut;       /* and the peer was told */
  bool blocked;    /* the system takes no more for now; the rest waits in `out` */
  bool choked;     /* the protocol was told to pause writing */
  bool closing;
  bool lost;
  bool scheduled;  /* connection_lost is in the ready queue */
  saros_buffer_t out; /* accepted, not sent */
  size_t high, low;   /* water marks of `out` */
  uint64_t turn;      /* the entry of the ready queue that will receive; see input.c */
  saros_connection_t *previous_dirty, *next_dirty;
  saros_connection_t *previous, *next; /* in the list of all */
  saros_task_t *connector;
  saros_waiting_t draining; /* tasks that wait for `out` to go down */
  saros_waiting_t ending;   /* tasks that wait for the connection to be lost */
  int error;                /* the libuv error that ended it, 0 for none */
};

/* Makes a connection of a descriptor, and pushes its transport. Closes the descriptor if that fails. */
saros_connection_t *saros__connection_new(lua_State *L, saros_loop_t *loop, int fd);

/* Schedules the start: connection_made, then reading. May raise. */
void saros__connection_start(lua_State *L, saros_connection_t *connection);
/* Starts at once, for a stream, whose reader needs no call. */
void saros__connection_start_now(saros_connection_t *connection);

/* What the connection wants to be told, as libuv's events. */
int saros__connection_wanted(const saros_connection_t *connection);
/* Polls for what is wanted and not polled for yet; _exactly: drops what is not wanted as well. */
void saros__connection_watch(saros_connection_t *connection);
void saros__connection_watch_exactly(saros_connection_t *connection);

/* No more reading; when what was written is sent, the connection is lost. */
void saros__connection_close(saros_connection_t *connection);
/* Lost at once, what is not sent is dropped; `error` is a libuv code or 0. */
void saros__connection_abort(saros_connection_t *connection, int error);
/* Called when `out` is empty: does what waited for that. */
void saros__connection_flushed(saros_connection_t *connection);
/* What must be done before the next poll: see saros__io_mark_dirty. */
void saros__connection_refresh(saros_connection_t *connection);

/* Destroys a connection that nobody has been told of yet. */
void saros__connection_discard(lua_State *L, saros_connection_t *connection);

/* The loop closes: closes all connections, and tells nobody. */
void saros__connections_close(saros_io_t *io);

/* Pushes the error that ended the connection of a transport at `index`, or nil. */
void saros__transport_push_error(lua_State *L, int index);

#endif
