--- Semaphores: so many tasks at a time; mirrors `asyncio.Semaphore` and
-- `asyncio.BoundedSemaphore`.
-- @module saros.semaphore

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"
local Hold = require "saros.hold"

local queue = core.wait_queue
local park, wake, is_used = queue.park, queue.wake, queue.is_used
local ValueError = core.errors.ValueError

--- What so many can hold at a time. Mirrors `asyncio.Semaphore`.
-- @type Semaphore
local Semaphore = Class.new("Semaphore")

--- Make a semaphore.
-- @tparam[opt=1] number value how many can hold it at a time
-- @raise `bad argument`; `ValueError` for less than 0, and for what is neither a whole number nor infinite
function Semaphore:init(value)
  value = value == nil and 1 or check.number(value, 1, self.__name)
  if value < 0 then
    error(ValueError(("%s initial value must be >= 0, got %s"):format(self.__name, value)))
  end
  if value ~= math.huge and not math.tointeger(value) then
    error(ValueError(("%s initial value must be a whole number, got %s"):format(self.__name, value)))
  end
  self.value = value
  self.waiting = core.WaitQueue(self.__name)
end

--- Whether `acquire` would have to wait.
-- @treturn boolean
function Semaphore:locked()
  return self.value == 0 or is_used(self.waiting)
end

-- Gives one place to the first who waits. It counts as taken from here on, so that nobody
-- who comes later gets it first.
local function hand_on(self)
  if wake(self.waiting, 1) > 0 then self.value = self.value - 1 end
end

--- Take a place, waiting until there is one. Who came first gets it first.
-- @treturn boolean true
-- @raise `CancelledError`; `RuntimeError` on another loop than that of the first wait
function Semaphore:acquire()
  if self.value ~= 0 and not is_used(self.waiting) then
    self.value = self.value - 1
    return true
  end
  local ok, failure, woken = park(self.waiting)
  if not ok then
    if woken then
      self.value = self.value + 1
      hand_on(self)
    end
    error(failure, 0)
  end
  if self.value > 0 then hand_on(self) end
  return true
end

--- Give a place back, and wake the first who waits for one.
function Semaphore:release()
  self.value = self.value + 1
  hand_on(self)
end

--- Take a place until the end of a scope: `local held <close> = semaphore:hold()`. Mirrors
-- `async with semaphore`.
-- @treturn Hold to be kept in a `<close>` variable
-- @raise as `acquire`
function Semaphore:hold()
  self:acquire()
  return Hold(self)
end

--- A semaphore that refuses to be released more often than it was acquired. Mirrors
-- `asyncio.BoundedSemaphore`.
-- @type BoundedSemaphore
local BoundedSemaphore = Semaphore:extend("BoundedSemaphore")

--- Make a semaphore.
-- @tparam[opt=1] number value how many can hold it at a time
-- @raise `bad argument`; `ValueError` for less than 0
function BoundedSemaphore:init(value)
  Semaphore.init(self, value)
  self.bound = self.value
end

--- Give a place back, and wake the first who waits for one.
-- @raise `ValueError` if all places are free already
function BoundedSemaphore:release()
  if self.value >= self.bound then
    error(ValueError("BoundedSemaphore released too many times"))
  end
  Semaphore.release(self)
end

return {Semaphore = Semaphore, BoundedSemaphore = BoundedSemaphore}
