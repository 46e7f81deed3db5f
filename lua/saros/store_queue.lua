--- Takes operations to the thread of a database store, and brings the results back.
--
-- What piles up while the thread is busy goes there together and becomes one transaction: a thousand
-- jobs that are due at once cost one write to the disk. Operations are performed in the order in
-- which they came.
--
-- When the database cannot be reached they wait, and are tried again until they are performed; the
-- log says so once, and once when it is over.
-- @module saros.store_queue
-- @local

local core = require "saros.core"
local logger = require "saros.logger"
local store_url = require "saros.store_url"
local task_on = require "saros.task_on"
local wait = require "saros.wait"
local ThreadPoolExecutor = require "saros.executor".ThreadPoolExecutor

local RuntimeError = core.errors.RuntimeError

-- How many operations are one transaction at most.
local BATCH = 500

-- Seconds between two attempts: the first, and the most.
local FIRST_DELAY, LAST_DELAY = 0.05, 2

local MICROSECONDS = 1e6

-- What runs in the thread: it finds its module there.

local function open(...) return require("saros.sql_worker").open(...) end

local function perform(...) return require("saros.sql_worker").perform(...) end

local function close() return require("saros.sql_worker").close() end

-- entries: what waits, in order, `{operation=, future=, abandoned=}`; `abandoned` is called with the result when
-- nobody waits for it any more; without it, such an operation is performed all the same.
-- offset: by how many seconds the database's clock is ahead; nil if it has none of its own;
-- change: the last change to a job when it was opened; lost: the runs that were found lost then.
local StoreQueue = {}
StoreQueue.__index = StoreQueue

-- ---- calls ----

-- The database's time is that of some moment between sending and receiving. What it was taken for
-- before stays as long as that fits: so it does not tremble.
local function note_clock(self, now, sent, received)
  if not self.has_clock then return end
  local time = now / MICROSECONDS
  local least, most = time - received, time - sent
  local offset = self.offset
  if not offset or offset < least or offset > most then self.offset = (least + most) / 2 end
end

-- Call a function in the thread, with what it finds the database by, the time, and more.
local function call(self, fn, ...)
  local loop = self.loop
  local sent = loop:wall_time()
  local module, url = table.unpack(self.arguments)
  local result, problem = self.executor:submit(fn, module, url, math.floor(sent * MICROSECONDS), ...):await()
  if not result then return nil, store_url.hide(problem, url) end
  note_clock(self, result.now, sent, loop:wall_time())
  return result
end

--- Connect, waiting for it.
-- @tparam string name the store's, as it may be shown
-- @tparam string module of the driver
-- @tparam string url
-- @tparam boolean has_clock whether the database's clock decides
-- @treturn table
-- @raise `RuntimeError` if it cannot be opened, and outside a task
function StoreQueue.open(name, module, url, has_clock)
  local self = setmetatable({
    loop = core.need_loop(),
    name = name,
    arguments = {module, url},
    has_clock = has_clock,
    executor = ThreadPoolExecutor {max_workers = 1, thread_name_prefix = "store"},
    entries = {},
  }, StoreQueue)
  local called, opened, problem = pcall(call, self, open)
  if called and opened then
    self.change, self.lost = opened.change, opened.lost
    return self
  end
  self.executor:shutdown {wait = false}
  if not called then error(opened, 0) end
  error(RuntimeError(("the store '%s' cannot be opened: %s"):format(name, problem)))
end

-- ---- there and back ----

local function say_away(self, problem)
  if not self.problem then
    local message = "the store '%s' cannot be used, and is tried again until it can: %s"
    logger.error("%s", message:format(self.name, problem))
  end
  self.problem = problem
end

local function say_back(self)
  if not self.problem then return end
  logger.info("%s", ("the store '%s' can be used again"):format(self.name))
  self.problem = nil
end

-- Whatever happens, the operations are performed, or this task is cancelled.
local function send(self, operations)
  local delay = FIRST_DELAY
  while true do
    local results, problem = call(self, perform, operations)
    if results then
      say_back(self)
      return results
    end
    say_away(self, problem)
    core.sleep(delay)
    delay = math.min(2 * delay, LAST_DELAY)
  end
end

local function take(self)
  local batch, rest = {}, {}
  for _, entry in ipairs(self.entries) do
    local is_dropped = entry.abandoned and entry.future:cancelled()
    if not is_dropped then
      local list = #batch < BATCH and batch or rest
      list[#list + 1] = entry
    end
  end
  self.entries = rest
  return batch
end

-- It may have been closed meanwhile, outside a task: then whoever waited has been told.
local function settle(self, entry, result)
  if not entry.future:done() then
    entry.future:set_result(result)
  elseif entry.abandoned and not self.is_closed then
    entry.abandoned(result)
  end
end

local function list_operations(batch)
  local operations = {}
  for i, entry in ipairs(batch) do operations[i] = entry.operation end
  return operations
end

local function pump(self)
  while #self.entries > 0 do
    self.batch = take(self)
    if #self.batch > 0 then
      local results = send(self, list_operations(self.batch))
      for i, entry in ipairs(self.batch) do settle(self, entry, results[i] or nil) end
      self.batch = nil
    end
  end
  self.task = nil
end

--- Have an operation performed.
-- @tparam table operation with a `kind`, a name in `saros.sql_operations`
-- @tparam ?function abandoned if nobody waits any more, what is done with the result; or the operation is not performed
-- @treturn Future with the result
-- @raise `RuntimeError` once it is closed
function StoreQueue:submit(operation, abandoned)
  if self.is_closed then error(RuntimeError(("the store '%s' is closed"):format(self.name))) end
  local future = self.loop:create_future()
  self.entries[#self.entries + 1] = {operation = operation, future = future, abandoned = abandoned}
  if not self.task then
    self.task = true -- an eager task may have ended before it is known
    local task = self.loop:create_task(pump, self):set_name("Scheduler: store")
    if self.task then self.task = task end
  end
  return future
end

-- ---- the end ----

-- What was not performed fails, for whoever waits for it.
local function give_up(self)
  local left = self.batch or {}
  table.move(self.entries, 1, #self.entries, #left + 1, left)
  self.entries = {}
  for _, entry in ipairs(left) do
    if not entry.future:done() then
      entry.future:set_exception(RuntimeError(("the store '%s' cannot be used: %s"):format(self.name,
        self.problem or "it is closed")))
    end
  end
  return #left
end

-- The database does not answer, or who closes it does not wait any more.
local function abort(self)
  self.task:cancel()
  wait.wait({self.task})
  local count = give_up(self)
  local message = "the store '%s' is closed, and %d change%s could not be written: %s"
  logger.error("%s", message:format(self.name, count, count == 1 and "" or "s", self.problem or "it does not answer"))
end

local function finish(self, seconds)
  local ok, cancellation = pcall(function()
    if self.task then wait.wait({self.task}, {timeout = seconds}) end
  end)
  self.is_closed = true
  local is_stuck = self.task ~= nil
  if is_stuck then abort(self) end
  self.executor:submit(close)
  -- Nobody can end what the thread waits for.
  self.executor:shutdown {wait = not is_stuck}
  if not ok then error(cancellation, 0) end
end

--- End the connection, after what is to be performed. Outside a task nothing can be waited for.
-- @tparam number seconds how long to try
-- @raise `CancelledError`
function StoreQueue:close(seconds)
  if self.is_closed then return end
  if task_on(self.loop) then return finish(self, seconds) end
  self.is_closed = true
  give_up(self)
  self.executor:shutdown {wait = false, cancel_futures = true}
end

return StoreQueue
