-- Done callbacks: their order, adding to a done future, removing, and what they see.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace
twin.untimed = true

local function main(loop)
  local future = loop:create_future()

  local function record(name)
    return function(f) trace(name, f == future, f:done()) end
  end

  local a, b, c = record("a"), record("b"), record("c")
  for _, callback in ipairs { a, b, a, c, a } do
    future:add_done_callback(callback)
  end
  trace("removed", future:remove_done_callback(a))
  trace("removed", future:remove_done_callback(a))
  future:add_done_callback(a)
  loop:call_soon(trace, "soon, before the result")
  future:set_result(1)
  loop:call_soon(trace, "soon, after the result")

  -- The callbacks are on their way: they cannot be taken back, later ones come behind.
  trace("removed", future:remove_done_callback(b))
  future:add_done_callback(record("late"))
  trace("set, nothing has run")
  saros.sleep(0)
  trace("ran")

  -- A callback that adds another, and one that removes the one behind it.
  future = loop:create_future()
  local last = record("last")

  local function adds(f)
    trace("adds")
    f:add_done_callback(record("added by adds"))
    trace("removed", f:remove_done_callback(last))
  end

  future:add_done_callback(adds)
  future:add_done_callback(last)
  future:set_result(nil)
  saros.sleep(0)
  saros.sleep(0)

  -- Waiting tasks and callbacks are one queue.
  future = loop:create_future()

  local function waits(name)
    future:await()
    trace("task", name)
  end

  local tasks = { loop:create_task(waits, 1) }
  saros.sleep(0)
  future:add_done_callback(record("between"))
  tasks[2] = loop:create_task(waits, 2)
  saros.sleep(0)
  future:add_done_callback(record("behind"))
  for _, task in ipairs(tasks) do
    task:add_done_callback(function() trace("task done") end)
  end
  future:set_result(nil)
  saros.sleep(0)
  trace("one iteration on")
  saros.sleep(0)

  -- Cancelling runs them too, as does an exception.
  local ends = {
    { "cancel", function(f) f:cancel() end },
    { "exception", function(f) f:set_exception(saros.ValueError("x")) end },
  }
  for _, pair in ipairs(ends) do
    local name, finish = pair[1], pair[2]
    future = loop:create_future()
    future:add_done_callback(function(f) trace(name, f:cancelled()) end)
    finish(future)
    if not future:cancelled() then trace(future:exception()) end
    trace("ended by", name)
    saros.sleep(0)
  end
end

twin.run(main)
