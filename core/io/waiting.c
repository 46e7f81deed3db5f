#include "io/waiting.h"

struct saros_waiting_node {
  saros_waiting_node_t *previous, *next;
  saros_waiting_t *list;
  saros_task_t *task;
};

static void unlink_node(saros_waiting_node_t *node) {
  saros_waiting_t *list = node->list;
  if (!list) return;
  node->list = NULL;
  if (node->previous) {
    node->previous->next = node->next;
  } else {
    list->first = node->next;
  }
  if (node->next) {
    node->next->previous = node->previous;
  } else {
    list->last = node->previous;
  }
}

static void withdraw(saros_task_t *task, void *owner) {
  (void)task;
  unlink_node(owner);
}

int saros__waiting_suspend(lua_State *L, saros_task_t *task, saros_waiting_t *list,
                           lua_KContext context, lua_KFunction k) {
  saros_waiting_node_t *node = lua_newuserdatauv(L, sizeof *node, 0);
  *node = (saros_waiting_node_t){.previous = list->last, .list = list, .task = task};
  if (list->last) {
    list->last->next = node;
  } else {
    list->first = node;
  }
  list->last = node;
  return saros__task_suspend(L, task, withdraw, node, context, k);
}

size_t saros__waiting_count(const saros_waiting_t *list) {
  size_t count = 0;
  for (const saros_waiting_node_t *node = list->first; node; node = node->next) count++;
  return count;
}

void saros__waiting_wake(lua_State *L, saros_loop_t *loop, saros_waiting_t *list) {
  while (list->first) {
    saros_waiting_node_t *node = list->first;
    saros__task_wake(L, loop, node->task);
    unlink_node(node);
  }
}
