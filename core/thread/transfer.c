#include "thread/transfer.h"

#include "thread/code.h"
#include "thread/loan.h"
#include "thread/mailbox.h"

saros_shared_t *saros__shared_of(lua_State *L, saros_runtime_t *rt, int index) {
  (void)rt;
  saros_shared_t *shared = saros__shared_test(L, index);
  if (shared) return shared;
  saros_loop_object_t *object = saros__test_marker(L, index, SAROS_MARKER_LOOP);
  if (!object || !object->loop || object->loop->closed) return NULL;
  return saros__mailbox_shared(saros__mailbox(L, object->loop));
}

/* A number that no other state has, in this process or another that it may talk to. */
static uint64_t new_origin(const saros_runtime_t *rt) {
  uint64_t origin = 0;
  if (uv_random(NULL, NULL, &origin, sizeof origin, 0, NULL) == 0 && origin != 0) return origin;
  return saros__now_ns() ^ (uint64_t)(uintptr_t)rt ^ (uint64_t)uv_os_getpid() << 40;
}

void saros__transfer_open(lua_State *L, saros_runtime_t *rt) {
  rt->origin = new_origin(rt);
  saros__push_weak_table(L, "k");
  saros__store_slot(L, rt, SAROS_SLOT_CODE);
  lua_newtable(L);
  saros__store_slot(L, rt, SAROS_SLOT_LOADED);
  saros__shared_open(L, rt);
  saros__code_open(L, rt);
  saros__loan_open(L, rt);
  saros__names_open(L, rt);
  saros__kinds_open(L, rt);
}
