--- Waiting with a time limit; mirrors `asyncio.wait_for` of Python 3.12.
-- @module saros.wait_for

local core = require "saros.core"
local check = require "saros.check"
local timeout = require "saros.timeout"
local release = require "saros.waiter".release

local errors = core.errors

-- Cancel a future and wait until it is done, whatever its end. The future itself is not
-- awaited, because this wait must end when the waiting task is cancelled.
local function cancel_and_wait(future)
  local waiter = core.get_running_loop():create_future()
  local function callback() release(waiter) end
  future:add_done_callback(callback)
  future:cancel()
  local ok, failure = pcall(waiter.await, waiter)
  future:remove_done_callback(callback)
  if not ok then error(failure, 0) end
end

-- A limit of nothing: what is not done by now is cancelled before it takes a step.
local function take_or_cancel(future)
  if future:done() then return future:result() end
  cancel_and_wait(future)
  if future:cancelled() then error(errors.TimeoutError()) end
  return future:result()
end

local wait_for = {}

--- Wait for an awaitable, or run a function, for a limited time.
--
-- A function runs in the calling task, a Future or Task that is not done at the deadline
-- is cancelled. With a limit of 0 or less a function is not called at all, and an
-- awaitable must be done already.
-- @tparam awaitable|function awaitable a Future, a Task, an object with `__await`, or any callable
-- @tparam ?number limit seconds; nil for no limit
-- @param ... the arguments of a function
-- @treturn any ... all results of what was waited for
-- @raise its own error; `TimeoutError` when the time is up; `bad argument`; `ValueError`
-- for NaN; `RuntimeError` outside a task
function wait_for.wait_for(awaitable, limit, ...)
  local awaited = check.is_awaitable(awaitable)
  if not awaited and not check.is_callable(awaitable) then
    check.fail(1, "wait_for", "awaitable or function", awaitable)
  end
  if limit ~= nil then limit = check.number(limit, 2, "wait_for") end
  if limit and limit <= 0 then
    return take_or_cancel(core.ensure_future(awaitable, ...))
  end
  local _ <close> = timeout.timeout(limit)
  if awaited then return core.await(awaitable) end
  return awaitable(...)
end

return wait_for
