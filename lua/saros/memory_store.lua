--- The store of a scheduler that keeps everything in memory.
--
-- A store is an object with these methods. Each may suspend: the scheduler calls them in tasks, and
-- `save` for one job at a time. What they raise is reported, and ends a run that cannot be claimed.
--
-- - `load()`: the states that were saved, by the names of their jobs
-- - `save(name, state)`: keep the state of a job, a table of strings, numbers and booleans
-- - `claim(run, state)`: begin a run, `{name=, fire_time=, node=, started_at=}`, and keep the state of
--   its job, both or neither. Of all claims with the same name and fire time one succeeds and gets a
--   token, a number that is larger than those of the job's earlier runs; the others get nil
-- - `finish(token, result, state)`: the run has ended: `{outcome=, finished_at=, duration=, attempts=,
--   error=}`; and keep the state of its job
-- - `history(name, n)`: a list of the last `n` runs of a job, the newest first
-- - `close()`: nothing more will be asked for
-- @module saros.memory_store
-- @local

-- runs[name]: the last runs of a job in the order in which they were claimed, and `newest`, the
-- latest of all fire times. claimed[token]: a run that has not ended.
local MemoryStore = {}
MemoryStore.__index = MemoryStore

--- Make an empty store.
-- @tparam string _ what the program called it, `"memory"`
-- @tparam table options
-- @tparam integer options.history how many ended runs of a job to keep
-- @treturn table
function MemoryStore.open(_, options)
  return setmetatable({
    limit = options.history,
    states = {},
    runs = {},
    claimed = {},
    last_token = 0,
  }, MemoryStore)
end

function MemoryStore:load()
  local states = {}
  for name, state in pairs(self.states) do states[name] = state end
  return states
end

function MemoryStore:save(name, state)
  self.states[name] = state
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
    if runs[i].outcome == "running" then i = i + 1 else table.remove(runs, i) end
  end
end

function MemoryStore:claim(run, state)
  local runs = self.runs[run.name]
  if not runs then
    runs = {newest = -math.huge}
    self.runs[run.name] = runs
  end
  if is_claimed(runs, run.fire_time) then return nil end
  self.last_token = self.last_token + 1
  run.token, run.outcome = self.last_token, "running"
  runs[#runs + 1] = run
  runs.newest = math.max(runs.newest, run.fire_time)
  trim(self, runs)
  self.claimed[run.token] = run
  self.states[run.name] = state
  return run.token
end

function MemoryStore:finish(token, result, state)
  local run = self.claimed[token]
  self.states[run.name] = state
  self.claimed[token] = nil
  for key, value in pairs(result) do run[key] = value end
  trim(self, self.runs[run.name])
end

function MemoryStore:history(name, n)
  local runs, list = self.runs[name] or {}, {}
  for i = #runs, math.max(1, #runs - n + 1), -1 do
    local copy = {}
    for key, value in pairs(runs[i]) do copy[key] = value end
    list[#list + 1] = copy
  end
  return list
end

function MemoryStore:close()
end

return MemoryStore
