--- Futures in the order in which they get done.
-- @module saros.as_completed

local core = require "saros.core"
local check = require "saros.check"
local futures = require "saros.futures"
local Queue = require("saros.queue").Queue

local TimeoutError = core.errors.TimeoutError

local OPTIONS = {timeout = "number"}

-- In the queue of those that are done, for each one that will not be in time.
local TOO_LATE = {}

-- Puts the futures into the queue as they get done.
local function watch(list, timeout, done)
  local todo, timer = {}, nil
  for _, future in ipairs(list) do todo[future] = true end
  local function on_done(future)
    if not todo[future] then return end
    todo[future] = nil
    done:put_nowait(future)
    if timer and next(todo) == nil then timer:cancel() end
  end
  for _, future in ipairs(list) do future:add_done_callback(on_done) end
  if timeout and #list > 0 then
    timer = core.need_loop():call_later(timeout, function()
      for _, future in ipairs(list) do
        if todo[future] then
          future:remove_done_callback(on_done)
          done:put_nowait(TOO_LATE)
        end
      end
      todo = {}
    end)
  end
end

local as_completed = {}

--- Iterate over futures as they get done: `for future in saros.as_completed(list) do`. Each step
-- suspends until one is. Mirrors `asyncio.as_completed`, as an asynchronous iterator.
-- @tparam table list awaitables; functions become tasks, the same future counts once
-- @tparam ?table options how long to wait
-- @tparam ?number options.timeout seconds from now; when they are over, the steps that are left
-- raise
-- @treturn fun():?Future an iterator over the very futures, all of them done
-- @raise `bad argument`; `ValueError` for an unknown option; `RuntimeError` if no loop is running. The
-- iterator: `TimeoutError`, `CancelledError`, `RuntimeError` outside a task
function as_completed.as_completed(list, options)
  options = check.options(options, OPTIONS, 2, "as_completed")
  list = futures.ensure(list, "as_completed")
  local done, left = Queue(), #list
  watch(list, options.timeout, done)
  return function()
    if left == 0 then return nil end
    left = left - 1
    local future = done:get()
    if future == TOO_LATE then error(TimeoutError()) end
    return future
  end
end

return as_completed
