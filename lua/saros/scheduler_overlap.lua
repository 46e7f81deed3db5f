--- What a job does about a run whose turn comes while another one of it is in progress.
-- @module saros.scheduler_overlap
-- @local

local Run = require "saros.scheduler_run"
local missed = require "saros.scheduler_missed"

local overlap = {}

-- ---- what waits ----

-- An entry is a range of points, a run that was asked for, or one that is to be run again. A job that
-- is slower than its interval queues points that follow each other, so however many they are, they are
-- one range.
local function push(job, entry)
  local queue = job.queue
  local tail = queue[#queue]
  if tail and tail.first and entry.first and job.trigger:next(tail.last) == entry.first then
    tail.last = entry.last
  else
    queue[#queue + 1] = entry
  end
end

-- Which entry is the next to begin, nil if none is. Who asks for a run of a job that is paused wants it.
local function find_next(job)
  for i, entry in ipairs(job.queue) do
    if entry.manual or not job.paused then return i end
  end
end

-- Take a run out of the queue: its point, or the entry of one that has none.
local function take(job, place)
  local entry = job.queue[place]
  if not entry.first or entry.first == entry.last then
    table.remove(job.queue, place)
    return entry.first, entry
  end
  local point = entry.first
  entry.first = job.trigger:next(point)
  return point, entry
end

-- The fire time of the first run of an entry, and how many runs it is.
local function extent(job, entry)
  if not entry.first then return entry.fire_time, 1 end
  return job.trigger:fire_time(entry.first), job.trigger:count(entry.first, entry.last)
end

local function skip(scheduler, job, fire_time, count)
  scheduler.events:emit("skipped", job.name, fire_time, {count = count})
  scheduler.writer:save(job)
end

--- Let go of what waits.
-- @tparam table scheduler
-- @tparam table job
function overlap.drop(scheduler, job)
  local queue = job.queue
  job.queue = {}
  for _, entry in ipairs(queue) do
    -- What is to be run again comes again.
    if not entry.recovery then skip(scheduler, job, extent(job, entry)) end
  end
end

-- ---- what is too late ----

--- The time by a trigger's clock before which what was due may not begin any more.
-- @tparam table job
-- @tparam number now by the clock of its trigger
-- @treturn number
function overlap.limit(job, now)
  local options = job.options
  return options.grace and now - options.grace - options.jitter or -math.huge
end

-- ---- whose turn it is ----

-- The place of what may begin now.
local function find_startable(scheduler, job)
  if scheduler.stopping or job.running > 0 and job.options.overlap ~= "allow" then return nil end
  return find_next(job)
end

--- Whether a run would not have to wait for another one.
-- @tparam table job
-- @treturn boolean
function overlap.is_free(job)
  return job.running == 0 and find_next(job) == nil
end

--- Begin what waits, as far as it may.
-- @tparam table scheduler
-- @tparam table job
function overlap.advance(scheduler, job)
  local place = find_startable(scheduler, job)
  while place do
    local point, entry = take(job, place)
    if not point then
      Run.start(scheduler, job, entry.fire_time, entry)
    elseif job.trigger:due(point) < overlap.limit(job, scheduler.clock:now(job.trigger)) then
      missed.note(scheduler, job, job.trigger:fire_time(point), 1)
    else
      Run.start(scheduler, job, job.trigger:fire_time(point), {point = point})
    end
    place = find_startable(scheduler, job)
  end
end

local policies = {queue = function(_, job, entry) push(job, entry) end}

-- What was missed and is made up for, one after the other, is not skipped because of its own beginning.
function policies.skip(scheduler, job, entry)
  if entry.first == entry.last then
    skip(scheduler, job, extent(job, entry))
  else
    push(job, entry)
  end
end

-- The last one wins. It waits for the end of the one that it replaces, which may have to clean up.
function policies.replace(scheduler, job, entry)
  overlap.drop(scheduler, job)
  local fire_time, count = extent(job, entry)
  if count > 1 then skip(scheduler, job, fire_time, count - 1) end
  push(job, {first = entry.last, last = entry.last, fire_time = entry.fire_time, manual = entry.manual})
  for _, run in ipairs(job:active_runs()) do
    if not run.cancel_requested then run:cancel() end
  end
end

--- The turn of a run has come.
-- @tparam table scheduler
-- @tparam table job
-- @tparam table entry a range of points, `{first=, last=}`, or `{fire_time=, manual=true}` of a run that was
-- asked for
function overlap.offer(scheduler, job, entry)
  local policy = job.options.overlap
  if policy == "allow" or overlap.is_free(job) then
    push(job, entry)
    overlap.advance(scheduler, job)
  else
    policies[policy](scheduler, job, entry)
  end
end

local function is_same(entry, fire_time, recovery)
  return entry.recovery == recovery and entry.fire_time == fire_time
end

--- A run that was lost is to be run again: whatever is in progress, it is not left out.
-- @tparam table scheduler
-- @tparam table job
-- @tparam number fire_time
-- @tparam integer recovery for the how many-th time
function overlap.recover(scheduler, job, fire_time, recovery)
  for _, entry in ipairs(job.queue) do
    if is_same(entry, fire_time, recovery) then return end
  end
  for run in pairs(job.active) do
    if is_same(run, fire_time, recovery) then return end
  end
  table.insert(job.queue, 1, {fire_time = fire_time, recovery = recovery})
  overlap.advance(scheduler, job)
end

return overlap
