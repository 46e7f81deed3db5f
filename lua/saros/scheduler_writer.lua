--- Keeps the states of jobs in a scheduler's store, in a task of its own: so that who changes a job
-- need not wait for the store.
-- @module saros.scheduler_writer
-- @local

local core = require "saros.core"
local task_on = require "saros.task_on"

local wake = core.wait_queue.wake
local CancelledError = core.errors.CancelledError

-- dirty: the jobs whose states have changed, in the order in which they did first; pending[job] = true
-- for the same; current: the one that is being stored; written: how many times one was stored, or could not be.
local Writer = {}
Writer.__index = Writer

--- Make one that has nothing to do.
-- @tparam table scheduler
-- @treturn table
function Writer.new(scheduler)
  return setmetatable({scheduler = scheduler, dirty = {}, pending = {}, written = 0}, Writer)
end

local function save_one(self, job)
  local scheduler = self.scheduler
  local ok, failure = pcall(scheduler.store.save, scheduler.store, job)
  self.written = self.written + 1
  if ok then return end
  if core.is_error(failure, CancelledError) and core.current_task():cancelling() > 0 then error(failure, 0) end
  scheduler.loop:call_exception_handler {
    message = ("the state of the job '%s' cannot be stored"):format(job.name),
    exception = failure,
  }
end

local function write_all(self)
  while #self.dirty > 0 do
    local jobs = self.dirty
    self.dirty = {}
    for _, job in ipairs(jobs) do
      self.pending[job] = nil
      self.current = job
      save_one(self, job)
    end
  end
end

local function write(self)
  local ok, failure = pcall(write_all, self)
  self.task, self.current = nil, nil
  wake(self.scheduler.changes, math.huge)
  if not ok then error(failure, 0) end
end

--- Store the state of a job soon.
-- @tparam table job
function Writer:save(job)
  if self.pending[job] then return end
  self.pending[job] = true
  self.dirty[#self.dirty + 1] = job
  if self.task then return end
  local loop = self.scheduler.loop
  self.task = true -- an eager task may have ended before it is known
  local task = loop:create_task(write, self):set_name("Scheduler: writing")
  if self.task then self.task = task end
end

--- Wait until all is stored, where the store is one that takes its time, and where one can wait.
function Writer:settle()
  local scheduler = self.scheduler
  if not scheduler.leases.is_shared then return end
  if not task_on(scheduler.loop) then return end
  while self.task do
    local ok, failure = core.wait_queue.park(scheduler.changes)
    if not ok then error(failure, 0) end
  end
end

--- Whether a job has a state that is not stored.
-- @tparam table job
-- @treturn boolean
function Writer:is_pending(job)
  return self.pending[job] ~= nil
end

--- Store nothing any more, as the store does not answer.
-- @treturn integer of how many jobs the states are not stored
function Writer:give_up()
  if not self.task then return 0 end
  local count = 0
  if self.current then self.pending[self.current] = true end
  for _ in pairs(self.pending) do count = count + 1 end
  self.dirty, self.pending = {}, {}
  self.task:cancel()
  return count
end

--- Whether all is stored.
-- @treturn boolean
function Writer:is_idle()
  return self.task == nil
end

return Writer
