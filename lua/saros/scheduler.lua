--- Jobs that run later, again and again, or when a cron expression says so. asyncio has nothing
-- like it.
--
--     local scheduler <close> = saros.Scheduler {timezone = "Europe/Berlin"}
--     scheduler:schedule_recurring("heartbeat", beat, 5)
--     scheduler:schedule_cron("report", report, "0 9 * * MON-FRI", {timeout = 60, retries = 3})
--     scheduler:serve()                                  -- until a signal, or stop()
--
-- Each run is a task of its own, with the job's name. What fails in a job goes to the loop's
-- exception handler, and the scheduler goes on.
--
-- Recurring jobs and those after a delay go by `loop:time()`, which no step of the wall clock
-- changes; `schedule_at` and `schedule_cron` go by `loop:wall_time()`. When that clock is set
-- forward, what it passed is due, and late; this is noticed within a minute. When it is set back,
-- nothing that has run runs again, and the next run is the one after the last.
--
-- What was due while the loop was held, or the program did not run, was missed: `coalesce` and
-- `grace` say what of it is made up for.
-- @module saros.scheduler

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"
local Events = require "saros.scheduler_events"
local Clock = require "saros.scheduler_clock"
local Leases = require "saros.scheduler_leases"
local Writer = require "saros.scheduler_writer"
local beginning = require "saros.scheduler_beginning"
local due = require "saros.scheduler_due"
local overlap = require "saros.scheduler_overlap"
local scheduler_options = require "saros.scheduler_options"
local shutdown = require "saros.scheduler_shutdown"
local stores = require "saros.scheduler_stores"
local times = require "saros.scheduler_times"
local task_on = require "saros.task_on"
local triggers = require "saros.scheduler_triggers"

local wake = core.wait_queue.wake
local errors = core.errors
local RuntimeError, ValueError = errors.RuntimeError, errors.ValueError

--- What a job's function is given after its `args`.
-- @table SchedulerRun
-- @tfield string name the job's
-- @tfield number fire_time when the run was due, in seconds since the epoch: what tells it from the job's
-- other runs. A step of the wall clock does not change what it is for a recurring job
-- @tfield integer attempt 1, and one more after each retry
-- @tfield string node the scheduler's option
-- @tfield integer token larger than that of the job's run before

--- How a job is, as `Scheduler:status` tells it.
-- @table JobStatus
-- @tfield ?number next_run when it runs next by `loop:time()`; nil if it does not
-- @tfield ?number next_run_at the same in seconds since the epoch
-- @tfield ?number interval seconds, of a recurring job
-- @tfield ?string expression of a cron job
-- @tfield boolean cancelled whether it was cancelled
-- @tfield boolean paused whether it is paused
-- @tfield boolean running whether a run is in progress
-- @tfield integer runs how many runs began
-- @tfield integer failures how many of them failed, after all their attempts
-- @tfield integer misses how many did not begin, as they were late
-- @tfield ?number last_run_at when the last run began, in seconds since the epoch
-- @tfield ?number last_duration how many seconds the last run took, with all its attempts
-- @tfield ?string last_error the error's text if the last run failed

--- What listeners are told, as `Scheduler:on` says.
-- @table SchedulerEvent
-- @tfield string event such as `"started"`
-- @tfield string name the job's
-- @tfield ?number fire_time of the run, or of the first of several; nil when the job itself was cancelled
-- @tfield ?integer count how many runs were missed or skipped
-- @tfield ?integer attempts how many attempts a run took
-- @tfield ?number duration how many seconds a run took
-- @tfield ?any error what a run failed with

--- A run, as `Scheduler:history` tells it.
-- @table RunRecord
-- @tfield string name the job's
-- @tfield number fire_time when it was due, in seconds since the epoch
-- @tfield number started_at when it began
-- @tfield string outcome `"running"` `"finished"` `"failed"` `"cancelled"`, or `"lost"`: its node ended meanwhile
-- @tfield ?integer attempts how many attempts it took
-- @tfield ?number duration seconds
-- @tfield ?string error the error's text
-- @tfield string node where it ran
-- @tfield integer token the run's

--- How a job runs: the options of the methods that schedule.
--
-- With `overlap = "skip"` a run that is due while another one is in progress is left out; with `"queue"` it
-- waits; with `"replace"` the one in progress is cancelled, and the new one begins when that has ended; with
-- `"allow"` both are in progress. With `coalesce = "all"` overdue runs begin one after the other, or with
-- `overlap = "allow"` at once.
-- @table JobOptions
-- @tfield ?table args a list, with `n` if nil is in it: the function's arguments, before the SchedulerRun
-- @tfield ?number timeout how many seconds an attempt may take; then it is cancelled, and has failed
-- @tfield ?integer retries how many more attempts a run has after one that failed; 0
-- @tfield ?number retry_delay seconds before the first retry, twice as many before each next one; from half
-- of that to all of it, at random; 1
-- @tfield ?number retry_max_delay the most of these seconds; 60
-- @tfield ?string overlap what a run does that is due while another one is in progress: `"skip"`, the
-- default, `"queue"` `"replace"` or `"allow"`
-- @tfield ?number grace how many seconds late a run may begin, more than 0, else it is missed; no limit
-- @tfield ?string coalesce which of several overdue runs are made up for: the `"latest"`, the default, or `"all"`
-- @tfield ?number jitter up to how many seconds later each run begins, at random; the scheduler's
-- @tfield ?string timezone of a cron expression, and for `schedule_cron` only; the scheduler's
-- @tfield ?boolean|integer recover with a database, run again what another node did not come to the end of, because
-- it ended, with the same `fire_time` and a larger `token`; a number is how many times at most; else it is lost; false
-- @tfield ?boolean replace take the place of the job with this name, if there is one: its runs in progress
-- go on, and a pause and what was counted stay; false

--- Runs jobs, on the loop on which it was made, from the moment at which they are scheduled.
-- @type Scheduler
local Scheduler = Class.new("Scheduler")

--- Make a scheduler on the running loop. `local scheduler <close> = saros.Scheduler()` closes it at the
-- end of the scope.
-- @tparam ?table options how it works
-- @tparam[opt="memory"] string|table options.store where states and history are kept: `"memory"`, for as
-- long as the program runs; `"sqlite:PATH"`, a file; `"postgresql://USER@HOST/DATABASE"`, a database that
-- several nodes may share; or an object with a store's methods, as `lua/saros/memory_store.lua` has them.
-- With a database, what changes a job suspends until that is stored
-- @tparam[opt="UTC"] string options.timezone of cron expressions, as of `saros.cron.parse`
-- @tparam[opt=0] number options.jitter of jobs that say nothing else, in seconds
-- @tparam[opt=10] number options.shutdown_timeout how many seconds runs have to end by themselves when
-- the scheduler is closed
-- @tparam ?integer options.history how many runs of each job are kept; by default 10 in memory, 1,000 in a
-- database
-- @tparam[opt="local"] string options.node what runs are told about where they run
-- @tparam[opt=30] number options.lease with a database, for how many seconds a run is taken to be in progress when
-- its node is not heard of; a node is heard of three times in that time
-- @raise `bad argument`; `ValueError` for an unknown option, an unknown store, which lists the known
-- ones, an unknown time zone, and a value out of range; `RuntimeError` outside a loop, for a database outside a task,
-- and for one that cannot be opened
function Scheduler:init(options)
  options = scheduler_options.scheduler(options)
  if options.timezone then triggers.cron("@daily", options.timezone) end
  self.loop = core.need_loop()
  self.node, self.timezone, self.jitter = options.node, options.timezone, options.jitter
  self.shutdown_timeout = options.shutdown_timeout
  self.jobs, self.job_count = {}, 0
  self.scheduling = {} -- scheduling[name] = true while the store is asked about a job
  -- tasks[task]: its run.
  self.tasks, self.running, self.last_run = {}, 0, 0
  self.stopping, self.closed, self.finished, self.abandoned = false, false, false, false
  self.hurried = 0 -- by how many signals more than the first
  self.changes = core.WaitQueue("Scheduler")
  -- That the program's own is not is nothing to the runs: nil is the empty one.
  self.context = core.current_context() and core.copy_context()
  self.events = Events.new(self.loop)
  self.writer = Writer.new(self)
  self.on_run_done = function(task) self:_on_run_done(task) end
  self.store = stores.open(options.store, options)
  self.clock = Clock.new(self.loop, self.store, function(job, now) due.fire(self, job, now) end)
  self.leases = Leases.start(self, options.lease)
end

function Scheduler:_on_run_done(task)
  local run = self.tasks[task]
  self.tasks[task] = nil
  run:forget()
  if self.running == 0 then wake(self.changes, math.huge) end
  overlap.advance(self, run.job)
end

-- ---- scheduling ----

local function check_name(name, method)
  if type(name) ~= "string" then check.fail(1, method, "string", name) end
  if name == "" then error(ValueError("the name of a job must not be empty")) end
end

-- All that schedules comes here. A subclass may do something else about it, see saros.scheduler_plan.
function Scheduler:_add(name, fn, trigger, options, together)
  beginning.add(self, name, fn, trigger, options, together)
end

-- Check what all the methods have in common.
local function check_job(self, method, name, fn)
  check_name(name, method)
  check.callable(fn, 2, method)
  beginning.check_open(self)
end

--- Run a function at a fixed rate: after the delay, then again and again. The times do not drift, however
-- long runs take.
-- @tparam string name the job's
-- @tparam function fn any callable; it may suspend. Called with `args`, then a SchedulerRun
-- @tparam number interval seconds, more than 0
-- @tparam[opt=0] number delay seconds until the first run
-- @tparam ?JobOptions options how it runs
-- @raise `ValueError` for a name that is taken, an interval that is not positive, a negative delay, an
-- unknown option or a value out of range, and with a database for a name that is no UTF-8, has zeros or more than
-- 1,000 bytes, and for a time that it cannot store; `RuntimeError` once it is stopped; `bad argument`
function Scheduler:schedule_recurring(name, fn, interval, delay, options)
  if type(delay) == "table" and options == nil then delay, options = nil, delay end
  check_job(self, "schedule_recurring", name, fn)
  interval = scheduler_options.interval(interval, 3, "schedule_recurring")
  delay = delay == nil and 0 or scheduler_options.delay(delay, 4, "schedule_recurring")
  options = scheduler_options.job(options, 5, "schedule_recurring", self.jitter)
  self:_add(name, fn, triggers.interval(interval, delay), options)
end

--- Run a function once, after a delay.
-- @tparam string name the job's
-- @tparam function fn as of `schedule_recurring`
-- @tparam number delay seconds, 0 or more
-- @tparam ?JobOptions options how it runs
-- @raise as `schedule_recurring`
function Scheduler:schedule_once(name, fn, delay, options)
  check_job(self, "schedule_once", name, fn)
  delay = scheduler_options.delay(delay, 3, "schedule_once")
  options = scheduler_options.job(options, 4, "schedule_once", self.jitter)
  self:_add(name, fn, triggers.once(delay), options)
end

--- Run a function once, at a time of the wall clock; at once if that is past. A name and a time are one run:
-- if the job with this name has run for this very time, it does not do so again.
-- @tparam string name the job's
-- @tparam function fn as of `schedule_recurring`
-- @tparam number when seconds since the epoch
-- @tparam ?JobOptions options how it runs
-- @raise as `schedule_recurring`
function Scheduler:schedule_at(name, fn, when, options)
  check_job(self, "schedule_at", name, fn)
  when = scheduler_options.time(when, 3, "schedule_at")
  options = scheduler_options.job(options, 4, "schedule_at", self.jitter)
  self:_add(name, fn, triggers.at(when), options)
end

--- Run a function whenever a cron expression says so.
-- @tparam string name the job's
-- @tparam function fn as of `schedule_recurring`
-- @tparam string expression as of `saros.cron.parse`
-- @tparam ?JobOptions options how it runs
-- @raise as `schedule_recurring`; `ValueError` for an expression that is invalid or never runs, and for an
-- unknown time zone
function Scheduler:schedule_cron(name, fn, expression, options)
  check_job(self, "schedule_cron", name, fn)
  if type(expression) ~= "string" then check.fail(3, "schedule_cron", "string", expression) end
  options = scheduler_options.job(options, 4, "schedule_cron", self.jitter)
  self:_add(name, fn, triggers.cron(expression, options.timezone or self.timezone), options)
end

-- ---- what can be done with a job ----

local function cancel_job(self, job)
  job.cancelled = true
  overlap.drop(self, job)
  due.await(self, job, nil)
  self.events:emit("cancelled", job.name)
  self.writer:save(job)
end

local CANCEL_OPTIONS = {keep_running = "boolean"}

--- Cancel a job: it does not run again, and its runs in progress are cancelled, but for the one that
-- calls. It stays in `status()`, and its name is free.
-- @tparam string name the job's
-- @tparam ?table options what happens to its runs
-- @tparam[opt=false] boolean options.keep_running let runs in progress go on
-- @treturn boolean whether there was one that was not over
-- @raise `bad argument`; `ValueError` for an unknown option
function Scheduler:cancel(name, options)
  check_name(name, "cancel")
  options = check.options(options, CANCEL_OPTIONS, 2, "cancel")
  local job = self.jobs[name]
  if not job then return false end
  local was_any = not job:is_over() or job.running > 0
  if was_any and not job.cancelled then cancel_job(self, job) end
  if not options.keep_running then
    for _, run in ipairs(job:active_runs()) do run:cancel() end
    was_any = self.leases:cancel_runs(job) or was_any
  end
  if was_any then self.writer:settle() end
  return was_any
end

-- A job that is not over.
local function find(self, name, method)
  check_name(name, method)
  local job = self.jobs[name]
  if not job then error(ValueError(("there is no job '%s'"):format(name))) end
  if job.cancelled then error(ValueError(("the job '%s' is cancelled"):format(name))) end
  return job
end

--- Begin no runs of a job until it is resumed. Its runs in progress go on; what waits in its queue waits.
-- @tparam string name the job's
-- @treturn boolean whether it was not paused before
-- @raise `ValueError` if there is no such job, or it is cancelled; `bad argument`
function Scheduler:pause(name)
  self.leases:refresh()
  local job = find(self, name, "pause")
  if job.paused then return false end
  due.pause(self, job)
  self.writer:settle()
  return true
end

--- Let a job run again. What was due meanwhile is left out, and does not count as missed; but a job that
-- runs once, and was due, runs at once.
-- @tparam string name the job's
-- @treturn boolean whether it was paused
-- @raise as `pause`
function Scheduler:resume(name)
  self.leases:refresh()
  local job = find(self, name, "resume")
  if not job.paused then return false end
  job.paused = false
  due.resume(self, job)
  self.writer:save(job)
  self.writer:settle()
  return true
end

--- Run a job now, besides the times at which it runs by itself; paused or not. If a run is in progress,
-- its option `overlap` says what is done.
-- @tparam string name the job's
-- @treturn boolean false if it was left out because of another run
-- @raise as `pause`; `RuntimeError` once it is stopped
function Scheduler:run_now(name)
  local job = find(self, name, "run_now")
  beginning.check_open(self)
  local left_out = job.options.overlap == "skip" and not overlap.is_free(job)
  overlap.offer(self, job, {fire_time = self.clock:wall_time(), manual = true})
  return not left_out
end

--- Let a job run at other times from now on. It keeps its function, its options and what was counted.
-- @tparam string name the job's
-- @tparam table when one of these, or `interval` and `delay`
-- @tparam ?number when.interval as `schedule_recurring`
-- @tparam ?number when.delay as `schedule_once`, or with `interval` as `schedule_recurring`
-- @tparam ?number when.at as `schedule_at`
-- @tparam ?string when.expression as `schedule_cron`
-- @raise as `pause`, and as the method that schedules such a job
function Scheduler:reschedule(name, when)
  local job = find(self, name, "reschedule")
  beginning.check_open(self)
  local trigger = times.trigger(self, job, when)
  beginning.move(self, job, trigger)
end

-- ---- what can be seen ----

--- How all jobs are, those that are over as well.
-- @treturn {[string]=JobStatus} by name
function Scheduler:status()
  local status = {}
  for name, job in pairs(self.jobs) do status[name] = job:status(self.clock) end
  return status
end

--- The last runs of a job.
-- @tparam string name the job's
-- @tparam[opt=10] integer n how many at most
-- @treturn {RunRecord,...} the newest first; empty if none is known
-- @raise `bad argument`; `ValueError` for a negative number
function Scheduler:history(name, n)
  check_name(name, "history")
  n = n == nil and 10 or check.number(n, 2, "history")
  if n < 0 then error(ValueError(("the number of runs must not be negative, got %s"):format(n))) end
  return self.store:history(name, n)
end

--- Call a function whenever something happens, in a callback of its own, which cannot suspend: at
-- `"started"` a run begins; `"finished"` it went well; `"failed"` its last attempt failed; `"cancelled"` it
-- was cancelled, or its job was; `"missed"` runs did not begin because they were late; `"skipped"` runs did
-- not begin because of another one. An error in it goes to the loop's exception handler.
-- @tparam string event one of these
-- @tparam fun(event:SchedulerEvent) fn any callable
-- @treturn fun() which takes it back
-- @raise `ValueError` for another event; `bad argument`
function Scheduler:on(event, fn)
  return self.events:on(event, fn)
end

-- ---- the end ----

--- Begin no more runs, and end `serve`. Those in progress go on, until `close`.
function Scheduler:stop()
  if self.stopping then return end
  self.stopping = true
  self.clock:stop()
  for _, job in pairs(self.jobs) do job.due = nil end
  for _, run in pairs(self.tasks) do run:give_up() end
  wake(self.changes, math.huge)
end

local function is_stopping(self)
  return self.stopping
end

local function refuse_in_job(self, task)
  if not (task and self.tasks[task]) then return end
  error(RuntimeError("a job cannot wait for its own end: it can stop the scheduler, but not close it"))
end

--- Wait until `stop` or a signal, SIGTERM or SIGINT, then close the scheduler. A second signal does not
-- wait for what runs, but cancels it at once; a third does not wait for that either. A cancellation
-- closes the scheduler as well. While it waits, it takes the place of other handlers of these signals; of several
-- schedulers that serve on a loop all get the signal.
-- @raise `CancelledError`; `RuntimeError` in one of its jobs, and outside a task
function Scheduler:serve()
  local task = core.current_task()
  if not task then error(RuntimeError("serve() waits, so it can only be called in a task")) end
  refuse_in_job(self, task)
  local _ <close> = shutdown.watch_signals(self)
  local ok, failure = pcall(shutdown.wait_until, self, is_stopping)
  self:close()
  if not ok then error(failure, 0) end
end

--- Begin no more runs, give those in progress `shutdown_timeout` seconds, cancel those that are left, and
-- wait for them; whatever has not ended ten seconds later is named in the log, and left. Outside a task
-- nothing can be waited for: runs are cancelled. Closing twice is harmless.
-- @raise `CancelledError`, after all of that, without the wait; `RuntimeError` in one of its jobs
function Scheduler:close()
  local in_task = task_on(self.loop)
  if in_task then refuse_in_job(self, in_task) end
  if self.closed then return in_task and shutdown.join(self) or nil end
  self.closed = true
  self:stop()
  if in_task then
    shutdown.finish(self)
  else
    shutdown.abandon(self)
  end
end

Scheduler.__close = Scheduler.close

function Scheduler:__tostring()
  local count = 0
  for _, job in pairs(self.jobs) do
    if not job:is_over() then count = count + 1 end
  end
  return ("Scheduler: %d job%s%s"):format(count, count == 1 and "" or "s", self.stopping and ", stopped" or "")
end

return {Scheduler = Scheduler}
