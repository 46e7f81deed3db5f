--- Locks: one task at a time; mirrors `asyncio.Lock`.
-- @module saros.lock

local core = require "saros.core"
local Class = require "saros.class"
local Hold = require "saros.hold"

local queue = core.wait_queue
local park, wake_first, is_used = queue.park, queue.wake_first, queue.is_used
local RuntimeError = core.errors.RuntimeError

--- `saros.Lock()` makes one that nobody holds. It belongs to no task: any may release it.
-- @type Lock
local Lock = Class.new("Lock")

function Lock:init()
  self.is_locked = false
  self.waiting = core.WaitQueue("Lock")
end

--- Whether somebody holds the lock.
-- @treturn boolean
function Lock:locked()
  return self.is_locked
end

--- Take the lock, waiting until it is free. Who came first gets it first.
-- @treturn boolean true
-- @raise `CancelledError`; `RuntimeError` on another loop than that of the first wait
function Lock:acquire()
  if not self.is_locked and not is_used(self.waiting) then
    self.is_locked = true
    return true
  end
  local ok, failure = park(self.waiting)
  if not ok then
    -- It may have been woken for the lock, which is the next one's then.
    if not self.is_locked then wake_first(self.waiting) end
    error(failure, 0)
  end
  self.is_locked = true
  return true
end

--- Give the lock back, and wake the first who waits for it.
-- @raise `RuntimeError` if nobody holds it
function Lock:release()
  if not self.is_locked then error(RuntimeError("Lock is not acquired.")) end
  self.is_locked = false
  wake_first(self.waiting)
end

--- Take the lock until the end of a scope: `local held <close> = lock:hold()`. Mirrors
-- `async with lock`.
-- @treturn Hold to be kept in a `<close>` variable
-- @raise as `acquire`
function Lock:hold()
  self:acquire()
  return Hold(self)
end

return {Lock = Lock}
