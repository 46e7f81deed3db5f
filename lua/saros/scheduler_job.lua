--- A job of a scheduler: a name, a function, and when it runs.
-- @module saros.scheduler_job
-- @local

-- A job is one object as long as its name is known, so that the runs of what it was before count as
-- its own.
--
-- point: the trigger's next point, nil when there is none; due: when that is, with jitter;
-- last_fire_time: of the run that began last;
-- active[run] = true while a run is in progress, `running` counts them;
-- queue: what waits for its turn, in order: ranges of points {first=, last=}; {fire_time=, manual=true} of
-- run_now; {fire_time=, recovery=} of what was lost and is to be run again.
-- missed_since: the first fire time that was missed since the state was stored;
-- superseded: another node has the job with another trigger.
--
-- What most jobs have in common is in the class, as there may be many jobs.
local Job = {cancelled = false, paused = false, runs = 0, failures = 0, misses = 0}
Job.__index = Job

local COUNTERS = {"runs", "failures", "misses"}
local LAST = {"last_run_at", "last_duration", "last_error"}

--- Make a job that has no function yet.
-- @tparam string name
-- @tparam integer number larger than those of the jobs that come before it
-- @treturn table
function Job.new(name, number)
  return setmetatable({name = name, number = number, active = {}, running = 0, queue = {}}, Job)
end

--- Forget what it was, but not what runs.
function Job:reset()
  self.cancelled, self.paused = nil, nil
  self.queue = {}
  for _, name in ipairs(COUNTERS) do self[name] = nil end
  for _, name in ipairs(LAST) do self[name] = nil end
end

--- Go on with what was counted before a restart, or by other nodes.
-- @tparam table state
function Job:restore(state)
  self.paused = state.paused
  for _, name in ipairs(COUNTERS) do self[name] = state[name] end
  for _, name in ipairs(LAST) do self[name] = state[name] end
end

--- Whether it never runs again by itself: its name is free.
-- @treturn boolean
function Job:is_over()
  if self.cancelled then return true end
  return self.point == nil and self.running == 0 and #self.queue == 0
end

--- The runs that are in progress, in the order in which they began.
-- @treturn {table,...}
function Job:active_runs()
  local list = {}
  for run in pairs(self.active) do list[#list + 1] = run end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

local function earlier(a, b)
  if a and b then return math.min(a, b) end
  return a or b
end

-- The fire time from which on nothing has begun for good: what is due next, or what waits, or what has
-- not been claimed yet. After a crash the job goes on from there.
local function next_fire_time(self, claiming)
  local trigger, first = self.trigger, nil
  for _, range in ipairs(self.queue) do
    if range.first then first = earlier(first, trigger:fire_time(range.first)) end
  end
  for run in pairs(self.active) do
    if run.record ~= claiming and not run.token and run.point then first = earlier(first, run.fire_time) end
  end
  return first or self.point and trigger:fire_time(self.point)
end

local function make_state(self, trigger, fire_time)
  local state = {
    trigger = trigger:signature(),
    anchor = trigger.anchor,
    next_fire_time = fire_time,
    cancelled = self.cancelled,
    paused = self.paused,
  }
  for _, name in ipairs(COUNTERS) do state[name] = self[name] end
  for _, name in ipairs(LAST) do state[name] = self[name] end
  return state
end

--- What a store keeps.
-- @tparam ?table claiming what a store was given of the run that it claims
-- @treturn table
function Job:state(claiming)
  return make_state(self, self.trigger, not self.cancelled and next_fire_time(self, claiming) or nil)
end

--- What a store would keep if the job had a trigger.
-- @tparam table trigger that has begun
-- @param point its first
-- @treturn table
function Job:state_with(trigger, point)
  return make_state(self, trigger, trigger:fire_time(point))
end

-- When it runs next, by the loop's clock and by the wall clock.
local function next_run(self, clock)
  if not self.due then return nil, nil end
  if self.trigger.clock == "loop" then
    return self.due, clock:wall_time() + (self.due - clock:time())
  end
  return clock:time() + (self.due - clock:wall_time()), self.due
end

--- What a user sees.
-- @tparam table clock the scheduler's
-- @treturn table
function Job:status(clock)
  local when, at = next_run(self, clock)
  local status = {
    next_run = when,
    next_run_at = at,
    interval = self.trigger.interval,
    expression = self.trigger.expression,
    cancelled = self.cancelled,
    paused = self.paused,
    running = self.running > 0,
  }
  for _, name in ipairs(COUNTERS) do status[name] = self[name] end
  for _, name in ipairs(LAST) do status[name] = self[name] end
  return status
end

return Job
