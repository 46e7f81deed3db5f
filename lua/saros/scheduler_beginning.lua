--- How a job of a scheduler begins, goes on with what is stored of it, or takes other times.
--
-- The store is asked, which may take a while. Meanwhile the job is what it was before, runs, and can be paused or
-- cancelled: that holds for what it becomes.
-- @module saros.scheduler_beginning
-- @local

local core = require "saros.core"
local Job = require "saros.scheduler_job"
local due = require "saros.scheduler_due"
local overlap = require "saros.scheduler_overlap"
local shutdown = require "saros.scheduler_shutdown"

local wake = core.wait_queue.wake
local errors = core.errors
local RuntimeError, ValueError = errors.RuntimeError, errors.ValueError

local beginning = {}

--- Make sure that jobs may still be scheduled.
-- @tparam table scheduler
-- @raise `RuntimeError`
function beginning.check_open(scheduler)
  if scheduler.stopping then error(RuntimeError("the scheduler is stopped")) end
end

-- Who takes the place of a job that is about to be scheduled has to wait until it is there.
local function await_turn(scheduler, name)
  if not scheduler.scheduling[name] then return end
  shutdown.wait_until(scheduler, function() return not scheduler.scheduling[name] end)
  beginning.check_open(scheduler)
end

-- The job of a name that is free, or may be taken over; and whether it was known.
local function claim_name(scheduler, name, replace)
  if replace then await_turn(scheduler, name) end
  local job = scheduler.jobs[name]
  if scheduler.scheduling[name] or job and not job:is_over() and not replace then
    error(ValueError(("there is a job '%s' already (replace = true takes its place)"):format(name)))
  end
  if job then return job, true end
  scheduler.job_count = scheduler.job_count + 1
  return Job.new(name, scheduler.job_count), false
end

-- Ask the store whether a job goes on with what is stored, unless it is fresh.
local function adopt(scheduler, job, state, fresh)
  scheduler.scheduling[job.name] = true
  local ok, stored = pcall(scheduler.store.adopt, scheduler.store, job, state, fresh)
  scheduler.scheduling[job.name] = nil
  wake(scheduler.changes, math.huge)
  if not ok then error(stored, 0) end
  beginning.check_open(scheduler)
  return stored
end

-- Begin with a trigger, or go on with it. Returns the point to wait for, and what is stored.
local function begin(scheduler, job, trigger, fresh, is_new)
  local point = trigger:begin(scheduler.clock, job.last_fire_time)
  if is_new then job:reset() end
  local state = job:state_with(trigger, point)
  local stored = adopt(scheduler, job, state, fresh)
  if not stored then return point, state end
  job:restore(stored)
  return due.continue(scheduler, trigger, stored), stored
end

-- `known` is what the store knows of the job with this trigger.
local function set_trigger(scheduler, job, trigger, point, known)
  if job.trigger then
    overlap.drop(scheduler, job)
    scheduler.clock:remove(job)
  end
  job.trigger = trigger
  scheduler.jobs[job.name] = job
  due.await(scheduler, job, not job.cancelled and point or nil)
  if job.cancelled ~= known.cancelled or job.paused ~= known.paused then scheduler.writer:save(job) end
end

--- Begin with a job, or take the place of one. Other nodes may be about to do the same with the job (`together`): the
-- first of them begins, the others go on with that.
-- @tparam table scheduler
-- @tparam string name
-- @tparam function fn
-- @tparam table trigger
-- @tparam table options
-- @tparam ?boolean together
-- @raise `ValueError`; `RuntimeError`; what the store raises
function beginning.add(scheduler, name, fn, trigger, options, together)
  local job, is_known = claim_name(scheduler, name, options.replace)
  local is_over = job:is_over()
  local is_fresh = is_known and (is_over and not job.superseded or not together)
  local point, known = begin(scheduler, job, trigger, is_fresh, is_over)
  job.superseded = nil
  job.fn, job.options = fn, options
  set_trigger(scheduler, job, trigger, point, known)
end

--- Let a job run at other times.
-- @tparam table scheduler
-- @tparam table job
-- @tparam table trigger
-- @raise `ValueError`; `RuntimeError`; what the store raises
function beginning.move(scheduler, job, trigger)
  local point, known = begin(scheduler, job, trigger, true, false)
  set_trigger(scheduler, job, trigger, point, known)
end

return beginning
