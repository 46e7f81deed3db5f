#include "loop/class.h"

#include "loop/errors.h"

static const struct {
  const char *name;
  uint8_t flag;
} overridable[] = {{"call_soon", SAROS_OVERRIDE_CALL_SOON},
                   {"call_later", SAROS_OVERRIDE_CALL_LATER},
                   {"call_at", SAROS_OVERRIDE_CALL_AT},
                   {"run_once", SAROS_OVERRIDE_RUN_ONCE},
                   {"time", SAROS_OVERRIDE_TIME}};

static const char instance_key = 0; /* in a class: the metatable of its loops */
static const char own_key = 0;      /* in EventLoop: its methods as the core made them, by name */

/* ---- overrides ---- */

void saros__class_look(lua_State *L, saros_loop_t *loop, int index) {
  uint8_t overrides = loop->clock.is_virtual ? SAROS_OVERRIDE_CLOCK : 0;
  index = lua_absindex(L, index);
  luaL_checkstack(L, 4, NULL);
  saros__push_slot(L, loop->rt, SAROS_SLOT_LOOP_CLASS);
  lua_rawgetp(L, -1, &own_key); /* not its fields: a program may replace those of EventLoop itself */
  lua_replace(L, -2);
  for (size_t i = 0; i < sizeof overridable / sizeof *overridable; i++) {
    lua_pushstring(L, overridable[i].name);
    lua_rawget(L, -2);
    lua_getfield(L, index, overridable[i].name);
    if (!lua_rawequal(L, -1, -2)) overrides |= overridable[i].flag;
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  loop->overrides = overrides;
  loop->class_epoch = loop->rt->class_epoch;
}

/* ---- loops ---- */

static int loop_tostring(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  luaL_getmetafield(L, 1, "__name");
  const char *state = loop->closed ? " closed" : loop->running ? " running" : "";
  lua_pushfstring(L, "%s: %p%s%s", lua_tostring(L, -1), lua_topointer(L, 1), state,
                  loop->debug ? " debug" : "");
  return 1;
}

static int loop_newindex(lua_State *L);
extern int saros__loop_gc(lua_State *L);
extern int saros__loop_close_method(lua_State *L);

/* Pushes a metatable for loops whose fields are looked up in the table at `index_table`. */
static void new_metatable(lua_State *L, saros_runtime_t *rt, int index_table, int class) {
  lua_createtable(L, 0, 6);
  lua_pushvalue(L, index_table);
  lua_setfield(L, -2, "__index");
  saros__push_function(L, rt, loop_newindex);
  lua_setfield(L, -2, "__newindex");
  saros__push_function(L, rt, loop_tostring);
  lua_setfield(L, -2, "__tostring");
  saros__push_function(L, rt, saros__loop_close_method);
  lua_setfield(L, -2, "__close");
  saros__push_function(L, rt, saros__loop_gc);
  lua_setfield(L, -2, "__gc");
  lua_getfield(L, class, "__name");
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, class);
  lua_rawsetp(L, -2, &instance_key);
}

/* loop.field = value: the loop's own metatable, made now if it has none, holds its fields. */
static int loop_newindex(lua_State *L) {
  saros_loop_t *loop = saros__check_loop(L, 1);
  saros_runtime_t *rt = loop->rt;
  lua_settop(L, 3);
  saros__push_slot(L, rt, SAROS_SLOT_LOOP_FIELDS); /* 4: loop -> its fields */
  lua_pushvalue(L, 1);
  if (lua_rawget(L, 4) == LUA_TNIL) {
    lua_settop(L, 4);
    lua_getmetatable(L, 1); /* 5 */
    lua_rawgetp(L, 5, &instance_key); /* 6: class */
    lua_newtable(L);                  /* 7: fields */
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 6);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, 7);
    new_metatable(L, rt, 7, 6);
    lua_setmetatable(L, 1);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 7);
    lua_rawset(L, 4);
  }
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, -3);
  saros__class_look(L, loop, 1);
  return 0;
}

/* ---- classes ---- */

/* Class(...): makes a loop, and calls its method `init(...)` if the class has one. */
static int class_call(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushvalue(L, 1);
  saros_loop_t *loop = saros__loop_new(L, rt);
  lua_remove(L, -2);
  if (lua_rawgetp(L, 1, &instance_key) != LUA_TTABLE) {
    return luaL_typeerror(L, 1, "loop class");
  }
  lua_setmetatable(L, -2);
  saros__class_look(L, loop, -1);
  lua_replace(L, 1); /* the loop in the place of its class: arguments follow */
  if (lua_getfield(L, 1, "init") != LUA_TNIL) {
    lua_insert(L, 1);
    lua_pushvalue(L, 2);
    lua_insert(L, 1); /* loop init loop ... */
    lua_call(L, lua_gettop(L) - 2, 0);
  }
  lua_settop(L, 1);
  return 1;
}

/* A class gained a method: loops of the class look again. */
static int class_newindex(lua_State *L) {
  saros__runtime(L)->class_epoch++;
  lua_settop(L, 3);
  lua_rawset(L, 1);
  return 0;
}

static int class_tostring(lua_State *L) {
  lua_getfield(L, 1, "__name");
  lua_pushfstring(L, "class %s", lua_tostring(L, -1));
  return 1;
}

/* Makes the table at `class` a class with this name, that inherits from the one at `base` (0: none). */
static void make_class(lua_State *L, saros_runtime_t *rt, int class, int base, const char *name) {
  lua_pushstring(L, name);
  lua_setfield(L, class, "__name");
  lua_createtable(L, 0, 4);
  if (base) {
    lua_pushvalue(L, base);
    lua_setfield(L, -2, "__index");
  }
  saros__push_function(L, rt, class_call);
  lua_setfield(L, -2, "__call");
  saros__push_function(L, rt, class_newindex);
  lua_setfield(L, -2, "__newindex");
  saros__push_function(L, rt, class_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, class);
  new_metatable(L, rt, class, class);
  lua_rawsetp(L, class, &instance_key);
}

/*** The event loop: callbacks, timers, signals, I/O and tasks of one Lua state. `saros.EventLoop()` makes
 * one, `saros.run` and the launcher do so by themselves; a `<close>` variable closes it at the end of its
 * scope. Each method is also a function of `saros.loop`, on the current loop. Mirrors asyncio's loops.
 * @type EventLoop
 */

/*** Makes a subclass. Overriding `call_soon`, `call_later`, `call_at`, `run_once` or `time` in it takes
 * effect everywhere, in the core's own steps too; `init(self, ...)` is called for a new loop.
 * @function EventLoop:extend
 * @tparam string name the class's name
 * @treturn table a class; calling it makes a loop
 */
static int class_extend(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, lua_gettop(L) < 2 ? 1 : 2);
  bool is_class = lua_rawgetp(L, 1, &instance_key) == LUA_TTABLE;
  lua_pop(L, 1);
  if (!is_class) return luaL_typeerror(L, 1, "loop class");
  const char *name = luaL_checkstring(L, 2);
  lua_newtable(L);
  make_class(L, rt, lua_gettop(L), 1, name);
  return 1;
}

static const luaL_Reg functions[] = {{"extend", class_extend}, {NULL, NULL}};

/* Remembers the methods of EventLoop, the class at `class`, that can be overridden. */
static void keep_own_methods(lua_State *L, int class) {
  lua_newtable(L);
  for (size_t i = 0; i < sizeof overridable / sizeof *overridable; i++) {
    lua_getfield(L, class, overridable[i].name);
    lua_setfield(L, -2, overridable[i].name);
  }
  lua_rawsetp(L, class, &own_key);
}

void saros__class_open(lua_State *L, saros_runtime_t *rt) {
  int class = lua_gettop(L);
  keep_own_methods(L, class);
  saros__set_functions(L, rt, functions);
  make_class(L, rt, class, 0, "EventLoop");
  lua_pushvalue(L, class);
  saros__store_slot(L, rt, SAROS_SLOT_LOOP_CLASS);
  saros__push_weak_table(L, "k"); /* loop -> fields */
  saros__store_slot(L, rt, SAROS_SLOT_LOOP_FIELDS);
}
