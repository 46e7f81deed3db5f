/* channel_methods.c: channels as Lua sees them. */
#include <math.h>

#include "loop/errors.h"
#include "thread/blocking.h"
#include "thread/channel.h"
#include "thread/slots.h"
#include "thread/transfer.h"

static saros_channel_t *check_channel(lua_State *L) {
  return (saros_channel_t *)saros__shared_check(L, 1, &saros__channel_class);
}

static int closed_error(lua_State *L, saros_runtime_t *rt) {
  return saros__raise(L, rt, "RuntimeError", "the channel is closed");
}

/* ---- making one ---- */

/*** A queue between threads: `saros.Channel(capacity)`. It can be passed to any thread of the process, where it is the
 * same channel. It goes with what is in it when nobody has it any more; but channels are counted, so one that lies in
 * itself, or in a channel that lies in it, stays until somebody receives it.
 * @function Channel
 * @tparam[opt=0] number capacity how many values it holds; with 0 each waits for its receiver
 * @treturn Channel
 * @raise ValueError for a capacity that is negative or NaN
 */
static int new_channel(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  lua_Number capacity = luaL_optnumber(L, 1, 0);
  if (!(capacity >= 0)) {
    return saros__raise(L, rt, "ValueError", "the capacity of a channel must be at least 0, got %f", capacity);
  }
  saros_channel_t *channel = saros__channel_new(floor(capacity));
  if (!channel) return luaL_error(L, "not enough memory");
  saros__shared_push_new(L, rt, saros__channel_shared(channel));
  return 1;
}

/*** A queue between threads, or between tasks: see `Channel`. `<close>` closes it.
 * @type Channel
 */

/* ---- sending ---- */

static saros_message_t *pack_value(lua_State *L, saros_runtime_t *rt) {
  return saros__pack(L, rt, 2, 1, SAROS_PACK_VALUES);
}

/* Sends the value at 2 if that needs no waiting. */
static bool send_at_once(lua_State *L, saros_runtime_t *rt, saros_channel_t *channel) {
  luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "nil cannot be sent");
  enum saros_channel_outcome outcome = saros__channel_look(channel);
  if (outcome == SAROS_CHANNEL_DONE) {
    saros_message_t *message = pack_value(L, rt);
    saros_item_t *item = saros__channel_item_new();
    if (item) outcome = saros__channel_send(channel, message, item);
    if (!item || outcome != SAROS_CHANNEL_DONE) {
      saros__message_free(message);
      saros__channel_item_free(item);
    }
    if (!item) return luaL_error(L, "not enough memory");
  }
  if (outcome == SAROS_CHANNEL_CLOSED) closed_error(L, rt);
  return outcome == SAROS_CHANNEL_DONE;
}

/* The sender at `ticket` has waited. */
static int sent(lua_State *L, saros_runtime_t *rt, const saros_party_t *party, int ticket) {
  bool refused = party->refused;
  saros__sleeper_release(L, ticket);
  return refused ? closed_error(L, rt) : 0;
}

static int after_send(lua_State *L, int status, lua_KContext ticket) {
  saros_runtime_t *rt = saros__runtime(L);
  (void)status;
  return sent(L, rt, (saros_party_t *)saros__sleeper_resumed(L, rt, (int)ticket), (int)ticket);
}

/*** Puts a value into the channel, waiting until it is accepted: until there is room, or with a capacity of 0 until
 * somebody receives it. In a task it suspends, in a thread without a loop it blocks.
 * @function Channel:send
 * @tparam any value anything that can be transferred but nil
 * @raise RuntimeError if the channel is closed, or gets closed meanwhile; TransferError; CancelledError
 */
static int channel_send(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_channel_t *channel = check_channel(L);
  if (send_at_once(L, rt, channel)) return 0;
  saros_task_t *task = saros__sleeper_task(L, rt, "send");
  saros_party_t *party = saros__channel_party(L, rt, channel, task, false);
  int ticket = lua_gettop(L);
  party->message = pack_value(L, rt);
  enum saros_channel_outcome outcome = saros__channel_offer(party);
  if (outcome == SAROS_CHANNEL_WAIT && task) return saros__sleeper_suspend(L, &party->sleeper, after_send);
  if (outcome == SAROS_CHANNEL_WAIT) {
    lua_Hook before = lua_gethook(L);
    if (saros__channel_block(L, rt, party, before) == SAROS_BLOCKED_NOTIFIED) return sent(L, rt, party, ticket);
    saros__sleeper_release(L, ticket);
    return saros__blocking_end(L, rt, before);
  }
  saros__sleeper_release(L, ticket);
  if (outcome == SAROS_CHANNEL_NO_MEMORY) return luaL_error(L, "not enough memory");
  return outcome == SAROS_CHANNEL_CLOSED ? closed_error(L, rt) : 0;
}

/*** Puts a value into the channel if that needs no waiting.
 * @function Channel:try_send
 * @tparam any value anything that can be transferred but nil
 * @treturn boolean whether it was accepted
 * @raise RuntimeError if the channel is closed; TransferError
 */
static int channel_try_send(lua_State *L) {
  saros_channel_t *channel = check_channel(L);
  lua_pushboolean(L, send_at_once(L, saros__runtime(L), channel));
  return 1;
}

/* ---- receiving ---- */

/* Argument: the message. */
static int unpack(lua_State *L) {
  const saros_message_t *message = lua_touserdata(L, 1);
  return saros__unpack(L, saros__runtime(L), message);
}

/* Pushes the value of the message, which is freed whatever happens. */
static int push_message(lua_State *L, saros_runtime_t *rt, saros_message_t *message) {
  saros__push_slot(L, rt, SAROS_SLOT_UNPACK);
  lua_pushlightuserdata(L, message);
  int status = lua_pcall(L, 1, 1, 0);
  saros__message_free(message);
  return status == LUA_OK ? 1 : lua_error(L);
}

/* The receiver at `ticket` has waited: pushes what it got, or nil. */
static int received(lua_State *L, saros_runtime_t *rt, saros_party_t *party, int ticket) {
  saros_message_t *message = party->message;
  party->message = NULL;
  saros__sleeper_release(L, ticket);
  if (message) return push_message(L, rt, message);
  lua_pushnil(L);
  return 1;
}

static int after_receive(lua_State *L, int status, lua_KContext ticket) {
  saros_runtime_t *rt = saros__runtime(L);
  (void)status;
  return received(L, rt, (saros_party_t *)saros__sleeper_resumed(L, rt, (int)ticket), (int)ticket);
}

static int wait_for_message(lua_State *L, saros_runtime_t *rt, saros_channel_t *channel) {
  saros_task_t *task = saros__sleeper_task(L, rt, "recv");
  saros_party_t *party = saros__channel_party(L, rt, channel, task, true);
  int ticket = lua_gettop(L);
  enum saros_channel_outcome outcome = saros__channel_receive(channel, &party->message, party);
  if (outcome != SAROS_CHANNEL_WAIT) return received(L, rt, party, ticket);
  if (task) return saros__sleeper_suspend(L, &party->sleeper, after_receive);
  lua_Hook before = lua_gethook(L);
  if (saros__channel_block(L, rt, party, before) == SAROS_BLOCKED_NOTIFIED) return received(L, rt, party, ticket);
  saros__sleeper_release(L, ticket);
  return saros__blocking_end(L, rt, before);
}

/*** Takes the next value out of the channel, waiting for one. In a task it suspends, in a thread without a loop it
 * blocks.
 * @function Channel:recv
 * @treturn any the value; nil once the channel is closed and empty
 * @raise TransferError for a value that cannot be made in this state; CancelledError
 */
static int channel_recv(lua_State *L) {
  saros_runtime_t *rt = saros__runtime(L);
  saros_channel_t *channel = check_channel(L);
  saros_message_t *message = NULL;
  enum saros_channel_outcome outcome = saros__channel_receive(channel, &message, NULL);
  if (outcome == SAROS_CHANNEL_DONE) return push_message(L, rt, message);
  if (outcome == SAROS_CHANNEL_WAIT) return wait_for_message(L, rt, channel);
  lua_pushnil(L);
  return 1;
}

/*** Takes the next value out of the channel if there is one.
 * @function Channel:try_recv
 * @treturn boolean whether there was one
 * @treturn any the value
 * @raise TransferError for a value that cannot be made in this state
 */
static int channel_try_recv(lua_State *L) {
  saros_message_t *message = NULL;
  bool got = saros__channel_receive(check_channel(L), &message, NULL) == SAROS_CHANNEL_DONE;
  lua_pushboolean(L, got);
  return got ? 1 + push_message(L, saros__runtime(L), message) : 1;
}

/* ---- the rest ---- */

/*** Closes the channel: `send` raises from now on, for those who wait, too; `recv` gives what was accepted, then nil.
 * Closing twice does nothing.
 * @function Channel:close
 */
static int channel_close(lua_State *L) {
  saros__channel_close(check_channel(L));
  return 0;
}

static int channel_tostring(lua_State *L) {
  saros_channel_t *channel = check_channel(L);
  lua_pushfstring(L, "Channel: %p%s", (void *)channel, saros__channel_is_closed(channel) ? " closed" : "");
  return 1;
}

static const luaL_Reg functions[] = {{"Channel", new_channel}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"send", channel_send},         {"recv", channel_recv},
                                   {"try_send", channel_try_send}, {"try_recv", channel_try_recv},
                                   {"close", channel_close},       {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__tostring", channel_tostring}, {"__close", channel_close}, {NULL, NULL}};

void saros__channel_open(lua_State *L, saros_runtime_t *rt) {
  saros__set_functions(L, rt, functions);
  saros__shared_class_open(L, rt, &saros__channel_class, methods, metamethods);
  saros__push_function(L, rt, unpack);
  saros__store_slot(L, rt, SAROS_SLOT_UNPACK);
}
