--- A run of a job: a task that claims it, makes its attempts, and says how it ended.
-- @module saros.scheduler_run
-- @local

local core = require "saros.core"
local logger = require "saros.logger"
local missed = require "saros.scheduler_missed"
local safe_text = require "saros.safe_text"
local timeout = require "saros.timeout"

local errors, is_error = core.errors, core.is_error

-- By how much the fire time of a run that was asked for is moved when it is another run's.
local NUDGE = 1e-5

-- After which part of a lease it is looked again whether another node still runs the job.
local BUSY_PART = 0.2

-- How many times the time between attempts is doubled at most. More would be infinitely many times as long, and of
-- no time at all that is no number.
local MOST_DOUBLINGS = 1000

-- What is used of a job is what it was when the run began. `token` is nil until the run is claimed; `point` is the
-- trigger's, nil for a run that this has not brought about.
local Run = {}
Run.__index = Run

-- ---- one attempt ----

-- As pcall, but what failed comes as `{exception=, traceback=}`. The message handler, which alone can see
-- the traceback, must not change the error: the scopes that it leaves look at it, those of timeouts too.
local function attempt_call(fn, ...)
  local traceback
  local function keep_traceback(exception)
    traceback = debug.traceback(nil, 2)
    return exception
  end
  local ok, result = xpcall(fn, keep_traceback, ...)
  if ok then return true, result end
  return false, {exception = result, traceback = traceback}
end

-- `scope` gets the time limit, which tells afterwards whether the time was up.
local function call(self, scope, info)
  local limit <close> = scope and timeout.timeout(self.options.timeout)
  if scope then scope.limit = limit end
  local args = self.options.args
  if not args then return self.fn(info) end
  local n = args.n or #args
  local all = table.move(args, 1, n, 1, {})
  all[n + 1] = info
  self.fn(table.unpack(all, 1, n + 1))
end

local function explain_timeout(self, scope, failure)
  local is_up = scope and scope.limit and scope.limit:expired()
  if not is_up or not is_error(failure.exception, errors.TimeoutError) then return end
  local message = "an attempt of the job '%s' took longer than %g seconds"
  failure.exception = errors.TimeoutError(message:format(self.job.name, self.options.timeout))
end

-- Returns nil, or what failed.
local function attempt(self, number)
  self.attempts = number
  local scope = self.options.timeout and {}
  local ok, failure = attempt_call(call, self, scope, {
    name = self.job.name,
    fire_time = self.fire_time,
    attempt = number,
    node = self.scheduler.node,
    token = self.token,
  })
  if ok then return nil end
  explain_timeout(self, scope, failure)
  return failure
end

-- ---- all attempts ----

-- Twice as long after each attempt, and at random between half of that and all of it: what failed
-- together does not come back together.
local function backoff(options, number)
  local doublings = math.min(number - 1, MOST_DOUBLINGS)
  local longest = math.min(options.retry_delay * 2.0 ^ doublings, options.retry_max_delay)
  return longest * (0.5 + 0.5 * math.random())
end

local function is_cancelled(self, failure)
  return is_error(failure, errors.CancelledError) and self.task:cancelling() > 0
end

local function pause_before_retry(self, number, failure)
  local options = self.options
  local delay = backoff(options, number)
  local name, problem = self.job.name, safe_text(failure.exception)
  local message = "the job '%s' failed at attempt %d of %.0f, again in %.3g seconds: %s"
  logger.warn("%s", message:format(name, number, options.retries + 1.0, delay, problem),
    {event = "retry", job = name, fire_time = self.fire_time, attempt = number, delay = delay, error = problem})
  local ok, interruption = pcall(core.sleep, delay)
  if not ok then return interruption end
end

-- How the run ends, and what failed.
local function make_attempts(self)
  for number = 1, math.huge do
    local failure = attempt(self, number)
    if not failure then return "finished" end
    local exception = failure.exception
    if is_error(exception, errors.KeyboardInterrupt) then error(exception, 0) end
    if is_cancelled(self, exception) then return "cancelled", failure end
    if number > self.options.retries or self.task:cancelling() > 0 then return "failed", failure end
    local interruption = pause_before_retry(self, number, failure)
    if interruption ~= nil then return "cancelled", {exception = interruption} end
  end
end

-- ---- beginning and end ----

local function emit(self, event, duration, exception)
  local events = self.scheduler.events
  if not events:is_heard(event) then return end
  events:emit(event, self.job.name, self.fire_time, {
    attempts = self.attempts > 0 and self.attempts or nil,
    duration = duration,
    error = exception,
  })
end

-- What a store has to know besides: what brought the run about, and within which times it may begin, by the
-- wall clock. What is due by the loop's clock is due, whatever the wall clock shows; so is how late it is.
local function conditions(self)
  if not self.point then return {manual = self.manual, recovery = self.recovery} end
  local clock, trigger, options = self.scheduler.clock, self.trigger, self.options
  local earliest = trigger.clock == "wall" and self.fire_time or nil
  if not options.grace then return {earliest = earliest} end
  local late = clock:now(trigger) - trigger:due(self.point)
  return {earliest = earliest, latest = clock:wall_time() + options.grace + options.jitter - late}
end

-- Wait before it is tried again to claim the run; whether to do so.
local function wait_for_turn(self, seconds)
  self.waits = true
  core.sleep(seconds)
  self.waits = false
  return not self.scheduler.stopping
end

-- What to do when a run cannot be claimed, by the reason: return whether to try again.
local refused = {}

-- A run that was asked for has no fire time of its own, so it takes the next that is free.
function refused.taken(self)
  self.fire_time = self.fire_time + NUDGE
  return self.manual
end

refused.early = wait_for_turn

-- The node that runs the job decides about its next runs, for all of them are due there as well. But
-- what it lets wait would be lost if it died.
function refused.busy(self)
  local policy, scheduler = self.options.overlap, self.scheduler
  if self.point and policy ~= "queue" then return false end
  if self.manual and policy == "skip" then
    scheduler.events:emit("skipped", self.job.name, self.fire_time, {count = 1})
    return false
  end
  if self.manual and policy == "replace" then scheduler.leases:cancel_runs(self.job) end
  return wait_for_turn(self, scheduler.leases.lease * BUSY_PART)
end

function refused.late(self)
  missed.note(self.scheduler, self.job, self.fire_time, 1)
  return false
end

-- Whether the run is this node's.
local function claim(self)
  local job, scheduler = self.job, self.scheduler
  local record = {
    fire_time = self.fire_time,
    node = scheduler.node,
    started_at = scheduler.clock:wall_time(),
    token = nil, outcome = nil, duration = nil, attempts = nil, error = nil,
  }
  self.record = record
  local how = conditions(self)
  while true do
    record.fire_time, self.leased_at = self.fire_time, scheduler.loop:time()
    local token, reason, seconds = scheduler.store:claim(record, job, how)
    self.token = token
    if token then return true end
    local handle = refused[reason or "taken"]
    if not (handle and handle(self, seconds)) then return false end
  end
end

local function begin(self)
  local job, loop = self.job, self.scheduler.loop
  job.runs = job.runs + 1
  job.last_run_at = self.scheduler.clock:wall_time()
  self.started = loop:time()
  emit(self, "started")
end

-- Whatever the store does about it, the scheduler goes on.
local function save_end(self)
  local scheduler = self.scheduler
  local ok, failure = pcall(scheduler.store.finish, scheduler.store, self.record, self.job)
  if ok then return end
  scheduler.loop:call_exception_handler {
    message = ("the end of a run of the job '%s' cannot be stored"):format(self.job.name),
    exception = failure,
    task = self.task,
  }
end

local function report(self, failure)
  self.scheduler.loop:call_exception_handler {
    message = ("the job '%s' failed"):format(self.job.name),
    exception = failure.exception,
    traceback = failure.traceback,
    task = self.task,
  }
end

local function count_failure(self, failure, duration)
  local job = self.job
  job.failures = job.failures + 1
  job.last_error = safe_text(failure.exception)
  report(self, failure)
  emit(self, "failed", duration, failure.exception)
end

local function finish(self, outcome, failure)
  local job, loop, record = self.job, self.scheduler.loop, self.record
  local duration = loop:time() - self.started
  job.last_duration, job.last_error = duration, nil
  if outcome == "failed" or outcome == "lost" then
    count_failure(self, failure, duration)
  else
    emit(self, outcome, duration)
  end
  record.token, record.outcome, record.error = self.token, outcome, job.last_error
  record.duration, record.attempts = duration, self.attempts
  save_end(self)
end

local function perform(self)
  -- An eager task is here before who made it knows it.
  self.task = core.current_task()
  self.scheduler.tasks[self.task] = self
  local ok, claimed = attempt_call(claim, self)
  if not ok then
    if is_cancelled(self, claimed.exception) then error(claimed.exception, 0) end
    self.begun = true
    count_failure(self, claimed)
    return
  end
  self.begun = true
  if not claimed then return end
  begin(self)
  local outcome, failure = make_attempts(self)
  if outcome == "cancelled" and self.is_lost then
    outcome, failure = "lost", {exception = errors.RuntimeError("the run's lease is over, so that it was cancelled")}
  end
  finish(self, outcome, failure)
  if outcome == "cancelled" then error(failure.exception, 0) end
end

--- Begin a run, in a task of its own.
-- @tparam table scheduler
-- @tparam table job
-- @tparam number fire_time seconds since the epoch
-- @tparam table entry the trigger's `point`; or whether it was asked for (`manual`), or for the how many-th time it is
-- run again (`recovery`)
function Run.start(scheduler, job, fire_time, entry)
  scheduler.last_run = scheduler.last_run + 1
  local self = setmetatable({
    number = scheduler.last_run,
    scheduler = scheduler,
    job = job,
    fn = job.fn,
    options = job.options,
    fire_time = fire_time,
    trigger = job.trigger,
    point = entry.point,
    manual = entry.manual,
    recovery = entry.recovery,
    attempts = 0,
    -- What comes later has its place already, as there may be many runs.
    task = nil, record = nil, token = nil, begun = nil, started = nil, leased_at = nil, waits = nil,
  }, Run)
  job.last_fire_time = fire_time
  job.active[self] = true
  job.running = job.running + 1
  scheduler.running = scheduler.running + 1
  -- Who has set the timer, or asked for the run, is nothing to it.
  local outer = core.change_context(scheduler.context)
  local ok, task = pcall(scheduler.loop.create_task, scheduler.loop, perform, self)
  core.change_context(outer)
  if not ok then
    self:forget()
    error(task, 0)
  end
  self.task = task:set_name(job.name)
  scheduler.tasks[task] = self
  task:add_done_callback(scheduler.on_run_done)
end

--- Ask the run to end, unless it is the one that asks.
function Run:cancel()
  local current = core.running_loop_or_nil() and core.current_task()
  if self.task == current then return end
  self.cancel_requested = true
  self.task:cancel()
end

--- Let the run not begin any more, if it waits for another node's run or for its time.
function Run:give_up()
  if self.waits then self:cancel() end
end

--- End the run because it may be another node's by now.
function Run:lose()
  if self.is_lost then return end
  self.is_lost = true
  self.task:cancel()
end

--- Whether another node may run it again when it is taken for lost.
-- @treturn boolean
function Run:may_be_recovered()
  return (self.recovery or 0) < (self.options.recover or 0)
end

--- The run is over, however it ended.
function Run:forget()
  self.job.active[self] = nil
  self.job.running = self.job.running - 1
  self.scheduler.running = self.scheduler.running - 1
  -- Cancelled before its first step, or while it was claimed.
  if self.task and not self.begun then emit(self, "cancelled") end
end

return Run
