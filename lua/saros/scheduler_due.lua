--- What a scheduler does when a job is due: which of the runs that are due by now are to begin.
-- @module saros.scheduler_due
-- @local

local missed = require "saros.scheduler_missed"
local overlap = require "saros.scheduler_overlap"

local scheduler_due = {}

--- Let a job wait for a point.
-- @tparam table scheduler
-- @tparam table job
-- @param point nil for none
function scheduler_due.await(scheduler, job, point)
  job.point, job.due = point, nil
  if point == nil or job.paused or scheduler.stopping then return scheduler.clock:remove(job) end
  local jitter = job.options.jitter
  job.due = job.trigger:due(point)
  if jitter > 0 then job.due = job.due + jitter * math.random() end
  scheduler.clock:set(job, job.due)
end

--- Go on with what is stored of a trigger that has begun.
-- @tparam table scheduler
-- @tparam table trigger
-- @tparam table state
-- @return the point to wait for, nil for none
function scheduler_due.continue(scheduler, trigger, state)
  local point = trigger:continue(scheduler.clock, state.anchor, state.next_fire_time or state.anchor)
  return state.next_fire_time and point
end

-- The first point from now on; but what runs only once was just held back.
local function point_after_pause(scheduler, job)
  local trigger, point = job.trigger, job.point
  if point == nil or not trigger.repeats then return point end
  local now = scheduler.clock:now(trigger)
  local last, following = trigger:latest(point, now)
  return trigger:due(last) <= now and following or point
end

--- Begin no runs of a job any more, until it goes on.
-- @tparam table scheduler
-- @tparam table job
function scheduler_due.pause(scheduler, job)
  job.paused = true
  scheduler_due.await(scheduler, job, job.point)
  scheduler.writer:save(job)
end

--- Let a job that is not paused any more go on.
-- @tparam table scheduler
-- @tparam table job
function scheduler_due.resume(scheduler, job)
  scheduler_due.await(scheduler, job, point_after_pause(scheduler, job))
  overlap.advance(scheduler, job)
end

-- Leave out what is too late by now; the first point that is not, nil if all are.
local function drop_late(scheduler, job, first, last, now)
  local trigger, limit = job.trigger, overlap.limit(job, now)
  if trigger:due(first) >= limit then return first end
  local late, following = trigger:latest(first, limit)
  -- What is due at the limit itself is in time.
  local count = trigger:count(first, late)
  if trigger:due(late) >= limit then count, following = count - 1, late end
  missed.note(scheduler, job, trigger:fire_time(first), count)
  return trigger:due(last) >= limit and following or nil
end

--- The job is due. Several of its runs may be, if the loop was held, the program did not run, or the
-- wall clock was set forward.
-- @tparam table scheduler
-- @tparam table job
-- @tparam number now by the clock of its trigger
function scheduler_due.fire(scheduler, job, now)
  local trigger, first = job.trigger, job.point
  -- What might have come later by its jitter is not overdue.
  local last, following = trigger:latest(first, now - job.options.jitter)
  scheduler_due.await(scheduler, job, following)
  first = drop_late(scheduler, job, first, last, now)
  if first == nil then return end
  if first ~= last and job.options.coalesce == "latest" then
    missed.note(scheduler, job, trigger:fire_time(first), trigger:count(first, last) - 1)
    first = last
  end
  overlap.offer(scheduler, job, {first = first, last = last})
end

return scheduler_due
