--- The store of a scheduler in a database: what `saros.memory_store` says of stores, by transactions
-- that are performed in a thread of the store's own.
--
-- Besides, what several nodes with one database need: the runs that a node has claimed are its own as
-- long as it renews their leases, and what other nodes have done is told by `renew`.
-- @module saros.sql_store
-- @local

local claimant = require "saros.claimant"
local core = require "saros.core"
local need_module = require "saros.need_module"
local StoreQueue = require "saros.store_queue"
local store_url = require "saros.store_url"

local ValueError = core.errors.ValueError

-- Seconds for which what is not written yet is tried again when the store is closed.
local CLOSE_TIME = 10

local MICROSECONDS = 1e6

-- Seconds since the epoch, or between two times, that a database's integers can hold.
local MOST_SECONDS = 9e12

-- Bytes of a name. PostgreSQL's indexes take some more, and it does not know that it refuses for good what is longer.
local LONGEST_NAME = 1000

-- claimant: what tells this store's claims from those of any other process;
-- held[token] = true for the runs that are in progress;
-- lost: runs that were found lost when it was opened, or for nobody, of which `renew` tells;
-- known[name]: what of a job's state was last sent or seen; saving[name]: how many changes that another node might have
-- made as well are on their way.
local SqlStore = {}
SqlStore.__index = SqlStore

-- ---- from here to there ----

local function to_micros(seconds)
  if seconds == nil then return nil end
  if math.abs(seconds) <= MOST_SECONDS then return math.floor(seconds * MICROSECONDS + 0.5) end
  error(ValueError(("the time %g cannot be stored"):format(seconds)))
end

-- What is later than a database can say is as good as never.
local function to_limited_micros(seconds)
  return seconds and to_micros(math.min(seconds, MOST_SECONDS))
end

local function from_micros(micros)
  return micros and micros / MICROSECONDS
end

-- A database takes no other texts.
local function to_text(text)
  if text == nil or utf8.len(text) and not text:find("\0", 1, true) then return text end
  return (text:gsub("[^\x20-\x7e\n\t]", function(char) return ("\\x%02x"):format(char:byte()) end))
end

local function can_store(name)
  return #name <= LONGEST_NAME and to_text(name) == name
end

local function check_name(name)
  if can_store(name) then return end
  if #name > LONGEST_NAME then
    error(ValueError(("the name of a job must have at most %d bytes to be stored, got %d"):format(LONGEST_NAME, #name)))
  end
  error(ValueError(("the name of a job must be UTF-8 without zeros to be stored, got '%s'"):format(to_text(name))))
end

local function to_number(flag)
  if flag == nil then return nil end
  return flag and 1 or 0
end

local function to_row(state)
  return {
    schedule = state.trigger,
    anchor = to_micros(state.anchor),
    next_fire_time = to_limited_micros(state.next_fire_time),
    paused = to_number(state.paused),
    runs = state.runs,
    failures = state.failures,
    misses = state.misses,
    last_run_at = to_micros(state.last_run_at),
    last_duration = state.last_duration,
    last_error = to_text(state.last_error),
  }
end

local function to_state(row)
  return {
    trigger = row.schedule,
    anchor = from_micros(row.anchor),
    next_fire_time = from_micros(row.next_fire_time),
    paused = row.paused == 1,
    cancelled = row.cancelled == 1,
    runs = row.runs,
    failures = row.failures,
    misses = row.misses,
    last_run_at = from_micros(row.last_run_at),
    last_duration = row.last_duration,
    last_error = row.last_error,
  }
end

local function to_record(row)
  return {
    name = row.name,
    fire_time = from_micros(row.fire_time),
    started_at = from_micros(row.started_at),
    outcome = row.outcome or "running",
    attempts = row.attempts,
    duration = row.duration,
    error = row.error,
    node = row.node,
    token = row.token,
  }
end

-- ---- opening ----

--- Open a store, waiting for it.
-- @tparam table driver
-- @tparam string module where the driver is found
-- @tparam string url
-- @tparam table options those of the scheduler
-- @treturn table
-- @raise `RuntimeError` if it cannot be opened, and outside a task
function SqlStore.open(driver, module, url, options)
  local name = store_url.shown(url)
  need_module(driver.lua_module, ("the store '%s'"):format(name), driver.debian, driver.rock)
  local queue = StoreQueue.open(name, module, url, driver.has_clock)
  return setmetatable({
    queue = queue,
    lease = options.lease,
    history_limit = options.history or 1000,
    claimant = claimant.new(),
    claims = 0,
    held = {},
    known = {},
    saving = {},
    change = queue.change,
    lost = queue.lost,
  }, SqlStore)
end

--- By how much the database's clock is ahead of the loop's wall clock.
-- @treturn number seconds
function SqlStore:clock_offset()
  return self.queue.offset or 0
end

-- Have an operation performed, and wait for the result. It goes to `abandoned` when who waits is cancelled, even if
-- that happens when it is there already.
local function perform(self, operation, abandoned)
  local future = self.queue:submit(operation, abandoned)
  local ok, result = pcall(future.await, future)
  if ok then return result end
  local has_result = future:done() and not future:cancelled() and future:exception() == nil
  if has_result and not self.queue.is_closed then abandoned(future:result()) end
  error(result, 0)
end

-- ---- jobs ----

local function note_state(self, name, state)
  self.known[name] = {paused = state.paused, cancelled = state.cancelled, misses = state.misses}
end

-- What others did before is no news while such a change of our own is on its way.
local function await_change(self, name, operation)
  self.saving[name] = (self.saving[name] or 0) + 1
  local future = self.queue:submit(operation)
  future:add_done_callback(function()
    local left = self.saving[name] - 1
    self.saving[name] = left > 0 and left or nil
  end)
  return future:await()
end

--- Make sure that a job can be stored.
-- @tparam string name
-- @tparam number anchor its trigger's
-- @raise `ValueError`
function SqlStore:check(name, anchor) -- luacheck: ignore self
  check_name(name)
  to_micros(anchor)
end

function SqlStore:adopt(job, state, fresh)
  check_name(job.name)
  local row = await_change(self, job.name, {kind = "adopt", name = job.name, state = to_row(state), fresh = fresh})
  local stored = row and to_state(row)
  note_state(self, job.name, stored or state)
  return stored
end

-- What another node says of a flag stays if this one has not changed it.
local function changed_flag(flag, known)
  if flag == known then return nil end
  return to_number(flag)
end

function SqlStore:save(job)
  local state, known = job:state(), self.known[job.name]
  local operation = {
    kind = "save",
    name = job.name,
    state = to_row(state),
    paused = changed_flag(state.paused, known.paused),
    cancelled = changed_flag(state.cancelled, known.cancelled),
    missed = math.max(0, state.misses - known.misses),
    missed_since = to_micros(job.missed_since),
  }
  job.missed_since = nil
  note_state(self, job.name, state)
  if operation.paused or operation.cancelled then return await_change(self, job.name, operation) end
  self.queue:submit(operation):await()
end

--- Whether a job is otherwise than was last stored or seen, in what news of others would undo.
-- @tparam table job
-- @treturn boolean
function SqlStore:has_changed(job)
  local known = self.known[job.name]
  return known ~= nil and (job.paused ~= known.paused or job.misses ~= known.misses)
end

--- Ask the other nodes to cancel their runs of a job, which they hear of when they renew their leases.
-- @tparam table job
-- @treturn Future with whether there are any
function SqlStore:cancel_runs(job)
  return self.queue:submit {kind = "cancel_runs", name = job.name, claimant = self.claimant}
end

-- ---- runs ----

local function finish_operation(self, job, run)
  return {
    kind = "finish_run",
    name = job.name,
    token = run.token,
    outcome = run.outcome,
    duration = run.duration,
    attempts = run.attempts,
    error = to_text(run.error),
    state = to_row(job:state()),
    history = self.history_limit,
  }
end

function SqlStore:claim(run, job, how)
  self.claims = self.claims + 1
  local result = perform(self, {
    kind = "claim",
    name = job.name,
    fire_time = to_micros(run.fire_time),
    recovery = how.recovery or 0,
    node = to_text(run.node),
    claimant = self.claimant,
    claim = self.claims,
    lease = to_limited_micros(self.lease),
    earliest = to_micros(how.earliest),
    latest = to_limited_micros(how.latest),
    manual = how.manual,
    allow = job.options.overlap == "allow",
    recover = (how.recovery or 0) < (job.options.recover or 0),
    state = to_row(job:state(run)),
  }, function(result)
    -- Claimed for nobody.
    if not result.token then return end
    self.queue:submit(finish_operation(self, job, {token = result.token, outcome = "cancelled"}))
  end)
  if not result.token then return nil, result.reason, from_micros(result.wait) end
  run.started_at = from_micros(result.started_at)
  self.held[result.token] = true
  return result.token
end

function SqlStore:finish(run, job)
  self.held[run.token] = nil
  local future = self.queue:submit(finish_operation(self, job, run))
  local ok, failure = pcall(future.await, future)
  -- Whoever does not wait any more has ended the run all the same.
  if not ok and not future:cancelled() then error(failure, 0) end
end

function SqlStore:history(name, n)
  if not can_store(name) then return {} end
  local count = math.floor(math.min(n, 1e9))
  local list = self.queue:submit({kind = "history", name = name, count = count}, function() end):await()
  for i, row in ipairs(list) do list[i] = to_record(row) end
  return list
end

-- ---- leases ----

-- Runs are found lost once.
local function note_lost(self, rows)
  table.move(rows, 1, #rows, #self.lost + 1, self.lost)
end

-- The states of the jobs that this node has; and whether some are left out, because they are about to change.
local function news_of_jobs(self, rows, is_changing)
  local states, is_partial = {}, false
  for _, row in ipairs(rows) do
    local name = row.name
    if self.saving[name] or is_changing(name) then
      is_partial = true
    elseif self.known[name] then
      states[name] = to_state(row)
      note_state(self, name, states[name])
    end
  end
  return states, is_partial
end

local function with_seconds(rows)
  for _, row in ipairs(rows) do row.fire_time = from_micros(row.fire_time) end
  return rows
end

--- Renew the leases of the runs that are in progress, and see what others have done.
-- @tparam fun(name:string):boolean is_changing whether the scheduler is about to change a job itself: what others have
-- done to that is told the next time
-- @treturn table `jobs`, the states of those that have changed, by name; `own`, the runs of this node, by token, that
-- are lost or to be cancelled; `lost`, the runs of other nodes that were found lost; and `recover`, those that may be
-- run again
function SqlStore:renew(is_changing)
  local tokens = {}
  for token in pairs(self.held) do tokens[#tokens + 1] = token end
  local news = perform(self, {
    kind = "renew",
    tokens = tokens,
    lease = to_limited_micros(self.lease),
    change = self.change,
  }, function(result) note_lost(self, result.lost) end)
  local jobs, is_partial = news_of_jobs(self, news.jobs, is_changing)
  if not is_partial then self.change = news.change end
  note_lost(self, news.lost)
  local lost = self.lost
  self.lost = {}
  local own = {}
  for _, row in ipairs(news.own) do
    own[row.token] = {is_lost = row.outcome ~= nil, is_recovered = row.recover > 0, is_cancelled = row.cancel == 1}
  end
  return {jobs = jobs, own = own, lost = with_seconds(lost),
    recover = with_seconds(news.recover)}
end

function SqlStore:close()
  self.queue:close(CLOSE_TIME)
end

return SqlStore
