#include "task/report.h"

#include "loop/errors.h"

typedef struct saros_report {
  saros_future_t *future; /* NULL: nothing to report any more */
  struct saros_report *previous, *next;
} saros_report_t;

saros_report_t *saros__report_new(lua_State *L, int index, saros_future_t *future) {
  index = lua_absindex(L, index);
  saros__future_extras(L, index, future);
  lua_insert(L, -2);
  lua_setfield(L, -2, "traceback");
  saros_report_t *report = lua_newuserdatauv(L, sizeof *report, 1);
  *report = (saros_report_t){0};
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, 1);
  saros__push_slot(L, future->loop->rt, SAROS_SLOT_REPORT);
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "report");
  lua_pop(L, 1);
  saros__push_slot(L, future->loop->rt, SAROS_SLOT_FAILED);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, report);
  lua_pop(L, 1);
  return report;
}

void saros__report_arm(saros_future_t *future, saros_report_t *report) {
  saros_loop_t *loop = future->loop;
  report->future = future;
  report->previous = NULL;
  report->next = loop->reports;
  if (loop->reports) loop->reports->previous = report;
  loop->reports = report;
  future->report = report;
}

void saros__report_disarm(saros_future_t *future) {
  saros_report_t *report = future->report;
  future->retrieved = true;
  if (!report) return;
  future->report = NULL;
  report->future = NULL;
  if (report->next) report->next->previous = report->previous;
  if (report->previous) {
    report->previous->next = report->next;
  } else {
    future->loop->reports = report->next;
  }
}

/* Reports the error of the future on top of L, and pops it. */
static void report_future(lua_State *L, saros_future_t *future) {
  saros_loop_t *loop = future->loop;
  int index = lua_gettop(L);
  bool is_task = future->marker == SAROS_MARKER_TASK;
  luaL_checkstack(L, 8, NULL);
  saros__report_disarm(future);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, is_task ? "Task exception was never retrieved"
                            : "Future exception was never retrieved");
  lua_setfield(L, -2, "message");
  lua_getiuservalue(L, index, SAROS_UV_VALUE);
  if (saros__is_error(L, loop->rt, -1, SAROS_SLOT_ERROR)) {
    lua_getfield(L, -1, "traceback");
  } else {
    saros__future_extra(L, index, future, "traceback");
  }
  lua_setfield(L, -3, "traceback");
  lua_setfield(L, -2, "exception");
  lua_pushvalue(L, index);
  lua_setfield(L, -2, "future");
  if (is_task) {
    lua_pushvalue(L, index);
    lua_setfield(L, -2, "task");
  }
  saros__future_extra(L, index, future, "source_traceback");
  lua_setfield(L, -2, "source_traceback");
  saros__call_exception_handler(L, loop);
  lua_settop(L, index - 1);
}

void saros__report_all(lua_State *L, saros_loop_t *loop) {
  saros__push_slot(L, loop->rt, SAROS_SLOT_FAILED);
  int failed = lua_gettop(L);
  for (;;) {
    /* The newest is first in the list; errors are told in the order in which they happened. */
    saros_report_t *report = loop->reports;
    while (report && report->next) report = report->next;
    if (!report) break;
    saros_future_t *future = report->future;
    if (lua_rawgetp(L, failed, report) == LUA_TUSERDATA) {
      report_future(L, future);
    } else {
      saros__report_disarm(future); /* garbage already: its finalizer is about to report it */
      report->future = future;
    }
    lua_settop(L, failed);
  }
  lua_pop(L, 1);
}

/* The future is garbage and its error was not retrieved. */
static int report_gc(lua_State *L) {
  saros_report_t *report = lua_touserdata(L, 1);
  saros_future_t *future = report->future;
  if (!future || !saros__future_loop(future)) return 0;
  lua_getiuservalue(L, 1, 1);
  report_future(L, future);
  return 0;
}

static const luaL_Reg metamethods[] = {{"__gc", report_gc}, {NULL, NULL}};

void saros__report_open(lua_State *L, saros_runtime_t *rt) {
  lua_newtable(L);
  saros__set_functions(L, rt, metamethods);
  saros__store_slot(L, rt, SAROS_SLOT_REPORT);
  saros__push_weak_table(L, "v");
  saros__store_slot(L, rt, SAROS_SLOT_FAILED);
}
