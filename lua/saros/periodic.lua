--- Calling a function on a grid of points in time. asyncio has nothing like it.
-- @module saros.periodic

local core = require "saros.core"
local check = require "saros.check"
local release = require "saros.waiter".release

local errors = core.errors

-- The share of an interval by which a point on the grid may be behind and still count
-- as due: `start + k * interval` is rounded.
local TOLERANCE = 1e-6

local function check_interval(interval)
  interval = check.number(interval, 1, "periodic")
  if interval <= 0 or interval == math.huge then
    local message = "the interval must be a positive number of seconds, got %s"
    error(errors.ValueError(message:format(interval)))
  end
  return interval
end

-- Sleep up to a point in time, not for a duration, so that no error adds up.
local function sleep_until(loop, when)
  local waiter = loop:create_future()
  local handle = loop:call_at(when, release, waiter)
  local ok, failure = pcall(waiter.await, waiter)
  if not ok then
    handle:cancel()
    error(failure, 0)
  end
end

local periodic = {}

--- Call a function at once, then at every `start + k * interval`, in the calling task.
-- Points that pass while the function still runs are skipped, so that calls neither
-- overlap nor pile up.
-- @tparam number interval seconds, more than 0
-- @tparam function fn any callable; it may suspend
-- @param ... its arguments
-- @raise the first error of `fn`; `CancelledError`; `bad argument`; `ValueError` for an
-- interval that is not a positive, finite number
function periodic.periodic(interval, fn, ...)
  interval = check_interval(interval)
  check.callable(fn, 2, "periodic")
  local loop = core.need_loop()
  local start = loop:time()
  local point = 0
  while true do
    fn(...)
    local passed = (loop:time() - start) / interval
    point = math.max(point + 1, math.ceil(passed - TOLERANCE))
    sleep_until(loop, start + point * interval)
  end
end

return periodic
