--- Conditions: wait until somebody says that something has changed; mirrors
-- `asyncio.Condition`.
-- @module saros.condition

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"
local Hold = require "saros.hold"
local Lock = require("saros.lock").Lock

local park, wake = core.wait_queue.park, core.wait_queue.wake
local errors = core.errors

--- A lock, and tasks that wait for what happens under it. Mirrors `asyncio.Condition`.
-- @type Condition
local Condition = Class.new("Condition")

--- Its lock.
-- @attribute Lock Condition.lock

--- Make a condition.
-- @tparam ?Lock lock one that conditions share; nil for a lock of its own
-- @raise `bad argument`
function Condition:init(lock)
  if lock ~= nil and not Class.is_instance(lock, Lock) then
    check.fail(1, "Condition", "Lock", lock)
  end
  self.lock = lock or Lock()
  self.waiting = core.WaitQueue("Condition")
end

--- Whether somebody holds the lock.
-- @treturn boolean
function Condition:locked()
  return self.lock.is_locked
end

--- Take the lock, waiting until it is free.
-- @treturn boolean true
-- @raise as `Lock:acquire`
function Condition:acquire()
  return self.lock:acquire()
end

--- Give the lock back.
-- @raise `RuntimeError` if nobody holds it
function Condition:release()
  self.lock:release()
end

--- Take the lock until the end of a scope: `local held <close> = condition:hold()`. Mirrors
-- `async with condition`.
-- @treturn Hold to be kept in a `<close>` variable
-- @raise as `acquire`
function Condition:hold()
  self.lock:acquire()
  return Hold(self.lock)
end

local function check_locked(self, what)
  if not self.lock.is_locked then
    error(errors.RuntimeError(("cannot %s on un-acquired lock"):format(what)))
  end
end

-- Takes the lock back, however often the task is cancelled meanwhile; returns whether it was.
local function acquire_again(lock)
  local cancelled = false
  while true do
    local ok, failure = pcall(lock.acquire, lock)
    if ok then return cancelled end
    if not core.is_error(failure, errors.CancelledError) then error(failure, 0) end
    cancelled = true
  end
end

--- Release the lock, wait until notified, and take the lock again. A task that is cancelled
-- takes the lock as well before the error is raised.
-- @treturn boolean true
-- @raise `CancelledError`; `RuntimeError` if nobody holds the lock, or on another loop than that
-- of the first wait
function Condition:wait()
  check_locked(self, "wait")
  local lock = self.lock
  lock:release()
  local parked, ok, failure = pcall(park, self.waiting)
  local cancelled = acquire_again(lock)
  if cancelled then error(errors.CancelledError()) end
  if not parked then error(ok, 0) end
  if not ok then error(failure, 0) end
  return true
end

--- Wait until a predicate holds, looking at it now and after each notification.
-- @tparam function predicate any callable; what it returns counts as Lua's conditions do
-- @return what the predicate returned last
-- @raise as `wait`; what the predicate raises; `bad argument`
function Condition:wait_for(predicate)
  check.callable(predicate, 1, "wait_for")
  local result = predicate()
  while not result do
    self:wait()
    result = predicate()
  end
  return result
end

--- Wake the first tasks that wait. They go on once they have the lock, which the caller holds.
-- @tparam[opt=1] integer n how many at most
-- @raise `RuntimeError` if nobody holds the lock; `bad argument`
function Condition:notify(n)
  n = n == nil and 1 or check.number(n, 1, "notify")
  check_locked(self, "notify")
  wake(self.waiting, n)
end

--- Wake all tasks that wait.
-- @raise `RuntimeError` if nobody holds the lock
function Condition:notify_all()
  check_locked(self, "notify")
  wake(self.waiting, math.huge)
end

return {Condition = Condition}
