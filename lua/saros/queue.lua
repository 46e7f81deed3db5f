--- Queues between tasks; mirrors `asyncio.Queue`, with `shutdown` of Python 3.13.
-- @module saros.queue

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"
local WaitQueue = require "saros.wait_queue"
local Event = require "saros.event".Event

local errors = core.errors

local SHUTDOWN_OPTIONS = {immediate = "boolean"}

--- First in, first out. `saros.Queue(maxsize)` makes one; with a `maxsize` (default 0)
-- of 0 or less it has no bound. The field `maxsize` tells it. Items may be nil.
-- @type Queue
local Queue = Class.new("Queue")

function Queue:init(maxsize)
  self.maxsize = maxsize == nil and 0 or check.number(maxsize, 1, self.__name)
  self.getters = WaitQueue.new(self)
  self.putters = WaitQueue.new(self)
  self.unfinished = 0
  self.finished = Event()
  self.finished:set()
  self.is_shut_down = false
  self:_init()
end

-- How items are kept; subclasses replace these four.

function Queue:_init()
  self.stored = {}
  self.first = 1
  self.last = 0
end

function Queue:_put(item)
  self.last = self.last + 1
  self.stored[self.last] = item
end

function Queue:_get()
  local first = self.first
  local item = self.stored[first]
  self.stored[first] = nil
  if first == self.last then
    -- Starting over keeps the indices small, where Lua's tables are arrays.
    self.first, self.last = 1, 0
  else
    self.first = first + 1
  end
  return item
end

--- The number of items in the queue.
-- @treturn integer
function Queue:qsize()
  return self.last - self.first + 1
end

--- Whether the queue has no items.
-- @treturn boolean
function Queue:empty()
  return self:qsize() == 0
end

--- Whether the queue has `maxsize` items; never true without a bound.
-- @treturn boolean
function Queue:full()
  return self.maxsize > 0 and self:qsize() >= self.maxsize
end

--- Put an item in, waiting for a free slot while the queue is full.
-- @param item any value
-- @raise `QueueShutDown` once the queue is shut down; `CancelledError`; `RuntimeError` on
-- another loop than that of the first wait
function Queue:put(item)
  while self:full() do
    if self.is_shut_down then error(errors.QueueShutDown()) end
    local ok, failure, woken = self.putters:park()
    if not ok then
      -- The slot that it was woken for is the next one's.
      if woken and not self:full() then self.putters:wake_next() end
      error(failure, 0)
    end
  end
  self:put_nowait(item)
end

--- Put an item in at once.
-- @param item any value
-- @raise `QueueFull`; `QueueShutDown`
function Queue:put_nowait(item)
  if self.is_shut_down then error(errors.QueueShutDown()) end
  if self:full() then error(errors.QueueFull()) end
  self:_put(item)
  self.unfinished = self.unfinished + 1
  self.finished:clear()
  self.getters:wake_next()
end

--- Take an item out, waiting for one while the queue is empty.
-- @return the item
-- @raise `QueueShutDown` once the queue is shut down and empty; `CancelledError`;
-- `RuntimeError` on another loop than that of the first wait
function Queue:get()
  while self:empty() do
    if self.is_shut_down then error(errors.QueueShutDown()) end
    local ok, failure, woken = self.getters:park()
    if not ok then
      -- The item that it was woken for is the next one's.
      if woken and not self:empty() then self.getters:wake_next() end
      error(failure, 0)
    end
  end
  return self:get_nowait()
end

--- Take an item out at once.
-- @return the item
-- @raise `QueueEmpty`; `QueueShutDown` once the queue is shut down and empty
function Queue:get_nowait()
  if self:empty() then
    if self.is_shut_down then error(errors.QueueShutDown()) end
    error(errors.QueueEmpty())
  end
  local item = self:_get()
  self.putters:wake_next()
  return item
end

--- Say that the work on an item is done, once for each item taken out.
-- @raise `ValueError` when called more often than items were put in
function Queue:task_done()
  if self.unfinished <= 0 then
    error(errors.ValueError("task_done() was called too many times"))
  end
  self.unfinished = self.unfinished - 1
  if self.unfinished == 0 then self.finished:set() end
end

--- Wait until `task_done` was called for every item that was put in.
-- @raise `CancelledError`
function Queue:join()
  if self.unfinished > 0 then self.finished:wait() end
end

local function drop_items(self)
  while not self:empty() do
    self:_get()
    if self.unfinished > 0 then self.unfinished = self.unfinished - 1 end
  end
  if self.unfinished == 0 then self.finished:set() end
end

--- Close the queue: from now on `put` raises `QueueShutDown`, and `get` does once the
-- queue is empty. Who waits is woken, to find that out.
-- @tparam ?table options `immediate=true` drops the items that are left, as if each one
-- had been taken out and its work were done
-- @raise `bad argument`; `ValueError` for an unknown option
function Queue:shutdown(options)
  options = check.options(options, SHUTDOWN_OPTIONS, 1, "shutdown")
  self.is_shut_down = true
  if options.immediate then drop_items(self) end
  self.getters:wake_all()
  self.putters:wake_all()
end

return {Queue = Queue}
