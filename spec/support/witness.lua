--- The judge of what the jobs of `spec.support.witness_jobs` have done: what a store says of each run is compared
-- with what the runs themselves have written, and with when they were to run.

local MICROSECONDS = 1e6

-- Microseconds by which a run may begin before its time.
local EARLY = 50000

-- At most as many complaints: one mistake leads to many.
local MOST = 20

local witness = {}

--- Read a witness file.
-- @tparam string path
-- @treturn {table,...} `event`, `"begin"` or `"end"`, `name` `fire_time` (microseconds) `token` `node`
function witness.read(path)
  local lines = {}
  for line in io.lines(path) do
    local event, name, fire_time, token, node = line:match("^(%l+) (%S+) (%d+) (%d+) (%S+)$")
    assert(event, "no line of a witness: " .. line)
    lines[#lines + 1] = {
      event = event, name = name, fire_time = math.tointeger(fire_time), token = math.tointeger(token), node = node,
    }
  end
  return lines
end

-- ---- when a job was to run ----

local function micros(seconds)
  return math.floor(seconds * MICROSECONDS + 0.5)
end

-- All fire times before the one that is next, by the schedule that is stored.
local function expected_fire_times(job)
  local first, interval = job.anchor / MICROSECONDS, tonumber(job.schedule:match("^every (%S+) s"))
  if job.schedule:find("^once") then return { job.anchor } end
  if job.schedule:find("^cron @every_second") then first, interval = math.floor(first) + 1, 1 end
  local list, n = {}, 0
  while micros(first + n * interval) < job.next_fire_time do
    list[#list + 1] = micros(first + n * interval)
    n = n + 1
  end
  return list
end

-- ---- one run ----

local function count_lines(lines)
  local counts = { begin = {}, ["end"] = {} }
  for _, line in ipairs(lines) do
    local of_event = counts[line.event]
    local key = ("%s %d %d"):format(line.name, line.fire_time, line.token)
    of_event[key] = (of_event[key] or 0) + 1
  end
  return counts
end

local function describe(run)
  return ("%s at %d, token %d"):format(run.name, run.fire_time, run.token)
end

-- What the lines say of a run, against its row.
local function judge_run(run, counts, complain)
  local key = ("%s %d %d"):format(run.name, run.fire_time, run.token)
  local begins, ends = counts.begin[key] or 0, counts["end"][key] or 0
  counts.begin[key], counts["end"][key] = nil, nil
  if begins > 1 or ends > 1 then complain("ran twice: " .. describe(run)) end
  if ends > begins then complain("ended without a beginning: " .. describe(run)) end
  if run.started_at < run.fire_time - EARLY then complain("began too early: " .. describe(run)) end
  if run.outcome == "lost" then return end
  if run.outcome ~= "finished" then complain(("is %s: %s"):format(run.outcome, describe(run))) end
  if begins == 0 then complain("did not run: " .. describe(run)) end
  if ends == 0 then complain("did not come to its end: " .. describe(run)) end
end

-- ---- one firing ----

-- The rows of a firing: the run, and each time that it was run again.
local function judge_firing(runs, recovers, complain)
  for i, run in ipairs(runs) do
    local previous = runs[i - 1]
    if run.recovery ~= i - 1 then complain("is not the next repetition: " .. describe(run)) end
    if previous and previous.outcome ~= "lost" then complain("ran again though it was not lost: " .. describe(run)) end
    if previous and previous.token >= run.token then complain("has no larger token: " .. describe(run)) end
  end
  local last = runs[#runs]
  if #runs > 1 and not recovers then complain("ran again: " .. describe(last)) end
  if recovers and last.outcome == "lost" then complain("was lost and did not run again: " .. describe(last)) end
end

local function by_firing(runs)
  local firings = {}
  for _, run in ipairs(runs) do
    local of_job = firings[run.name] or {}
    firings[run.name] = of_job
    of_job[run.fire_time] = of_job[run.fire_time] or {}
    table.insert(of_job[run.fire_time], run)
  end
  return firings
end

-- ---- one job ----

local function judge_job(job, rule, firings, complain)
  local expected = {}
  for _, fire_time in ipairs(expected_fire_times(job)) do
    expected[fire_time] = true
    if not firings[fire_time] and not rule.skips then
      complain(("has no row: %s at %d"):format(job.name, fire_time))
    end
  end
  for fire_time, runs in pairs(firings) do
    table.sort(runs, function(a, b) return a.recovery < b.recovery end)
    judge_firing(runs, rule.recovers, complain)
    -- What comes later may have been claimed before the one that is next.
    if not expected[fire_time] and not (job.next_fire_time and fire_time >= job.next_fire_time) then
      complain(("was not to run then: %s at %d"):format(job.name, fire_time))
    end
  end
end

-- Tokens are given in the order of the claims.
local function judge_order(runs, slack, complain)
  table.sort(runs, function(a, b) return a.token < b.token end)
  for i = 2, #runs do
    if runs[i].token == runs[i - 1].token then complain("has the token of another: " .. describe(runs[i])) end
    if runs[i].started_at + slack < runs[i - 1].started_at then
      complain("has a token out of order: " .. describe(runs[i]))
    end
  end
end

--- Judge, when nothing runs any more.
-- @tparam {table,...} jobs rows of saros_jobs
-- @tparam {table,...} runs rows of saros_runs
-- @tparam {table,...} lines of the witness
-- @tparam {[string]=table} rules by the name of a job, where it may be left out (`skips`), or is run again when it was
-- lost (`recovers`)
-- @tparam[opt=0] number slack how many seconds a claim may have waited for others after its time was taken
-- @treturn {string,...} complaints
function witness.judge(jobs, runs, lines, rules, slack)
  local complaints = {}
  local function complain(text)
    if #complaints < MOST then complaints[#complaints + 1] = text end
  end
  local counts, firings = count_lines(lines), by_firing(runs)
  for _, run in ipairs(runs) do judge_run(run, counts, complain) end
  for _, of_event in pairs(counts) do
    for key in pairs(of_event) do complain("ran without a row: " .. key) end
  end
  for _, job in ipairs(jobs) do judge_job(job, rules[job.name] or {}, firings[job.name] or {}, complain) end
  judge_order(runs, (slack or 0) * MICROSECONDS, complain)
  table.sort(complaints)
  return complaints
end

return witness
