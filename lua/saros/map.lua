--- Calling a function for every item of a list, several at a time. asyncio has no such
-- function; the order of events is that of a TaskGroup with a Semaphore.
-- @module saros.map

local core = require "saros.core"
local check = require "saros.check"
local release = require "saros.waiter".release

local errors = core.errors

local OPTIONS = {limit = "integer"}

-- In what follows `self` is one call of `map`: what it was given and the `context` of who
-- called it, `tasks` under way by the index of their items, how many items have `begun`, how
-- many are `running`.

-- No item is begun any more, and those under way are cancelled, in the order in which they
-- began. One that is done keeps its error: what nobody else sees is reported.
local function abort(self)
  if self.aborted then return end
  self.aborted = true
  for index = 1, self.begun do
    local task = self.tasks[index]
    if task and not task:done() then task:cancel() end
  end
end

local function fail(self, failure)
  if not self.failed then self.failed, self.failure = true, failure end
  abort(self)
end

local begin_next

-- The body of an item's task. A place is free as soon as the function has returned.
local function run_item(self, index, item)
  self.results[index] = (self.fn(item))
  begin_next(self)
end

-- An item that was cancelled fails, unless it was cancelled here. Failures after the first
-- are left to be reported.
local function check_outcome(self, task)
  if self.failed or self.aborted and task:cancelled() then return end
  local ok, failure = pcall(task.result, task)
  if not ok then fail(self, failure) end
end

local function on_done(self, index, task)
  self.tasks[index] = nil
  self.running = self.running - 1
  check_outcome(self, task)
  if self.running == 0 and self.waiter then release(self.waiter) end
end

-- A task starts with a copy of the context of who called `map`, whoever makes it.
local function create_task(self, ...)
  if core.current_context() == self.context then return core.create_task(...) end
  local own = core.change_context(self.context)
  local ok, task = pcall(core.create_task, ...)
  core.change_context(own)
  if not ok then error(task, 0) end
  return task
end

function begin_next(self)
  if self.aborted or self.begun >= self.count then return end
  local index = self.begun + 1
  self.begun = index
  local item = self.items[index]
  self.items[index] = nil
  local task = create_task(self, run_item, self, index, item)
  self.tasks[index] = task
  self.running = self.running + 1
  if task:done() then -- it was started eagerly
    on_done(self, index, task)
  else
    task:add_done_callback(function() on_done(self, index, task) end)
  end
end

local function begin_first(self, limit)
  for _ = 1, limit and math.min(limit, self.count) or self.count do begin_next(self) end
end

-- Wait until no item is under way, whoever cancels the calling task meanwhile. Returns
-- what cancelled it last.
local function wait_for_all(self, loop)
  local cancelled
  while self.running > 0 do
    self.waiter = loop:create_future()
    local ok, failure = pcall(self.waiter.await, self.waiter)
    if not ok then
      cancelled = failure
      abort(self)
      -- A cancellation ends the wait by its future; without it the loop is closing, and
      -- there is no waiting any more.
      if not self.waiter:done() then break end
    end
  end
  return cancelled
end

-- Raise, as an await here would, unless the calling task can suspend.
local function check_suspendable(loop)
  local future = loop:create_future()
  future:set_result()
  future:await()
end

local function copy(list)
  local count = math.type(list.n) == "integer" and list.n or #list
  return table.move(list, 1, count, 1, {}), count
end

local map = {}

--- Call a function for each item of a list, as tasks, and wait for all of them.
--
-- The items begin in the order of the list, each as soon as there is a place for it.
-- When one fails, or the calling task is cancelled, no other begins, those under way are
-- cancelled, and `map` raises when all of them have ended.
-- @tparam function fn called as `fn(item)` in a task of its own; it may suspend
-- @tparam table list the items, copied at the start; a field `n` tells their number where
-- some are nil
-- @tparam ?table options `limit`: how many may be under way at a time, 1 or more; by
-- default all
-- @treturn table the first result of each item, in the order of the list, and their number
-- in the field `n`
-- @raise the first error of an item, the same value; later ones are reported.
-- `CancelledError`; `RuntimeError` where a task cannot suspend; `bad argument`;
-- `ValueError` for an unknown option or a limit below 1
function map.map(fn, list, options)
  check.callable(fn, 1, "map")
  if type(list) ~= "table" then check.fail(2, "map", "table", list) end
  local limit = check.options(options, OPTIONS, 3, "map").limit
  if limit and limit < 1 then
    error(errors.ValueError(("the limit must be at least 1, got %d"):format(limit)))
  end
  local loop = core.need_loop()
  check_suspendable(loop)
  local items, count = copy(list)
  local self = {
    fn = fn,
    items = items,
    count = count,
    results = {n = count},
    context = core.current_context(),
    tasks = {},
    begun = 0,
    running = 0,
    aborted = false,
    failed = false,
  }
  local ok, failure = pcall(begin_first, self, limit)
  if not ok then fail(self, failure) end
  local cancelled = wait_for_all(self, loop)
  if self.failed then error(self.failure, 0) end
  if cancelled then error(cancelled, 0) end
  return self.results
end

return map
