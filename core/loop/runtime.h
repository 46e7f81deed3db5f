/* runtime.h: what one Lua state holds, whatever the number of its loops.
 *
 * There are no mutable C statics (but the slots of signal handlers, see
 * interrupt.h and inspect.h, and what readline.h says): everything hangs off one runtime per Lua state, a userdata that
 * is upvalue 1 of every C function of the core, so any of them reaches it
 * without a look-up.
 *
 * Lua values that C needs at hand (metatables, error kinds, the running loop)
 * are kept on the stack of a Lua thread that never runs, the anchor. Fetching
 * one is two moves between stacks, which cannot raise.
 *
 * Loop structures belong to the runtime and are recycled, never freed before
 * the state closes: a future or a handle may keep a plain pointer and compare
 * the loop's id to learn that its loop is gone.
 *
 * Threads: a runtime is used by the thread that runs its Lua state, only.
 */
#ifndef SAROS_LOOP_RUNTIME_H
#define SAROS_LOOP_RUNTIME_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct saros_loop saros_loop_t;
typedef struct saros_task saros_task_t;
struct saros_generator;
struct saros_entry;

/* Places on the anchor's stack. */
enum saros_slot {
  SAROS_SLOT_RUNTIME = 1, /* the runtime's own userdata, for new closures */
  SAROS_SLOT_LOOP,        /* the running loop's userdata, nil when none runs */
  SAROS_SLOT_LOOPS,       /* weak table: id -> loop userdata */
  SAROS_SLOT_LOOP_CLASS,  /* the EventLoop class */
  SAROS_SLOT_ERRORS,      /* error kinds by name */
  SAROS_SLOT_ERROR,       /* the kind Error */
  SAROS_SLOT_CANCELLED,   /* the kind CancelledError */
  SAROS_SLOT_INTERRUPT,   /* the kind KeyboardInterrupt */
  SAROS_SLOT_HANDLE,      /* metatables */
  SAROS_SLOT_TIMER_HANDLE,
  SAROS_SLOT_FUTURE,
  SAROS_SLOT_TASK,
  SAROS_SLOT_STEP,
  SAROS_SLOT_REPORT,
  SAROS_SLOT_FAILED,      /* weak table: sentinel -> the failed future it stands for */
  SAROS_SLOT_LOOP_FIELDS, /* weak table: loop userdata -> its own metatable */
  SAROS_SLOT_HANDLER,     /* message handler: adds tracebacks */
  SAROS_SLOT_BODY,        /* the function at the bottom of every task's coroutine */
  SAROS_SLOT_TRACEBACK,   /* traceback of the last error that could not carry one */
  SAROS_SLOT_YIELD_ERROR, /* what a task's bare yield raises when it returns */
  SAROS_SLOT_PENDING,     /* an error to raise as soon as the poll is over */
  SAROS_SLOT_ADOPT,       /* the launcher's function that makes a loop when one is first needed */
  SAROS_SLOT_SCRIPT,      /* the task that the launcher's script became, or nil */
  SAROS_SLOT_CONTEXT,     /* the context that code runs in, nil: an empty one; see context.h */
  SAROS_SLOT_CONTEXT_CLASS, /* the metatable of contexts */
  SAROS_SLOT_SHARED,      /* weak table: object that threads share -> its userdata */
  SAROS_SLOT_SHARE,       /* function: makes such a userdata */
  SAROS_SLOT_NAMES,       /* table: function or module -> where others find it, see names.c */
  SAROS_SLOT_CODE,        /* weak table: function -> its code, see thread/code.h */
  SAROS_SLOT_LOADED,      /* table: id of bytecode -> the function that was made of it, if it has no upvalues but the globals */
  SAROS_SLOT_KINDS,       /* weak table: id -> error kind that has travelled */
  SAROS_SLOT_THREAD,      /* first of the metatables of the thread layer */
  SAROS_SLOT_THREAD_LAST = SAROS_SLOT_THREAD + 15,
  SAROS_SLOT_GENERATOR,   /* metatable */
  SAROS_SLOT_INSPECTOR,   /* the launcher's function for SIGUSR1 */
  SAROS_SLOT_IO,          /* first of the I/O layer's metatables */
  SAROS_SLOT_COUNT = SAROS_SLOT_IO + 16
};

typedef struct saros_runtime {
  saros_loop_t *running;       /* the loop that runs in this state */
  saros_task_t *current;       /* the task being stepped */
  lua_State *anchor;           /* holds the slots */
  lua_State *script;           /* the launcher's main chunk while it has no loop */
  struct saros_generator *script_generator; /* the innermost whose body is that chunk's code */
  struct saros_generator *generator; /* the innermost whose body is on the C stack, linked or not */
  saros_loop_t *loops;         /* all loop structures, linked by `next` */
  uint32_t next_loop_id;
  uint32_t class_epoch;        /* changes when a loop class gains a method */
  uint64_t next_task_number;
  uint64_t origin;             /* tells this state from all others, see thread/tags.h */
  uint64_t last_code, last_kind; /* numbers that it has given */
  const void *packed;          /* the function in SAROS_SLOT_PACKED, what stands for its code, */
  struct saros_shared_object *packed_code;
  int packed_upvalues;         /* how many it has */
  struct saros_loans *loans;   /* the thread layer's, see thread/loan.c */
  struct saros_loan *reading;  /* whose bytes are being copied, see thread/loan.h */
  lua_Integer next_generator_number;
  uint32_t loaded;             /* how many functions SAROS_SLOT_LOADED has */
  lua_Hook saved_hook;         /* of the coroutine whose bare yield is about to raise */
  int saved_mask, saved_count;
  bool has_context;            /* SAROS_SLOT_CONTEXT is not nil */
  uint32_t eager_depth;        /* tasks on the C stack that run their first step inside create_task */
  uint32_t gather_mark;        /* the last gather: marks its children, to find duplicates */
  /* The task layer's part in closing a loop: ends the tasks that are left, reports lost errors. */
  void (*end_tasks)(lua_State *L, saros_loop_t *loop);
  /* And in freeing one: gives the memory of its pool back. */
  void (*free_tasks)(saros_loop_t *loop);
  /* Pushes the task whose step the entry is, and a traceback of it; two nils if it is done. False, and nothing
   * pushed, for any other entry. */
  bool (*push_step_task)(lua_State *L, const struct saros_entry *entry);
  /* The traceback of L is on top of it: appends the frames of who runs L, a generator's body. */
  void (*append_consumers)(lua_State *L, struct saros_runtime *rt);
  /* The launcher's script needs a loop: makes one and returns it. */
  saros_loop_t *(*adopt_script)(lua_State *L, struct saros_runtime *rt);
  /* In a thread whose work can be stopped, see thread/stop.h; else NULL. Tells whether it must stop: then every error
   * leaves the loop. And in the poll: makes the loop stop. */
  bool (*must_stop)(void);
  void (*check_stop)(saros_loop_t *loop);
} saros_runtime_t;

/* Makes the runtime of this state, or finds it; pushes its userdata. */
saros_runtime_t *saros__runtime_open(lua_State *L);

/* The runtime of the running C function. */
static inline saros_runtime_t *saros__runtime(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

static inline void saros__push_slot(lua_State *L, saros_runtime_t *rt, int slot) {
  lua_pushvalue(rt->anchor, slot);
  lua_xmove(rt->anchor, L, 1);
}

/* Pops the value on top of L into a slot. */
static inline void saros__store_slot(lua_State *L, saros_runtime_t *rt, int slot) {
  lua_xmove(L, rt->anchor, 1);
  lua_replace(rt->anchor, slot);
}

/* Pushes a C function with the runtime as upvalue 1. */
static inline void saros__push_function(lua_State *L, saros_runtime_t *rt, lua_CFunction f) {
  saros__push_slot(L, rt, SAROS_SLOT_RUNTIME);
  lua_pushcclosure(L, f, 1);
}

/* Adds the functions of `list` to the table on top, each with the runtime as upvalue 1. */
void saros__set_functions(lua_State *L, saros_runtime_t *rt, const luaL_Reg *list);

/* Registers a class in one go: pushes a new metatable with `methods` in __index, and `metamethods`. */
void saros__new_class(lua_State *L, saros_runtime_t *rt, const char *name, const luaL_Reg *methods,
                      const luaL_Reg *metamethods);

/* Pushes a new table that is weak in its keys ("k") or values ("v"). */
void saros__push_weak_table(lua_State *L, const char *mode);

/* Every userdata of the core begins with a marker that tells its type: checking it is
 * cheaper than comparing metatables, and works whatever metatable a loop has. */
typedef uint64_t saros_marker_t;

#define SAROS_MARKER(a, b) (((saros_marker_t)0x5a705c0d << 32) | ((a) << 8) | (b))

static inline void *saros__test_marker(lua_State *L, int index, saros_marker_t marker) {
  saros_marker_t *object = lua_touserdata(L, index); /* a light one has no length */
  return object && lua_rawlen(L, index) >= sizeof marker && *object == marker ? object : NULL;
}

/* True if the value can be called: a function, or something with __call. */
bool saros__is_callable(lua_State *L, int index);

/* Raises `bad argument` unless the value at `index` can be called. */
static inline void saros__check_callable(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TFUNCTION && !saros__is_callable(L, index)) {
    luaL_typeerror(L, index, "function");
  }
}

#endif
