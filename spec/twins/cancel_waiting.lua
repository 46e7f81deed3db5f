-- Cancelling a task that waits cancels what it waits for, and goes down a chain of tasks.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function map(list, method)
  local results = {}
  for i, object in ipairs(list) do results[i] = object[method](object) end
  return table.unpack(results)
end

local function main(loop)
  -- On a future: the future is cancelled at once, the task one iteration later.
  local future = loop:create_future()

  local task = loop:create_task(function()
    local _ <close> = setmetatable({}, {
      __close = function() trace("unwinding", future:cancelled()) end,
    })
    future:await()
  end)
  saros.sleep(0)
  trace("cancel", task:cancel("m"), future:done(), future:cancelled(), task:done())
  trace("again", task:cancel("n"), task:cancelling())
  watch("task", task)
  trace("cancel after the end", task:cancel(), task:cancelled())

  -- On a chain of tasks: the innermost await gets it, and it comes back up.
  local innermost = loop:create_future()
  local chain = {}

  local function link(depth)
    local ok, err = pcall(function()
      if depth == 0 then
        innermost:await()
      else
        chain[#chain + 1] = loop:create_task(link, depth - 1)
        chain[#chain]:await()
      end
    end)
    if not ok then
      trace("link", depth, "cancelled", err.message)
      error(err, 0)
    end
  end

  local outer = loop:create_task(link, 3)
  for _ = 1, 5 do saros.sleep(0) end
  trace("cancel", outer:cancel("down"), innermost:cancelled())
  trace("cancelling", outer:cancelling(), map(chain, "cancelling"))
  watch("outer", outer)
  trace("cancelled", map(chain, "cancelled"))

  -- In the middle of a chain: what is above sees the CancelledError without being cancelled.
  local function bottom()
    saros.sleep(9)
  end

  local function middle(inner)
    return inner:await()
  end

  local function top(inner)
    watch("inner", inner)
    trace("cancelling", saros.current_task():cancelling())
    saros.sleep(0)
    return "went on"
  end

  local lowest = loop:create_task(bottom)
  local between = loop:create_task(middle, lowest)
  local above = loop:create_task(top, between)
  saros.sleep(0)
  trace("cancel", between:cancel())
  watch("above", above)
  trace(lowest:cancelled(), between:cancelled(), above:cancelled())

  -- One link swallows it: the task above goes on with its result.
  local function swallows()
    if not pcall(saros.sleep, 9) then trace("swallowed") end
    saros.sleep(0)
    return "swallower's value"
  end

  local function without_value(inner)
    inner:await()
  end

  local inner = loop:create_task(swallows)
  above = loop:create_task(without_value, inner)
  saros.sleep(0)
  trace("cancel", above:cancel())
  watch("above", above)
  trace("inner", inner:cancelled(), inner:cancelling(), above:cancelling())

  -- Two tasks wait for a third; cancelling one of them takes both along.
  local shared = loop:create_task(bottom)
  local one = loop:create_task(middle, shared)
  local two = loop:create_task(middle, shared)
  saros.sleep(0)
  one:cancel()
  watch("two", two)
  watch("one", one)
  trace(one:cancelling(), two:cancelling(), shared:cancelled())

  -- The task is waiting for a future that is done already: there is nothing left to cancel.
  local ends = {
    function(f) f:set_result("r") end,
    function(f) f:set_exception(saros.ValueError("e")) end,
  }
  for _, finish in ipairs(ends) do
    local late = loop:create_future()
    task = loop:create_task(function()
      watch("late", late)
      watch("then", saros.sleep, 1)
    end)
    saros.sleep(0)
    finish(late)
    trace("cancel", task:cancel("in between"), late:cancelled())
    watch("task", task)
    trace(task:cancelling())
  end
end

twin.run(main)
