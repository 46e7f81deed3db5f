/* tags.h: how transfer's messages look; see transfer.h.
 *
 * Threads: constants, for any.
 */
#ifndef SAROS_THREAD_TAGS_H
#define SAROS_THREAD_TAGS_H

/* A value begins with one of these. */
enum saros_tag {
  SAROS_TAG_END, /* no value: the end of a table's pairs */
  SAROS_TAG_NIL,
  SAROS_TAG_FALSE,
  SAROS_TAG_TRUE,
  SAROS_TAG_INTEGER, /* eight bytes */
  SAROS_TAG_FLOAT,   /* eight bytes; up to here, making the value takes no memory */
  SAROS_TAG_STRING,  /* size, bytes */
  SAROS_TAG_OBJECT,  /* number */
  SAROS_TAG_SHARED,  /* number */
  SAROS_TAG_GLOBALS,
  SAROS_TAG_LOAN, /* number: a long string, see loan.h */
};

/* The head of an object begins with one of these. */
enum saros_head {
  SAROS_HEAD_TABLE,    /* about how long its list is */
  SAROS_HEAD_CODE,     /* a function: whether it is kept, number of its code */
  SAROS_HEAD_FUNCTION, /* between processes: whether it is kept, id, size, bytecode */
  SAROS_HEAD_NAMED,    /* module; whether it is a field; field */
  SAROS_HEAD_KIND,     /* size, id; whether it is the library's; size, name; number of its base */
};

/* Upvalues: a new one is followed by its value, one that was seen by its number. */
enum saros_upvalue { SAROS_UPVALUE_NEW, SAROS_UPVALUE_SEEN };

/* An id of bytecode: the state that dumped it, and a number. */
typedef struct saros_code_id {
  uint64_t origin, number;
} saros_code_id_t;

#endif
