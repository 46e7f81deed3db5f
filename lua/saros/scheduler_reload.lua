--- Changing a scheduler from one version of a jobs file to another, or to the first one.
-- @module saros.scheduler_reload
-- @local

local core = require "saros.core"
local due = require "saros.scheduler_due"
local TaskGroup = require "saros.task_group".TaskGroup

local scheduler_reload = {}

-- Whether a job has the same trigger as in the version before. One that ran only once and is over, or
-- that somebody has paused or cancelled, stays so.
local function is_unchanged(scheduler, definition, former)
  return former ~= nil and former.signature == definition.signature and scheduler.jobs[definition.name] ~= nil
end

-- Functions of two versions are never the same, so whatever they are, the new ones take their place.
local function replace_in_place(scheduler, definition)
  local job = scheduler.jobs[definition.name]
  job.fn, job.options = definition.fn, definition.options
end

-- Whether the file leaves a job paused.
local function is_paused(definition)
  local paused = false
  for _, call in ipairs(definition.afterwards) do
    if call[1] ~= "run_now" then paused = call[1] == "pause" end
  end
  return paused
end

local function schedule(scheduler, definition)
  definition.options.replace = true
  scheduler:_add(definition.name, definition.fn, definition.trigger, definition.options, true)
  -- Before anything can suspend, as the job may be due at once.
  if is_paused(definition) then due.pause(scheduler, scheduler.jobs[definition.name]) end
end

-- A store in a database makes one transaction of what comes together, which matters when there are many jobs.
local function schedule_together(scheduler, definitions)
  local group <close> = TaskGroup()
  for _, definition in ipairs(definitions) do group:create_task(schedule, scheduler, definition) end
end

local function schedule_each(scheduler, definitions)
  for _, definition in ipairs(definitions) do schedule(scheduler, definition) end
end

local function schedule_all(scheduler, definitions)
  local ok, failure = pcall(scheduler.leases.is_shared and schedule_together or schedule_each, scheduler, definitions)
  if ok then return end
  local is_group = core.is_error(failure, core.errors.ExceptionGroup)
  error(is_group and failure.errors[1] or failure, 0)
end

local function call_afterwards(scheduler, definition)
  -- What somebody has cancelled stays so.
  if scheduler.jobs[definition.name].cancelled then return end
  for _, call in ipairs(definition.afterwards) do
    scheduler[call[1]](scheduler, definition.name, table.unpack(call, 2))
  end
end

local function cancel_gone(scheduler, plan, former)
  local count = 0
  for _, definition in ipairs(former.list) do
    if not plan.by_name[definition.name] and scheduler:cancel(definition.name) then count = count + 1 end
  end
  return count
end

--- Let a scheduler do what a plan says. It suspends where the store takes its time.
-- @tparam Scheduler scheduler
-- @tparam table plan a `saros.scheduler_plan`
-- @tparam ?table former the plan before it
-- @treturn table how many jobs were `added`, `rescheduled`, `unchanged` and `cancelled`
-- @raise what the scheduler raises
function scheduler_reload.apply(scheduler, plan, former)
  former = former or {list = {}, by_name = {}}
  local counts = {added = 0, rescheduled = 0, unchanged = 0, cancelled = 0}
  if former.stop_listening then former:stop_listening() end
  plan:start_listening()
  counts.cancelled = cancel_gone(scheduler, plan, former)
  local changed = {}
  for _, definition in ipairs(plan.list) do
    local before, kind = former.by_name[definition.name], "unchanged"
    if is_unchanged(scheduler, definition, before) then
      replace_in_place(scheduler, definition)
    else
      changed[#changed + 1] = definition
      kind = before and "rescheduled" or "added"
    end
    counts[kind] = counts[kind] + 1
  end
  schedule_all(scheduler, changed)
  for _, definition in ipairs(plan.list) do call_afterwards(scheduler, definition) end
  return counts
end

return scheduler_reload
