--- The `map` of executors: an iterator over results in the order of the list.
-- @module saros.executor_map

local core = require "saros.core"
local check = require "saros.check"
local timeout = require "saros.timeout"

local RuntimeError, ValueError = core.errors.RuntimeError, core.errors.ValueError

local OPTIONS = {chunksize = "integer", timeout = "number"}

-- In a worker: a chunk of calls. It refers to nothing, so that a worker loads it but once.
local function call_each(fn, items, count)
  local results = {}
  for i = 1, count do results[i] = (fn(items[i])) end
  return results
end

--- What `map` gives: calling it gives the next index and value, and nil at the end. After an error, or `close`,
-- there are no more, and the jobs that are left are cancelled. It serves one task at a time: a step that another one
-- waits for makes further ones a `RuntimeError`.
-- @type MapIterator
local MapIterator = {__name = "MapIterator"}
MapIterator.__index = MapIterator

--- Cancel what is left; there are no more steps. `local results <close> = executor:map(fn, list)` does it at the
-- end of the scope.
function MapIterator:close()
  self.next_index = self.count + 1
  for i = self.next_job, #self.futures do self.futures[i]:cancel() end
  self.next_job = #self.futures + 1
end

MapIterator.__close = MapIterator.close

-- A loop that was left by `break` has no use for the rest.
MapIterator.__gc = MapIterator.close

-- Await the next job; its results are those of the items from the next index on.
local function take_job(self)
  local future = self.futures[self.next_job]
  self.next_job = self.next_job + 1
  local _ <close> = timeout.timeout_at(self.deadline)
  local result = future:await()
  self.first = self.next_index
  self.chunk = self.chunksize == 1 and {result} or result
end

function MapIterator:__call()
  if self.is_waiting then error(RuntimeError("another task waits for the next result of the map")) end
  local index = self.next_index
  if index > self.count then return nil end
  if (index - 1) % self.chunksize == 0 then
    self.is_waiting = true
    local ok, failure = pcall(take_job, self)
    self.is_waiting = false
    if not ok then
      self:close()
      error(failure, 0)
    end
  end
  self.next_index = index + 1
  return index, self.chunk[index - self.first + 1]
end

--- @section end

local function submit_all(self, executor, fn, list)
  local size, futures = self.chunksize, self.futures
  for first = 1, self.count, size do
    if size == 1 then
      futures[first] = executor:submit(fn, list[first])
    else
      local count = math.min(size, self.count - first + 1)
      local items = table.move(list, first, first + count - 1, 1, {})
      futures[#futures + 1] = executor:submit(call_each, fn, items, count)
    end
  end
end

-- The method of executors.
return function(executor, fn, list, options)
  check.callable(fn, 1, "map")
  if type(list) ~= "table" then check.fail(2, "map", "list", list) end
  options = check.options(options, OPTIONS, 3, "map")
  local chunksize = options.chunksize or 1
  if chunksize < 1 then error(ValueError("chunksize must be at least 1")) end
  local limit = options.timeout
  local self = setmetatable({
    futures = {}, next_job = 1, next_index = 1, count = #list, chunksize = chunksize,
    deadline = limit and core.need_loop():time() + limit,
  }, MapIterator)
  submit_all(self, executor, fn, list)
  return self
end
