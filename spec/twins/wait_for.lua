-- wait_for, as 3.12 has it: in time, too late, cancelled from outside, and races of these.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function main(loop)
  local me = saros.current_task()

  local function body(delay, value)
    trace("body starts")
    do
      local _ <close> = setmetatable({}, { __close = function() trace("body ends") end })
      saros.sleep(delay)
    end
    if saros.is_error(value) then error(value) end
    return value
  end

  for case = 1, 2 do
    local delay = case == 2 and 5 or nil
    watch("in time", saros.wait_for, body, delay, 1, "value")
    watch("failing", saros.wait_for, body, delay, 1, saros.ValueError("v"))
    watch("task", saros.wait_for, loop:create_task(body, 1, "value"), delay)
  end
  watch("too late", saros.wait_for, body, 2, 9)
  local task = loop:create_task(body, 9)
  watch("task, too late", saros.wait_for, task, 2)
  trace(task:cancelled(), me:cancelling())
  local future = loop:create_future()
  watch("future, too late", saros.wait_for, future, 1)
  trace(future:cancelled())

  -- No time at all: what is done is returned, what is not is cancelled, a function never starts.
  local done = loop:create_future()
  done:set_result("done")
  local failed = loop:create_future()
  failed:set_exception(saros.ValueError("failed"))
  for _, delay in ipairs { 0, -1 } do
    watch("done", saros.wait_for, done, delay)
    watch("failed", saros.wait_for, failed, delay)
    watch("function", saros.wait_for, body, delay, 1)
    task = loop:create_task(body, 3)
    watch("new task", saros.wait_for, task, delay)
    task = loop:create_task(body, 3)
    saros.sleep(0)
    watch("running task", saros.wait_for, task, delay)
    future = loop:create_future()
    watch("future", saros.wait_for, future, delay)
    trace(task:cancelled(), future:cancelled())
  end

  -- What is waited for refuses to end, answers with an error, or with a value.
  local function refuses(answer)
    if pcall(saros.sleep, 9) then return end
    trace("refuses")
    saros.sleep(2)
    if saros.is_error(answer) then error(answer) end
    return answer
  end

  for _, answer in ipairs { "value", saros.ValueError("error") } do
    watch("refusing function", saros.wait_for, refuses, 1, answer)
    trace("cancelling", me:cancelling())
    watch("refusing task", saros.wait_for, loop:create_task(refuses, answer), 1)
    trace("cancelling", me:cancelling())
    task = loop:create_task(refuses, answer)
    saros.sleep(0)
    watch("refusing task, no time", saros.wait_for, task, 0)
  end

  -- The waiter is cancelled: before, with, and after the timeout.
  local function waits(awaitable, delay, ...)
    local ok, value = pcall(saros.wait_for, awaitable, delay, ...)
    if ok then
      trace("waits got", value)
    else
      local timed_out = saros.is_error(value, saros.TimeoutError)
      trace(timed_out and "waits timed out" or "waits cancelled",
        saros.current_task():cancelling())
      error(value, 0)
    end
  end

  for turns = 1, 6 do
    trace("cancelled after", turns)
    task = loop:create_task(waits, body, 2, 9)
    for _ = 1, turns do saros.sleep(0) end
    trace("cancel", task:cancel("outside"))
    watch("waits", task)
  end

  -- The result comes in the iteration of the timeout, before or after it.
  for turns = 1, 4 do
    trace("result after", turns)
    future = loop:create_future()
    task = loop:create_task(waits, future, 2)
    for _ = 1, turns do saros.sleep(0) end
    trace("done already", future:done())
    if not future:done() then future:set_result("result") end
    watch("waits", task)
  end

  -- Nested: the inner one, the outer one.
  watch("inner first", saros.wait_for, saros.wait_for, 5, body, 1, 9)
  watch("outer first", saros.wait_for, saros.wait_for, 1, body, 5, 9)

  -- A TimeoutError of the body is no timeout of ours.
  watch("own TimeoutError", saros.wait_for, body, 5, 1, saros.TimeoutError())
  trace("cancelling", me:cancelling())
end

twin.run(main)
