--- Time limits as scopes.
--
--     do
--       local limit <close> = saros.timeout(5)
--       fetch()                              -- TimeoutError after 5 seconds
--     end
--
-- At the deadline the task is cancelled; as the CancelledError leaves the scope it
-- becomes a TimeoutError. A cancellation that came from elsewhere stays one. Mirrors
-- `asyncio.timeout` and `asyncio.timeout_at` of Python 3.12. The scope begins at the
-- call, and belongs to the task that called.
-- @module saros.timeout

local core = require "saros.core"
local check = require "saros.check"

local errors = core.errors

-- "active" until the deadline, "expiring" until the scope is left, then "expired";
-- "finished" when it was left before the deadline.
local Timeout = {__name = "Timeout"}
Timeout.__index = Timeout

local function on_timeout(self)
  self.task:cancel()
  self.state = "expiring"
  self.handle = nil
end

local function set_deadline(self, loop, when)
  self.deadline = when
  if self.handle then self.handle:cancel() end
  if when == nil then
    self.handle = nil
  elseif when <= loop:time() then
    self.handle = loop:call_soon(on_timeout, self)
  else
    self.handle = loop:call_at(when, on_timeout, self)
  end
end

local function enter(loop, when)
  local task = core.current_task()
  if task == nil then
    error(errors.RuntimeError("a timeout can only be used inside a task"))
  end
  local self = setmetatable({
    task = task,
    state = "active",
    cancelling = task:cancelling(),
  }, Timeout)
  set_deadline(self, loop, when)
  return self
end

--- A scope with a deadline. Mirrors `asyncio.Timeout`.
-- @type Timeout

--- The deadline.
-- @treturn ?number in seconds by `loop:time()`; nil for none
function Timeout:when()
  return self.deadline
end

--- Move the deadline.
-- @tparam ?number when in seconds by `loop:time()`; nil for no deadline; one that is
-- past expires the scope in the next iteration
-- @raise `RuntimeError` once the scope has expired or was left; `bad argument`;
-- `ValueError` for NaN
function Timeout:reschedule(when)
  if when ~= nil then when = check.number(when, 1, "reschedule") end
  if self.state ~= "active" then
    error(errors.RuntimeError(("cannot reschedule a timeout that is %s"):format(self.state)))
  end
  set_deadline(self, core.need_loop(), when)
end

--- Whether the deadline passed before the scope was left.
-- @treturn boolean
function Timeout:expired()
  return self.state == "expiring" or self.state == "expired"
end

function Timeout:__close(failure)
  if self.handle then
    self.handle:cancel()
    self.handle = nil
  end
  if self.state == "active" then
    self.state = "finished"
  elseif self.state == "expiring" then
    self.state = "expired"
    -- More requests than at the start mean that somebody else cancels the task as well.
    if self.task:uncancel() <= self.cancelling
      and core.is_error(failure, errors.CancelledError) then
      error(errors.TimeoutError())
    end
  end
end

--- @section end

local timeout = {}

--- A scope that lasts a number of seconds at most.
-- @tparam ?number delay seconds; nil for no limit; 0 and less expire in the next
-- iteration
-- @treturn Timeout to be held in a `<close>` variable, which raises `TimeoutError` when
-- the time is up
-- @raise `bad argument`; `ValueError` for NaN; `RuntimeError` outside a task
function timeout.timeout(delay)
  if delay ~= nil then delay = check.number(delay, 1, "timeout") end
  local loop = core.need_loop()
  return enter(loop, delay and loop:time() + delay)
end

--- A scope that ends at a point in time.
-- @tparam ?number when seconds by `loop:time()`; nil for no limit
-- @treturn Timeout as of `timeout`
-- @raise `bad argument`; `ValueError` for NaN; `RuntimeError` outside a task
function timeout.timeout_at(when)
  if when ~= nil then when = check.number(when, 1, "timeout_at") end
  return enter(core.need_loop(), when)
end

return timeout
