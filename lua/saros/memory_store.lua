--- The store of a scheduler that keeps everything in memory.
--
-- A store is an object with these methods. Each may suspend: the scheduler calls them in tasks, and
-- `save` for one job at a time. What they raise is reported, and ends a run that cannot be claimed.
--
-- - `adopt(job, state, fresh)`: a job named `job.name` is to begin with a state, a table of strings,
--   numbers and booleans. If it is not fresh, and what is stored by its name has the same `trigger` and is
--   not cancelled, that is returned, to go on with; else the state is kept. Of several nodes that begin
--   together one does, the others go on
-- - `save(job)`: keep the state of a job, which `job:state()` makes
-- - `claim(run, job, how)`: begin a run, `{fire_time=, node=, started_at=}`, and keep `job:state(run)`,
--   both or neither. `how` is a table: it may begin from `earliest` to `latest`, by the wall clock; it was
--   asked for (`manual`); it is the how many-th repetition of one that was lost (`recovery`). Of all claims
--   with the same name, fire time and recovery one succeeds and gets a token, a number that is larger than
--   those of the job's earlier runs. The others get nil and a reason: `"taken"`; `"early"`, and how many
--   seconds; `"late"`; `"busy"`: another node runs the job, and its runs must not overlap; `"paused"`
--   `"cancelled"` or `"superseded"`: another node has done that to the job
-- - `finish(run, job)`: the run has ended: what `claim` was given has `token` `outcome` `duration`
--   `attempts` and `error` as well; and keep `job:state()`. It is not given up when the task is cancelled
-- - `history(name, n)`: a list of the last `n` runs of a job, the newest first
-- - `close()`: nothing more will be asked for
--
-- One that cannot store every job has `check(name, anchor)`, which raises why not.
--
-- A store that several nodes share has more: `renew(is_changing)`, `has_changed(job)`, `cancel_runs(job)` and
-- `clock_offset()`, as in `saros.sql_store`.
-- @module saros.memory_store
-- @local

-- jobs[name]: a job whose state is asked for when its name comes again, as nothing is lost before.
-- runs[name]: the last runs of a job in the order in which they were claimed, and `newest`, the
-- latest of all fire times.
local MemoryStore = {}
MemoryStore.__index = MemoryStore

--- Make an empty store.
-- @tparam string _ what the program called it, `"memory"`
-- @tparam table options
-- @tparam integer options.history how many runs of a job to keep, not counting more that are in progress
-- @treturn table
function MemoryStore.open(_, options)
  return setmetatable({
    limit = options.history or 10,
    jobs = {},
    runs = {},
    last_token = 0,
  }, MemoryStore)
end

function MemoryStore:adopt(job, state, fresh)
  local known = self.jobs[job.name]
  self.jobs[job.name] = job
  if fresh or not (known and known.trigger) then return nil end
  local stored = known:state()
  if not stored.cancelled and stored.trigger == state.trigger then return stored end
end

function MemoryStore:save(job)
  self.jobs[job.name] = job
end

-- Only what is kept is looked at: the scheduler itself claims no fire time of a trigger twice.
local function is_claimed(runs, fire_time)
  if fire_time > runs.newest then return false end
  for i = #runs, 1, -1 do
    if runs[i].fire_time == fire_time then return true end
  end
  return false
end

-- Drop the oldest of the runs that have ended, when there are too many.
local function trim(self, runs)
  local i = 1
  while #runs > self.limit and i <= #runs do
    if not runs[i].outcome then i = i + 1 else table.remove(runs, i) end
  end
end

function MemoryStore:claim(run, job)
  local runs = self.runs[job.name]
  if not runs then
    runs = {newest = -math.huge}
    self.runs[job.name] = runs
  end
  if is_claimed(runs, run.fire_time) then return nil, "taken" end
  self.last_token = self.last_token + 1
  runs[#runs + 1] = run
  runs.newest = math.max(runs.newest, run.fire_time)
  trim(self, runs)
  self.jobs[job.name] = job
  return self.last_token
end

function MemoryStore:finish(_, job)
  self.jobs[job.name] = job
  trim(self, self.runs[job.name])
end

function MemoryStore:history(name, n)
  local runs, list = self.runs[name] or {}, {}
  for i = #runs, math.max(1, #runs - n + 1), -1 do
    local copy = {name = name}
    for key, value in pairs(runs[i]) do copy[key] = value end
    copy.outcome = copy.outcome or "running"
    list[#list + 1] = copy
  end
  return list
end

function MemoryStore:close()
end

return MemoryStore
