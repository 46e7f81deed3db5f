#include "thread/loan.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "thread/slots.h"

struct saros_loan {
  saros_shared_t shared; /* first */
  uv_mutex_t lock;
  const char *bytes; /* the lender's string, or `copy`; NULL: memory ran out for that */
  char *copy;
  size_t size;
  saros_loan_t *next; /* of the same lender, which was made later */
};

/* What a state has lent: a userdata, whose user value is a table, loan -> string. */
struct saros_loans {
  saros_loan_t *first, **last;
  size_t count, enough; /* how many there are; with so many it is worth it to look at all */
  bool closed;
};

enum { FEW = 16 };

/* ---- life ---- */

static void destroy(saros_shared_t *shared) {
  saros_loan_t *loan = (saros_loan_t *)shared;
  uv_mutex_destroy(&loan->lock);
  free(loan->copy);
  free(loan);
}

static const saros_shared_class_t class = {"Loan", 0, destroy, NULL};

static saros_loan_t *new_loan(void) {
  saros_loan_t *loan = calloc(1, sizeof *loan);
  if (!loan || uv_mutex_init(&loan->lock) != 0) {
    free(loan);
    return NULL;
  }
  saros__shared_init(&loan->shared, &class);
  return loan;
}

/* True if no message has it any more. */
static bool is_back(saros_loan_t *loan) {
  return atomic_load_explicit(&loan->shared.refs, memory_order_acquire) == 1;
}

/* ---- lending ---- */

static void push_strings(lua_State *L, saros_runtime_t *rt) {
  saros__push_slot(L, rt, SAROS_SLOT_LOANS);
  lua_getiuservalue(L, -1, 1);
  lua_replace(L, -2);
}

/* Lets the string go of the loan that `link` leads to. */
static void drop(lua_State *L, saros_runtime_t *rt, saros_loan_t **link) {
  saros_loan_t *loan = *link;
  push_strings(L, rt);
  lua_pushnil(L);
  lua_rawsetp(L, -2, loan);
  lua_pop(L, 1);
  *link = loan->next;
  if (!loan->next) rt->loans->last = link;
  rt->loans->count--;
  saros__shared_unref(&loan->shared);
}

void saros__loans_review(lua_State *L, saros_runtime_t *rt) {
  while (rt->loans->first && is_back(rt->loans->first)) drop(L, rt, &rt->loans->first);
}

/* One that stays out for long must not keep all that were made after it. */
static void review_all(lua_State *L, saros_runtime_t *rt) {
  saros_loan_t **link = &rt->loans->first;
  while (*link) {
    if (is_back(*link)) {
      drop(L, rt, link);
    } else {
      link = &(*link)->next;
    }
  }
  rt->loans->enough = 2 * rt->loans->count + FEW;
}

saros_shared_t *saros__loan_new(lua_State *L, saros_runtime_t *rt, int index) {
  struct saros_loans *loans = rt->loans;
  if (loans->closed) return NULL;
  luaL_checkstack(L, 4, NULL);
  if (loans->count >= loans->enough) review_all(L, rt);
  saros_loan_t *loan = new_loan();
  if (!loan) luaL_error(L, "not enough memory");
  /* If keeping the string raises, this is a loan that is back. */
  *loans->last = loan;
  loans->last = &loan->next;
  loans->count++;
  lua_pushvalue(L, index);
  push_strings(L, rt);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, loan);
  lua_pop(L, 1);
  loan->bytes = lua_tolstring(L, index, &loan->size);
  return &loan->shared;
}

/* ---- reading ---- */

void saros__loan_was_read(saros_runtime_t *rt) {
  saros_loan_t *loan = rt->reading;
  if (!loan) return;
  rt->reading = NULL;
  uv_mutex_unlock(&loan->lock);
}

/* Arguments: the loan, the runtime. */
static int push_protected(lua_State *L) {
  saros_loan_t *loan = lua_touserdata(L, 1);
  saros_runtime_t *rt = lua_touserdata(L, 2);
  uv_mutex_lock(&loan->lock);
  rt->reading = loan;
  if (!loan->bytes) return luaL_error(L, "not enough memory");
  lua_pushlstring(L, loan->bytes, loan->size);
  return 1;
}

void saros__loan_push(lua_State *L, saros_runtime_t *rt, saros_shared_t *shared) {
  saros__loan_was_read(rt); /* a finalizer reads while something else was being read */
  lua_pushcfunction(L, push_protected);
  lua_pushlightuserdata(L, shared);
  lua_pushlightuserdata(L, rt);
  int status = lua_pcall(L, 2, 1, 0);
  saros__loan_was_read(rt);
  if (status != LUA_OK) lua_error(L);
}

/* ---- recalling ---- */

static void recall(saros_loan_t *loan) {
  uv_mutex_lock(&loan->lock);
  if (loan->bytes) {
    loan->copy = malloc(loan->size);
    if (loan->copy) memcpy(loan->copy, loan->bytes, loan->size);
    loan->bytes = loan->copy;
  }
  uv_mutex_unlock(&loan->lock);
}

/* The state closes; its strings are still there. */
static int loans_gc(lua_State *L) {
  struct saros_loans *loans = lua_touserdata(L, 1);
  loans->closed = true;
  saros_loan_t *loan = loans->first;
  loans->first = NULL;
  loans->last = &loans->first;
  while (loan) {
    saros_loan_t *next = loan->next;
    if (!is_back(loan)) recall(loan);
    saros__shared_unref(&loan->shared);
    loan = next;
  }
  return 0;
}

void saros__loan_open(lua_State *L, saros_runtime_t *rt) {
  struct saros_loans *loans = lua_newuserdatauv(L, sizeof *loans, 1);
  *loans = (struct saros_loans){.last = &loans->first, .enough = FEW};
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, loans_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  rt->loans = loans;
  saros__store_slot(L, rt, SAROS_SLOT_LOANS);
}
