--- A flag that tasks can wait for; mirrors `asyncio.Event`.
-- @module saros.event

local core = require "saros.core"
local Class = require "saros.class"

local park, wake = core.wait_queue.park, core.wait_queue.wake

--- A flag that tasks can wait for. `saros.Event()` makes one that is not set. Mirrors
-- `asyncio.Event`.
-- @type Event
local Event = Class.new("Event")

function Event:init()
  self.value = false
  self.waiting = core.WaitQueue("Event")
end

--- Whether the flag is set.
-- @treturn boolean
function Event:is_set()
  return self.value
end

--- Set the flag and wake all who wait, in the order in which they came.
function Event:set()
  if self.value then return end
  self.value = true
  wake(self.waiting, math.huge)
end

--- Clear the flag: who waits from now on is suspended until the next `set`.
function Event:clear()
  self.value = false
end

--- Wait until the flag is set. A task that was woken goes on even if the flag has been
-- cleared again before its turn came.
-- @treturn boolean true
-- @raise `CancelledError`; `RuntimeError` on another loop than that of the first wait
function Event:wait()
  if self.value then return true end
  local ok, failure = park(self.waiting)
  if not ok then error(failure, 0) end
  return true
end

return {Event = Event}
