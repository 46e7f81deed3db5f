/* class.h: loop classes, and what they override.
 *
 * `EventLoop:extend(name)` makes a class, a table that inherits from its base;
 * calling a class makes a loop. A loop is a userdata whose metatable is its
 * class's; the first field that is assigned to a loop gives it a metatable of
 * its own, so loops without fields pay nothing for the possibility.
 *
 * The core asks `loop->overrides` before it takes a short cut past a method. It
 * is computed when a loop is made, when it starts to run, when a field is
 * assigned, and when a class has gained a method since (the class epoch).
 */
#ifndef SAROS_LOOP_CLASS_H
#define SAROS_LOOP_CLASS_H

#include "loop/loop.h"

/* Makes the class EventLoop out of the table of methods on top of L. */
void saros__class_open(lua_State *L, saros_runtime_t *rt);

/* Looks again at what the loop at `index` overrides. */
void saros__class_look(lua_State *L, saros_loop_t *loop, int index);

/* Looks again at what the loop at `index` overrides, if a class has changed since. */
static inline void saros__class_refresh(lua_State *L, saros_loop_t *loop, int index) {
  if (loop->class_epoch != loop->rt->class_epoch) saros__class_look(L, loop, index);
}

#endif
