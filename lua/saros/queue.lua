--- Queues between tasks; mirrors `asyncio.Queue`, with `shutdown` of Python 3.13.
-- @module saros.queue

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"
local Event = require "saros.event".Event
local heap = require "saros.heap"

local park, wake = core.wait_queue.park, core.wait_queue.wake
local errors = core.errors

local SHUTDOWN_OPTIONS = {immediate = "boolean"}

--- First in, first out. `saros.Queue(maxsize)` makes one. Items may be nil. Mirrors
-- `asyncio.Queue`.
-- @type Queue
local Queue = Class.new("Queue")

--- Make a queue.
-- @tparam[opt=0] number maxsize how many items it may have; 0 or less for no bound
-- @raise `bad argument`; `ValueError` for NaN
function Queue:init(maxsize)
  self.maxsize = maxsize == nil and 0 or check.number(maxsize, 1, self.__name)
  self.size = 0
  self.getters = core.WaitQueue(self.__name)
  self.putters = core.WaitQueue(self.__name, self.getters)
  self.unfinished = 0
  self.finished = Event()
  self.finished:set()
  self.is_shut_down = false
  -- Found at once here, and not in the class or its parents: they are called for each item.
  self._put, self._get = self._put, self._get
  self:_init()
end

--- How many items it may have; 0 or less for no bound.
-- @attribute number Queue.maxsize

-- How items are kept; subclasses replace these three.

function Queue:_init()
  self.stored = {}
  self.first = 1
end

function Queue:_put(item)
  self.stored[self.first + self.size] = item
end

function Queue:_get()
  local stored, first = self.stored, self.first
  local item = stored[first]
  stored[first] = nil
  -- Starting over with the last item keeps the indices small, where Lua's tables are arrays.
  self.first = self.size == 1 and 1 or first + 1
  return item
end

local function is_full(self)
  local maxsize = self.maxsize
  return maxsize > 0 and self.size >= maxsize
end

local function add(self, item)
  if self.is_shut_down then error(errors.QueueShutDown()) end
  self:_put(item)
  self.size = self.size + 1
  local unfinished = self.unfinished
  if unfinished == 0 then self.finished:clear() end
  self.unfinished = unfinished + 1
  wake(self.getters)
end

local function take(self)
  local item = self:_get()
  self.size = self.size - 1
  if self.maxsize > 0 then wake(self.putters) end
  return item
end

--- The number of items in the queue.
-- @treturn integer
function Queue:qsize()
  return self.size
end

--- Whether the queue has no items.
-- @treturn boolean
function Queue:empty()
  return self.size == 0
end

--- Whether the queue has `maxsize` items; never true without a bound.
-- @treturn boolean
function Queue:full()
  return is_full(self)
end

--- Put an item in, waiting for a free slot while the queue is full.
-- @tparam any item any value
-- @raise `QueueShutDown` once the queue is shut down; `CancelledError`; `RuntimeError` on
-- another loop than that of the first wait
function Queue:put(item)
  local maxsize = self.maxsize
  while maxsize > 0 and self.size >= maxsize do -- is_full, in place: this is hot
    if self.is_shut_down then error(errors.QueueShutDown()) end
    local ok, failure, woken = park(self.putters)
    if not ok then
      -- The slot that it was woken for is the next one's.
      if woken and not is_full(self) then wake(self.putters) end
      error(failure, 0)
    end
  end
  add(self, item)
end

--- Put an item in at once.
-- @tparam any item any value
-- @raise `QueueFull`; `QueueShutDown`
function Queue:put_nowait(item)
  if is_full(self) and not self.is_shut_down then error(errors.QueueFull()) end
  add(self, item)
end

local function wait_for_item(self)
  local ok, failure, woken = park(self.getters)
  if ok then return end
  -- The item that it was woken for is the next one's.
  if woken and self.size > 0 then wake(self.getters) end
  error(failure, 0)
end

--- Take an item out, waiting for one while the queue is empty.
-- @treturn any the item
-- @raise `QueueShutDown` once the queue is shut down and empty; `CancelledError`;
-- `RuntimeError` on another loop than that of the first wait
function Queue:get()
  while self.size == 0 do
    if self.is_shut_down then error(errors.QueueShutDown()) end
    wait_for_item(self)
  end
  return take(self)
end

--- Take an item out at once.
-- @treturn any the item
-- @raise `QueueEmpty`; `QueueShutDown` once the queue is shut down and empty
function Queue:get_nowait()
  if self.size == 0 then
    if self.is_shut_down then error(errors.QueueShutDown()) end
    error(errors.QueueEmpty())
  end
  return take(self)
end

--- Iterate over the items, waiting for each, until the queue is shut down and empty:
-- `for item in queue:items() do`. An item that is nil ends the loop as well. Not in asyncio.
-- @treturn fun():any an iterator, whose steps raise what `get` raises but `QueueShutDown`
function Queue:items()
  return function()
    while self.size == 0 do
      if self.is_shut_down then return nil end
      wait_for_item(self)
    end
    return take(self)
  end
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
  while self.size > 0 do
    self:_get()
    self.size = self.size - 1
    if self.unfinished > 0 then self.unfinished = self.unfinished - 1 end
  end
  if self.unfinished == 0 then self.finished:set() end
end

--- Close the queue: from now on `put` raises `QueueShutDown`, and `get` does once the
-- queue is empty. Who waits is woken, to find that out.
-- @tparam ?table options how to close it
-- @tparam[opt=false] boolean options.immediate true drops the items that are left, as if each
-- one had been taken out and its work were done
-- @raise `bad argument`; `ValueError` for an unknown option
function Queue:shutdown(options)
  options = check.options(options, SHUTDOWN_OPTIONS, 1, "shutdown")
  self.is_shut_down = true
  if options.immediate then drop_items(self) end
  wake(self.getters, math.huge)
  wake(self.putters, math.huge)
end

--- A queue that gives the smallest item first: `saros.PriorityQueue(maxsize)`. Items are numbers,
-- strings, objects with `__lt`, or lists such as `{priority, item}`, which are compared entry by
-- entry as Python's tuples are; not nil. What `put` cannot compare raises, and leaves the queue as it was.
-- Mirrors `asyncio.PriorityQueue`.
-- @type PriorityQueue
local PriorityQueue = Queue:extend("PriorityQueue")

function PriorityQueue:_init()
  self.stored = {}
end

function PriorityQueue:_put(item)
  if item == nil then check.fail(1, "put", "item to compare", item) end
  heap.push(self.stored, item)
end

function PriorityQueue:_get()
  return heap.pop(self.stored)
end

--- A queue that gives the newest item first: `saros.LifoQueue(maxsize)`. Mirrors
-- `asyncio.LifoQueue`.
-- @type LifoQueue
local LifoQueue = Queue:extend("LifoQueue")

function LifoQueue:_init()
  self.stored = {}
end

function LifoQueue:_put(item)
  self.stored[self.size + 1] = item
end

function LifoQueue:_get()
  local item = self.stored[self.size]
  self.stored[self.size] = nil
  return item
end

return {Queue = Queue, PriorityQueue = PriorityQueue, LifoQueue = LifoQueue}
