#include "thread/blocking.h"

#include "loop/errors.h"
#include "loop/interrupt.h"

bool saros__blocking_stopped(const saros_runtime_t *rt) {
  return saros__interrupt_pending(rt);
}

void saros__blocking_push_error(lua_State *L, saros_runtime_t *rt) {
  saros__push_error(L, rt, "KeyboardInterrupt", "interrupted");
}
