-- Cancelled twice, swallowed, answered with another error, and cleaned up in between.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function main(loop)
  -- Two calls in one iteration deliver one CancelledError, the first one's.
  local function sleeps(times)
    for _ = 1, times do watch("sleep", saros.sleep, 4, "slept") end
    return "end"
  end

  local task = loop:create_task(sleeps, 2)
  saros.sleep(0)
  trace(task:cancel("first"), task:cancel("second"), task:cancelling())
  watch("twice at once", task)
  trace(task:cancelled(), task:cancelling())

  -- The second call reaches the await that the first one left it at.
  task = loop:create_task(sleeps, 3)
  saros.sleep(0)
  task:cancel("first")
  saros.sleep(0)
  saros.sleep(0)
  task:cancel("second")
  watch("one after the other", task)

  -- In the iteration in which the task wakes up from the first one.
  task = loop:create_task(sleeps, 3)
  saros.sleep(0)
  task:cancel("first")
  loop:call_soon(function() trace("cancel", task:cancel("second")) end)
  saros.sleep(0)
  trace("between")
  watch("around the wake-up", task)

  -- While it cleans up.
  local function cleans_up()
    local _ <close> = setmetatable({}, {
      __close = function()
        trace("cleaning")
        local ok, err = pcall(saros.sleep, 2)
        if ok then
          trace("cleaned")
        else
          trace("cleaning was cancelled", err.message)
          saros.sleep(1)
          trace("cleaned all the same")
        end
      end,
    })
    saros.sleep(9)
  end

  for _, patience in ipairs { 8, 2 } do
    task = loop:create_task(cleans_up)
    saros.sleep(0)
    task:cancel("leave")
    saros.sleep(patience)
    trace("cancel", task:cancel("hurry"))
    watch("cleans_up", task)
    trace(task:cancelled(), task:cancelling())
  end

  -- Answered with an error of its own, and with a value.
  local function answers(with_error)
    if not pcall(saros.sleep, 9) then
      if with_error then error(saros.ValueError("answer")) end
      return "answer"
    end
  end

  for _, with_error in ipairs { true, false } do
    task = loop:create_task(answers, with_error)
    saros.sleep(0)
    task:cancel()
    watch("answers", task)
    trace(task:done(), task:cancelled(), task:cancelling())
  end

  -- Raised by the body itself, without anybody cancelling: the task is cancelled.
  task = loop:create_task(function()
    error(saros.CancelledError("my own"))
  end)
  watch("raises", task)
  trace(task:cancelled(), task:cancelling())

  -- Swallowed while cancelled again: a task can refuse any number of times.
  local function refuses(times)
    local refused = 0
    while refused < times do
      local future = loop:create_future()
      if not pcall(future.await, future) then
        refused = refused + 1
        trace("refused", refused, saros.current_task():cancelling())
      end
    end
    return refused
  end

  task = loop:create_task(refuses, 3)
  while not task:done() do
    saros.sleep(0)
    trace("cancel", task:cancel())
  end
  watch("refuses", task)

  -- Swallowed by the last statement, the request is forgotten with it.
  task = loop:create_task(function()
    watch("last", saros.sleep, 5)
  end)
  saros.sleep(0)
  task:cancel()
  watch("swallows_last", task)
  trace(task:cancelled())
end

twin.run(main)
