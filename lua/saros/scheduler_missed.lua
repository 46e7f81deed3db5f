--- Runs of a scheduler's jobs that did not begin because they would have been late.
-- @module saros.scheduler_missed
-- @local

local scheduler_missed = {}

--- Note some, that follow each other.
-- @tparam table scheduler
-- @tparam table job
-- @tparam number fire_time of the first of them
-- @tparam integer count how many
function scheduler_missed.note(scheduler, job, fire_time, count)
  job.misses = job.misses + count
  job.missed_since = math.min(job.missed_since or fire_time, fire_time)
  scheduler.events:emit("missed", job.name, fire_time, {count = count})
  scheduler.writer:save(job)
end

return scheduler_missed
