--- What a database store can be asked for, in SQL: in its thread, inside a transaction.
--
-- Transactions follow each other, whichever process or machine they come from, so each sees what the
-- ones before have left. And each may be performed a second time, when nobody knows whether the first
-- was: what it did is then found done.
--
-- Times are whole microseconds, so that a time is the same number wherever it is compared.
--
-- saros_jobs has the state of each job; `change` is the number of the transaction that changed it last;
-- of what is at `trimmed` or before it, no runs are kept.
-- saros_runs has a row for each run, and one more for each time that it is run again because the node
-- that ran it died, its `recovery`. `claimant` and `claim` tell whose it is: a process, and which of its
-- claims. `outcome` is null while it is in progress, which its node says until
-- `lease_until`; `recover`: see below; `cancel`: another node asks for its end.
-- saros_store has one row: the version of these tables, the last token, and the last change.
-- @module saros.sql_operations
-- @local

local VERSION = 1

-- The values of `recover`: a lost run stays lost; is to be run again; has been claimed again.
local STAYS_LOST, TO_RECOVER, RECOVERED = 0, 1, 2

-- Old runs are dropped when there are more by this part of those that are kept.
local TRIM_PART = 10

-- Which runs may have ended well although they were taken for lost.
local WAS_NOT_LOST = ("outcome = 'lost' AND recover <> %d"):format(RECOVERED)

-- Outcomes that count as failures.
local IS_FAILURE = {failed = true, lost = true}

-- Microseconds by which a run may be claimed before its time, as no two clocks agree entirely.
local EARLY = 50000

local TABLES = {
  [[CREATE TABLE IF NOT EXISTS saros_store (
    version BIGINT NOT NULL, token BIGINT NOT NULL, change BIGINT NOT NULL)]],
  [[CREATE TABLE IF NOT EXISTS saros_jobs (
    name TEXT PRIMARY KEY, schedule TEXT NOT NULL, anchor BIGINT NOT NULL, next_fire_time BIGINT,
    paused INTEGER NOT NULL, cancelled INTEGER NOT NULL, runs BIGINT NOT NULL, failures BIGINT NOT NULL,
    misses BIGINT NOT NULL, last_run_at BIGINT, last_duration DOUBLE PRECISION, last_error TEXT,
    trimmed BIGINT, change BIGINT NOT NULL)]],
  "CREATE INDEX IF NOT EXISTS saros_jobs_change ON saros_jobs (change)",
  [[CREATE TABLE IF NOT EXISTS saros_runs (
    name TEXT NOT NULL, fire_time BIGINT NOT NULL, recovery INTEGER NOT NULL, token BIGINT NOT NULL UNIQUE,
    node TEXT NOT NULL, claimant TEXT NOT NULL, claim BIGINT NOT NULL, started_at BIGINT NOT NULL,
    lease_until BIGINT, outcome TEXT, attempts BIGINT, duration DOUBLE PRECISION, error TEXT,
    recover INTEGER NOT NULL, cancel INTEGER NOT NULL,
    PRIMARY KEY (name, fire_time, recovery))]],
  "CREATE INDEX IF NOT EXISTS saros_runs_open ON saros_runs (name) WHERE outcome IS NULL",
  [[CREATE INDEX IF NOT EXISTS saros_runs_lost ON saros_runs (name)
    WHERE outcome = 'lost' AND recover = 1]],
  "CREATE INDEX IF NOT EXISTS saros_runs_newest ON saros_runs (name, token)",
}

local operations = {}

-- ---- transactions ----

--- Make the tables, or see whether they are those that are known.
-- @tparam table database
-- @raise the database's text
function operations.create_tables(database)
  for _, statement in ipairs(TABLES) do database:execute(statement) end
  local store = database:row("SELECT version FROM saros_store")
  if not store then
    database:execute("INSERT INTO saros_store (version, token, change) VALUES (?, 0, 0)", VERSION)
  elseif store.version ~= VERSION then
    error(("its tables are of version %d, this program knows version %d"):format(store.version, VERSION), 0)
  end
end

--- Begin.
-- @tparam table database in a transaction
-- @tparam integer now
-- @treturn table what is passed to the operations
-- @raise the database's text
function operations.begin(database, now)
  local store = database:row("SELECT token, change FROM saros_store")
  if not store then error("its tables are empty", 0) end
  return {database = database, now = now, token = store.token, last_change = store.change, changed = false}
end

--- Write what is counted.
-- @tparam table transaction
-- @raise the database's text
function operations.finish(transaction)
  if not transaction.changed then return end
  transaction.database:execute("UPDATE saros_store SET token = ?, change = ?", transaction.token,
    transaction.last_change + 1)
end

-- The number of this transaction, for the rows of saros_jobs that it changes.
local function change(transaction)
  transaction.changed = true
  return transaction.last_change + 1
end

local function next_token(transaction)
  transaction.changed = true
  transaction.token = transaction.token + 1
  return transaction.token
end

-- ---- jobs ----

local function find_job(transaction, name)
  return transaction.database:row("SELECT * FROM saros_jobs WHERE name = ?", name)
end

-- Whether a node's job is the one in the database: another node may have given it another schedule.
local function is_same(row, state)
  return row.schedule == state.schedule and row.anchor == state.anchor
end

--- Begin with a job, or go on with what is stored of it.
-- @tparam table transaction
-- @tparam table operation `name`, `state`, and `fresh` if it begins whatever is stored
-- @treturn ?table the row to go on with, nil to begin
function operations.adopt(transaction, operation)
  local name, state = operation.name, operation.state
  local row = find_job(transaction, name)
  if row and not operation.fresh and row.cancelled == 0 and row.schedule == state.schedule then return row end
  local database = transaction.database
  if not row then
    database:execute([[INSERT INTO saros_jobs
      (name, schedule, anchor, paused, cancelled, runs, failures, misses, change) VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0)]],
      name, state.schedule, state.anchor)
  end
  database:execute([[UPDATE saros_jobs SET schedule = ?, anchor = ?, next_fire_time = ?, paused = ?, cancelled = 0,
      runs = ?, failures = ?, misses = ?, last_run_at = ?, last_duration = ?, last_error = ?, change = ?
      WHERE name = ?]],
    state.schedule, state.anchor, state.next_fire_time, state.paused, state.runs, state.failures, state.misses,
    state.last_run_at, state.last_duration, state.last_error, change(transaction), name)
end

-- The row of a job, and whether it is a new one. Where there was none, somebody has made the database anew, and the
-- job goes on with what its node knows of it.
local function need_job(transaction, operation)
  local row = find_job(transaction, operation.name)
  if row then return row, false end
  operations.adopt(transaction, operation)
  return find_job(transaction, operation.name), true
end

-- The later of two next fire times; nil, that there is none, is the latest.
local function later(a, b)
  if a == nil or b == nil then return nil end
  return math.max(a, b)
end

--- Keep how far a job has come. Whatever a node does not change, `paused` and `cancelled`, it leaves nil.
-- @tparam table transaction
-- @tparam table operation `name`, `state`, `paused`, `cancelled`; and `missed`, how many runs since `missed_since`
function operations.save(transaction, operation)
  local row, is_new = need_job(transaction, operation)
  if not is_same(row, operation.state) then return end
  local misses = row.misses
  -- Every node misses the same runs. Who tells first has moved what is next.
  if not is_new and operation.missed > 0 and row.next_fire_time and row.next_fire_time <= operation.missed_since then
    misses = misses + operation.missed
  end
  local paused, cancelled = operation.paused, operation.cancelled
  if paused == nil then paused = row.paused end
  if cancelled == nil then cancelled = row.cancelled end
  transaction.database:execute(
    "UPDATE saros_jobs SET next_fire_time = ?, paused = ?, cancelled = ?, misses = ?, change = ? WHERE name = ?",
    later(row.next_fire_time, operation.state.next_fire_time), paused, cancelled, misses, change(transaction),
    operation.name)
end

--- Ask other nodes for the end of their runs of a job.
-- @tparam table transaction
-- @tparam table operation `name`, and `claimant`, who asks
-- @treturn boolean whether there are any
function operations.cancel_runs(transaction, operation)
  return transaction.database:execute(
    "UPDATE saros_runs SET cancel = 1 WHERE name = ? AND outcome IS NULL AND claimant <> ?", operation.name,
    operation.claimant) > 0
end

-- ---- runs ----

local RUN = "SELECT * FROM saros_runs WHERE name = ? AND fire_time = ? AND recovery = ?"

-- Why a run cannot be claimed now, and for how many microseconds; nil if it can.
local function refusal(transaction, operation, row)
  if not is_same(row, operation.state) then return "superseded" end
  if row.cancelled ~= 0 then return "cancelled" end
  if operation.manual then return nil end
  if row.paused ~= 0 then return "paused" end
  if operation.recovery == 0 and row.trimmed and operation.fire_time <= row.trimmed then return "taken" end
  local earliest, latest, now = operation.earliest, operation.latest, transaction.now
  if earliest and earliest > now + EARLY then return "early", earliest - now end
  if latest and now > latest then return "late" end
end

-- Whether another claimant runs the job. Its node decides then what is done about further runs.
local function is_busy(transaction, operation)
  if operation.allow then return false end
  return transaction.database:row(
    "SELECT token FROM saros_runs WHERE name = ? AND outcome IS NULL AND claimant <> ? LIMIT 1",
    operation.name, operation.claimant) ~= nil
end

local function insert_run(transaction, operation)
  local token, now = next_token(transaction), transaction.now
  transaction.database:execute([[INSERT INTO saros_runs (name, fire_time, recovery, token, node, claimant, claim,
      started_at, lease_until, recover, cancel) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)]],
    operation.name, operation.fire_time, operation.recovery, token, operation.node, operation.claimant,
    operation.claim, now, now + operation.lease, operation.recover and TO_RECOVER or STAYS_LOST)
  return token
end

-- Whether the run that is to be run again is still lost: its node may have been late, and told how it ended.
local function is_still_lost(transaction, operation)
  local run = transaction.database:row(RUN, operation.name, operation.fire_time, operation.recovery - 1)
  return run ~= nil and run.outcome == "lost" and run.recover == TO_RECOVER
end

-- Of what was lost, this is the one run that takes its place.
local function note_recovered(transaction, operation)
  transaction.database:execute("UPDATE saros_runs SET recover = ? WHERE name = ? AND fire_time = ? AND recovery = ?",
    RECOVERED, operation.name, operation.fire_time, operation.recovery - 1)
end

--- Claim a run. Of all claims of a job, a fire time and a recovery one succeeds.
-- @tparam table transaction
-- @tparam table operation `name` `fire_time` `recovery` `node` `claimant` `claim` `lease` `state`; `earliest` and
-- `latest`, the first and last times at which it may begin; and whether it is `manual`, its runs may overlap (`allow`),
-- or are to be run again when they are lost (`recover`)
-- @treturn table with `token` and `started_at`, or with the `reason` why not, and for how long (`wait`)
function operations.claim(transaction, operation)
  local database, name = transaction.database, operation.name
  local taken = database:row(RUN, name, operation.fire_time, operation.recovery)
  if taken and taken.claimant == operation.claimant and taken.claim == operation.claim then
    return {token = taken.token, started_at = taken.started_at}
  end
  local row = need_job(transaction, operation)
  local reason, wait = refusal(transaction, operation, row)
  if reason then return {reason = reason, wait = wait} end
  if taken or operation.recovery > 0 and not is_still_lost(transaction, operation) then return {reason = "taken"} end
  if is_busy(transaction, operation) then return {reason = "busy"} end
  local token = insert_run(transaction, operation)
  database:execute(
    "UPDATE saros_jobs SET runs = runs + 1, last_run_at = ?, next_fire_time = ?, change = ? WHERE name = ?",
    transaction.now, later(row.next_fire_time, operation.state.next_fire_time), change(transaction), name)
  if operation.recovery > 0 then note_recovered(transaction, operation) end
  return {token = token, started_at = transaction.now}
end

-- Drop runs that ended long ago, but for those from the next fire time on: nothing is known of what
-- comes between them. Those that are kept have to be counted for it, so it is done now and then.
local function trim(transaction, operation, row)
  if row.runs % math.max(1, operation.history // TRIM_PART) ~= 0 then return end
  local database, name = transaction.database, operation.name
  local oldest = database:row(
    "SELECT fire_time FROM saros_runs WHERE name = ? ORDER BY fire_time DESC LIMIT 1 OFFSET ?", name, operation.history)
  if not oldest then return end
  local last = oldest.fire_time
  if row.next_fire_time then last = math.min(last, row.next_fire_time - 1) end
  local dropped = database:execute([[DELETE FROM saros_runs WHERE name = ? AND fire_time <= ? AND outcome IS NOT NULL
      AND NOT (outcome = 'lost' AND recover = 1)]], name, last)
  if dropped == 0 then return end
  database:execute("UPDATE saros_jobs SET trimmed = ? WHERE name = ?", math.max(last, row.trimmed or last), name)
end

-- Write how a run ended, if it is in the state that is expected; whether it was.
local function end_run(transaction, operation, expected)
  return transaction.database:execute("UPDATE saros_runs SET outcome = ?, duration = ?, attempts = ?, error = ?, "
      .. "lease_until = NULL WHERE token = ? AND " .. expected,
    operation.outcome, operation.duration, operation.attempts, operation.error, operation.token) > 0
end

-- Write how a run ended. By how many the failures are more then; nil if it had ended before.
local function count_failures(transaction, operation)
  local count = IS_FAILURE[operation.outcome] and 1 or 0
  if end_run(transaction, operation, "outcome IS NULL") then return count end
  if operation.outcome == "lost" then return nil end
  -- That it was lost was counted, and was wrong.
  return end_run(transaction, operation, WAS_NOT_LOST) and count - 1 or nil
end

--- End a run. One that was taken for lost is known better now, unless it was run again.
-- @tparam table transaction
-- @tparam table operation `name` `token` `outcome` `duration` `attempts` `error`, `state`, and how many runs to keep
-- (`history`)
function operations.finish_run(transaction, operation)
  local database, name = transaction.database, operation.name
  local failures = count_failures(transaction, operation)
  local row = find_job(transaction, name)
  if not failures or not row then return end
  local next_fire_time = row.next_fire_time
  if is_same(row, operation.state) then next_fire_time = later(next_fire_time, operation.state.next_fire_time) end
  database:execute([[UPDATE saros_jobs SET last_duration = ?, last_error = ?, failures = failures + ?,
      next_fire_time = ?, change = ? WHERE name = ?]],
    operation.duration, operation.error, failures, next_fire_time, change(transaction), name)
  trim(transaction, operation, row)
end

-- ---- leases ----

-- A list for IN (...).
local function list(tokens)
  local texts = {}
  for i, token in ipairs(tokens) do texts[i] = ("%d"):format(token) end
  return table.concat(texts, ", ")
end

-- Which of the runs are not the claimant's any more, or are to be cancelled.
local function renew_leases(transaction, operation)
  if #operation.tokens == 0 then return {} end
  local tokens, database = list(operation.tokens), transaction.database
  database:execute(("UPDATE saros_runs SET lease_until = ? WHERE token IN (%s) AND outcome IS NULL"):format(tokens),
    transaction.now + operation.lease)
  return database:rows(("SELECT token, outcome, recover, cancel FROM saros_runs WHERE token IN (%s) "
    .. "AND (outcome IS NOT NULL OR cancel = 1)"):format(tokens))
end

local function mark_lost(transaction, run)
  local problem = ("the node '%s' ended during the run"):format(run.node)
  transaction.database:execute(
    "UPDATE saros_runs SET outcome = 'lost', error = ?, lease_until = NULL WHERE token = ?", problem, run.token)
  transaction.database:execute(
    "UPDATE saros_jobs SET failures = failures + 1, last_error = ?, change = ? WHERE name = ?", problem,
    change(transaction), run.name)
end

--- Mark the runs of claimants that have ended as lost.
-- @tparam table transaction
-- @tparam fun(claimant:string):boolean is_gone
-- @treturn {table,...} the rows of these runs
function operations.bury(transaction, is_gone)
  local lost = {}
  for _, run in ipairs(transaction.database:rows(
    "SELECT name, fire_time, token, node, claimant FROM saros_runs WHERE outcome IS NULL")) do
    if is_gone(run.claimant) then
      mark_lost(transaction, run)
      lost[#lost + 1] = run
    end
  end
  return lost
end

--- Renew the leases of runs, see whose are over, and what others have changed.
-- @tparam table transaction
-- @tparam table operation `tokens` of the runs, `lease`, and the last `change` that was seen
-- @treturn table lists of rows: `own`, runs that were lost or are to be cancelled; `lost`, runs of others; `recover`,
-- what may be run again; `jobs`, those that have changed; and the last `change`
function operations.renew(transaction, operation)
  local database = transaction.database
  local own = renew_leases(transaction, operation)
  local lost = database:rows(
    "SELECT name, fire_time, token, node FROM saros_runs WHERE outcome IS NULL AND lease_until < ?", transaction.now)
  for _, run in ipairs(lost) do mark_lost(transaction, run) end
  return {
    own = own,
    lost = lost,
    recover = database:rows(
      "SELECT name, fire_time, recovery FROM saros_runs WHERE outcome = 'lost' AND recover = 1 ORDER BY token"),
    jobs = database:rows("SELECT * FROM saros_jobs WHERE change > ?", operation.change),
    change = transaction.last_change + (transaction.changed and 1 or 0),
  }
end

-- ---- what can be seen ----

--- The last runs of a job.
-- @tparam table transaction
-- @tparam table operation `name`, and how many at most (`count`)
-- @treturn {table,...} rows, the newest first
function operations.history(transaction, operation)
  return transaction.database:rows("SELECT * FROM saros_runs WHERE name = ? ORDER BY token DESC LIMIT ?",
    operation.name, operation.count)
end

return operations
