--- The operations that random programs are made of: how often each comes, and with which operands.
--
-- Every operation is a line of words, `OPERATION NAME WORDS...`, or a block to its `end`. Its writer
-- gets a `draw` with
--
--   draw.emit(...)         writes a line
--   draw.fresh(prefix)     a name that nothing has yet
--   draw.one(prefix)       the name of something that is declared, as in `one "queue"`
--   draw.task_above()      a task that the one being written may wait for, or nil
--   draw.awaitable()       a future that it may wait for
--   draw.reference()       any future, for what does not wait
--   draw.anything()        whatever a task may wait for
--   draw.helper()          the name of a task with a few operations of its own
--   draw.block(count, ...) operations, one level deeper, in which those named come more often
--   draw.hold(kind, write) a block that holds something of a kind, and what `write` gets its name for
--
-- A family is a group of operations that belong together: a program knows some of them.

local vocabulary = {}

-- What is used in callbacks too, and what may wait.
vocabulary.quick, vocabulary.slow = {}, {}
-- The family of an operation, and its share of the draws.
vocabulary.family, vocabulary.weight = {}, {}

local function family(name, weights)
  local function define(set)
    return setmetatable({}, {
      __newindex = function(_, operation, write)
        set[operation] = write
        vocabulary.family[operation] = name
        vocabulary.weight[operation] = assert(weights[operation], operation)
      end,
    })
  end
  return define(vocabulary.quick), define(vocabulary.slow)
end

local function pick(list)
  return list[math.random(#list)]
end

local function chance(percent)
  return math.random(100) <= percent
end

local function nothing() end

-- What wakes who waits for something, which is cancelled in the same iteration now and then: after it
-- was woken and before it has its turn, or before it would have been woken.
local function wakes(operation, kind, words)
  words = words or nothing
  return function(draw, name)
    name = name or draw.one(kind)
    if chance(10) then draw.emit("cancel_waiter", name) end
    draw.emit(operation, name, words(draw))
    if chance(25) then draw.emit("cancel_waiter", name) end
  end
end

local function fresh_value(draw) return draw.fresh "v" end
local function any_value(draw) return draw.value() end

-- What makes a program interesting comes often, what ends or blurs it seldom.

local quick, slow = family("basics", {
  spawn = 2, helper = 5, cancel = 6, cancel_waiter = 4, result = 4, fail = 2, state = 1, callback = 3,
  remove = 1, soon = 2, later = 2, drop = 1, counts = 1, stop = 1, sleep = 8, yield = 8, await = 14,
  wait_for = 5, await_self = 1, cancel_self = 2, uncancel = 1, timeout = 6, try = 24,
})

function quick.spawn(draw) draw.emit("spawn", draw.one "task") end
function quick.helper(draw) draw.emit("spawn", draw.helper()) end
function quick.cancel(draw) draw.emit("cancel", draw.reference()) end
quick.result = wakes("result", "future", fresh_value)
quick.fail = wakes("fail", "future", fresh_value)
function quick.cancel_waiter(draw) draw.emit("cancel_waiter", draw.anything()) end
function quick.state(draw) draw.emit("state", draw.reference()) end
function quick.callback(draw) draw.emit("callback", draw.reference(), draw.one "callback") end
function quick.remove(draw) draw.emit("remove", draw.reference(), draw.one "callback") end
function quick.soon(draw) draw.emit("soon", draw.fresh "h", draw.one "callback") end
function quick.counts(draw) draw.emit("counts", draw.one "task") end
function quick.stop(draw) draw.emit("stop") end

function quick.drop(draw)
  local handle = draw.earlier "h"
  if handle then draw.emit("drop", handle) end
end

function quick.later(draw)
  if draw.timed then draw.emit("later", draw.fresh "h", draw.delay(), draw.one "callback") end
end

function slow.sleep(draw) draw.emit("sleep", draw.timed and draw.delay() or "0") end
function slow.yield(draw) draw.emit("sleep", "0") end
function slow.await(draw) draw.emit("await", draw.awaitable()) end
function slow.wait_for(draw) draw.emit("wait_for", draw.awaitable(), draw.timed and draw.delay() or "0") end
function slow.await_self(draw) draw.emit("await_self") end
function slow.cancel_self(draw) draw.emit("cancel_self") end
function slow.uncancel(draw) draw.emit("uncancel") end

function slow.timeout(draw)
  if draw.is_deep() then return end
  draw.emit("timeout", draw.timed and draw.delay() or pick { "0", "none" })
  draw.block(math.random(1, 3))
  draw.emit("end")
end

function slow.try(draw)
  if draw.is_deep() then return end
  draw.emit("try", pick { "any", "cancel", "reraise", "finally" })
  draw.block(math.random(1, 3))
  draw.emit("except")
  draw.block(math.random(0, 2))
  draw.emit("end")
end

quick, slow = family("events", { set = 3, clear = 1, wait = 4 })

quick.set = wakes("set", "event")
function quick.clear(draw) draw.emit("clear", draw.one "event") end
function slow.wait(draw) draw.emit("wait", draw.one "event") end

quick, slow = family("queues", {
  put_nowait = 3, get_nowait = 2, task_done = 2, size = 1, shutdown = 1, put = 5, get = 5, join = 2,
})

quick.put_nowait = wakes("put_nowait", "queue", any_value)
quick.get_nowait = wakes("get_nowait", "queue")
quick.task_done = wakes("task_done", "queue")
function quick.size(draw) draw.emit("size", draw.one "queue") end

local shut_down = wakes("shutdown", "queue", function() return pick { "immediate", "gently" } end)

function quick.shutdown(draw)
  -- It ends all use of the queue, so most programs are left without.
  if chance(40) then shut_down(draw) end
end

function slow.put(draw) draw.emit("put", draw.one "queue", draw.value()) end
function slow.get(draw) draw.emit("get", draw.one "queue") end
function slow.join(draw) draw.emit("join", draw.one "queue") end

local function members(draw, least)
  local list = {}
  for i = 1, math.random(least, 4) do list[i] = draw.awaitable() end
  return list
end

quick = family("gathers", { gather = 6 })

function quick.gather(draw)
  local children = members(draw, 0)
  draw.emit("gather", draw.derived("g", children), pick { "keep", "raise" }, table.unpack(children))
end

quick = family("shields", { shield = 6 })

function quick.shield(draw)
  local inner = draw.awaitable()
  draw.emit("shield", draw.derived("d", { inner }), inner)
end

slow = select(2, family("waits", { wait_all = 10, completed = 8 }))

local function limit(draw)
  return draw.timed and chance(60) and draw.delay() or "none"
end

function slow.wait_all(draw)
  local when = pick { "FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED" }
  draw.emit("wait_all", when, limit(draw), table.unpack(members(draw, 1)))
end

function slow.completed(draw)
  draw.emit("completed", limit(draw), table.unpack(members(draw, 0)))
end

quick, slow = family("groups", { child = 8, group = 14 })

function quick.child(draw)
  -- From callbacks, mostly too early or too late.
  if draw.is_callback() and chance(60) then return end
  local group, task = draw.group_of_child()
  if group then draw.emit("child", group, task) end
end

function slow.group(draw)
  if draw.is_deep() or not draw.task_above() then return end
  draw.emit("group", draw.group())
  draw.block(math.random(1, 4), "child")
  draw.emit("end")
end

quick, slow = family("locks", { lock_release = 1, lock_acquire = 4, lock_locked = 1, lock_hold = 14 })

-- In a callback a release is often an error, and in a scope it takes away what the scope holds.
local function releases(kind)
  return wakes("release", kind)
end

local function acquires(kind)
  local release = releases(kind)
  return function(draw)
    local name = draw.one(kind)
    draw.emit("acquire", name)
    if chance(80) then
      draw.block(math.random(0, 2))
      release(draw, name)
    end
  end
end

local function is_locked(kind)
  return function(draw) draw.emit("locked", draw.one(kind)) end
end

local function holds(kind, ...)
  local often = { ... }
  return function(draw)
    if draw.is_deep() then return end
    draw.hold(kind, function() draw.block(math.random(1, 3), table.unpack(often)) end)
  end
end

quick.lock_release = releases "lock"
quick.lock_locked = is_locked "lock"
slow.lock_acquire = acquires "lock"
slow.lock_hold = holds "lock"

quick, slow = family("semaphores", {
  semaphore_release = 2, semaphore_locked = 1, semaphore_acquire = 5, semaphore_hold = 12,
})

quick.semaphore_release = releases "semaphore"
quick.semaphore_locked = is_locked "semaphore"
slow.semaphore_acquire = acquires "semaphore"
slow.semaphore_hold = holds "semaphore"

quick, slow = family("conditions", {
  notify = 1, condition_release = 1, bare_wait = 1, condition_wait = 16, condition_notify = 14, condition_hold = 4,
})

local notify_some = wakes("notify", "condition", function() return pick { 0, 1, 1, 1, 2, 2, 3 } end)
local notify_all = wakes("notify_all", "condition")

local function notify(draw, name)
  local act = chance(20) and notify_all or notify_some
  act(draw, name)
end

local function emit_wait(draw, name)
  -- The predicate is that an event is set.
  if chance(20) then
    draw.emit("wait_until", name, draw.one "event")
  else
    draw.emit("wait", name)
  end
end

-- With the lock held by another, by nobody, or by the one who does it.
quick.notify = notify
quick.condition_release = releases "condition"
function slow.bare_wait(draw) emit_wait(draw, draw.one "condition") end
slow.condition_hold = holds("condition", "bare_wait", "notify")

local function held(act)
  return function(draw)
    if draw.is_deep() then return end
    draw.hold("condition", function(name)
      if chance(30) then draw.block(1) end
      act(draw, name)
      draw.block(math.random(0, 2))
    end)
  end
end

slow.condition_wait = held(emit_wait)
slow.condition_notify = held(notify)

quick, slow = family("barriers", { barrier_state = 1, barrier_wait = 14, abort = 1, reset = 2 })

function quick.barrier_state(draw) draw.emit("barrier_state", draw.one "barrier") end
function slow.barrier_wait(draw) draw.emit("wait", draw.one "barrier") end
function slow.abort(draw) draw.emit("abort", draw.one "barrier") end
function slow.reset(draw) draw.emit("reset", draw.one "barrier") end

quick, slow = family("contexts", {
  var_set = 6, var_get = 8, var_reset = 2, var_scope = 6, copy = 3, copy_of = 1, run_in = 3, spawn_in = 3,
  soon_in = 3,
})

function quick.var_set(draw) draw.emit("var_set", draw.one "variable", draw.value(), draw.fresh "o") end

function slow.var_scope(draw)
  local variable, token = draw.one "variable", draw.fresh "o"
  draw.emit("var_set", variable, draw.value(), token)
  draw.block(math.random(0, 3), "var_get")
  draw.emit("var_reset", variable, token)
end

function quick.var_get(draw) draw.emit("var_get", draw.one "variable") end

function quick.var_reset(draw)
  local token = draw.earlier "o"
  if token then draw.emit("var_reset", draw.one "variable", token) end
end

function quick.copy(draw) draw.emit("copy", draw.fresh "y") end

local function in_context(write)
  return function(draw)
    local context = draw.earlier "y"
    if context then write(draw, context) end
  end
end

quick.copy_of = in_context(function(draw, context) draw.emit("copy", draw.fresh "y", context) end)
quick.run_in = in_context(function(draw, context) draw.emit("run_in", context, draw.one "callback") end)
quick.spawn_in = in_context(function(draw, context) draw.emit("spawn_in", context, draw.one "task") end)
quick.soon_in = in_context(function(draw, context)
  draw.emit("soon_in", context, draw.fresh "h", draw.one "callback")
end)

return vocabulary
