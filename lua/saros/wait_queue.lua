--- The one place where synchronisation primitives keep those who wait: a fair queue of
-- futures, first in, first out.
--
-- A primitive parks the calling task with `park`, wakes with `wake_next` or `wake_all`,
-- and checks its own condition again after each wake-up, because others may run between
-- the wake-up and the turn of the task that was woken. A task that is cancelled in the
-- iteration in which it was woken learns so from `park`, and has to pass the wake-up on.
--
-- The waiters lie in a table at rising indices from `first` to `last`. One that leaves
-- from the middle leaves a nil behind, which is skipped once.
-- @module saros.wait_queue
-- @local

local core = require "saros.core"
local check = require "saros.check"

local need_loop = core.need_loop

local WaitQueue = {}
WaitQueue.__index = WaitQueue

--- Make a queue.
-- @tparam table owner the primitive. Its field `loop` is the loop of its first wait, the
-- only one that it can be used on; queues of one owner share it
-- @treturn WaitQueue
function WaitQueue.new(owner)
  return setmetatable({owner = owner, waiters = {}, first = 1, last = 0}, WaitQueue)
end

--- The running loop, if the owner may be used on it.
-- @treturn EventLoop
-- @raise `RuntimeError` outside a loop, and on another loop than that of the first wait
function WaitQueue:check_loop()
  local loop = need_loop()
  local owner = self.owner
  local bound = owner.loop
  if bound ~= nil and bound ~= loop then
    local message = "this %s is bound to a different event loop"
    error(core.errors.RuntimeError(message:format(check.type_name(owner))))
  end
  return loop
end

--- Whether nobody is in the queue. Who was cancelled still is, until its turn comes.
-- @treturn boolean
function WaitQueue:is_empty()
  return self.last == 0
end

local function remove(self, index)
  local waiters = self.waiters
  waiters[index] = nil
  if index ~= self.first then return end
  local last = self.last
  repeat
    index = index + 1
  until index > last or waiters[index]
  if index > last then
    self.first, self.last = 1, 0
  else
    self.first = index
  end
end

--- Suspend the calling task until it is woken or cancelled.
-- @treturn boolean true when it was woken, else false
-- @return the error to raise
-- @treturn boolean whether it had been woken as well, before the error came
function WaitQueue:park()
  local loop = self:check_loop()
  self.owner.loop = loop
  local future = loop:create_future()
  local waiters = self.waiters
  local index = self.last + 1
  self.last = index
  waiters[index] = future
  local ok, failure = pcall(future.await, future)
  -- Whoever woke it may have taken it out, and the index may belong to another by now.
  if waiters[index] == future then remove(self, index) end
  if ok then return true end
  -- A future that cannot be cancelled any more was woken before.
  return false, failure, not future:cancel() and not future:cancelled()
end

--- Wake the first one who still waits, and take it out.
-- @treturn boolean whether there was one
function WaitQueue:wake_next()
  local waiters = self.waiters
  while self.last > 0 do
    local future = waiters[self.first]
    remove(self, self.first)
    if not future:done() then
      future:set_result()
      return true
    end
  end
  return false
end

--- Wake everyone, in the order of arrival.
function WaitQueue:wake_all()
  while self:wake_next() do end
end

return WaitQueue
