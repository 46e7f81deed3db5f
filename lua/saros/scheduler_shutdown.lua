--- The end of a scheduler: waiting for what runs, then cancelling it.
-- @module saros.scheduler_shutdown
-- @local

local core = require "saros.core"
local logger = require "saros.logger"
local timeout = require "saros.timeout"

local park, wake = core.wait_queue.park, core.wait_queue.wake
local errors = core.errors

-- How many seconds a run that was cancelled may take to clean up.
local CLEAN_UP_TIME = 10

-- How many seconds a store may take for a change that is waited for.
local WRITE_TIME = 5

local SIGNALS = {"SIGINT", "SIGTERM"}

local shutdown = {}

--- Wait until something is so.
-- @tparam table scheduler
-- @tparam fun(scheduler:table):boolean condition looked at again when `changes` wakes
-- @raise `CancelledError`
function shutdown.wait_until(scheduler, condition)
  while not condition(scheduler) do
    local ok, failure = park(scheduler.changes)
    if not ok then error(failure, 0) end
  end
end

local function is_idle(scheduler)
  return scheduler.running == 0
end

local function is_finished(scheduler)
  return scheduler.finished
end

local function is_written(scheduler)
  return scheduler.writer:is_idle()
end

-- The names of the jobs that have runs, and whether there are any.
local function name_running(scheduler)
  local names, seen = {}, {}
  for _, run in pairs(scheduler.tasks) do
    local name = run.job.name
    if not seen[name] then names[#names + 1] = name end
    seen[name] = true
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- Wait until something is so, for a limited time, less when the scheduler is `hurried` that often.
-- Returns the cancellation that has ended the wait.
local function wait_some(scheduler, condition, seconds, hurried)
  local function is_enough() return condition(scheduler) or scheduler.hurried >= hurried end
  local ok, failure = pcall(function()
    local _ <close> = timeout.timeout(seconds < math.huge and seconds or nil)
    shutdown.wait_until(scheduler, is_enough)
  end)
  if ok or core.is_error(failure, errors.TimeoutError) then return nil end
  return failure
end

local function cancel_all(scheduler)
  local runs = {}
  for _, run in pairs(scheduler.tasks) do runs[#runs + 1] = run end
  table.sort(runs, function(a, b) return a.number < b.number end)
  for _, run in ipairs(runs) do run:cancel() end
end

-- Returns the cancellation of who waits.
local function await_cancelled(scheduler)
  local cancellation = wait_some(scheduler, is_idle, CLEAN_UP_TIME, 2)
  if not is_idle(scheduler) then
    logger.error("%s", "the scheduler has ended, but what it cancelled runs still: " .. name_running(scheduler))
  end
  return cancellation
end

-- Returns the cancellation of who waits.
local function end_runs(scheduler)
  local seconds = scheduler.shutdown_timeout
  local cancellation = seconds > 0 and wait_some(scheduler, is_idle, seconds, 1) or nil
  if is_idle(scheduler) then return cancellation end
  logger.warn("%s", "the scheduler ends, and cancels what runs still: " .. name_running(scheduler))
  cancel_all(scheduler)
  return await_cancelled(scheduler) or cancellation
end

-- However many states there are to be stored, as long as there is progress.
local function end_writing(scheduler)
  local writer = scheduler.writer
  local written, cancellation
  repeat
    written = writer.written
    cancellation = wait_some(scheduler, is_written, WRITE_TIME, 2)
  until is_written(scheduler) or writer.written == written or cancellation
  if not is_written(scheduler) then
    local count = writer:give_up()
    local message = "the scheduler has ended before the state%s of %d job%s could be stored"
    logger.error("%s", message:format(count == 1 and "" or "s", count, count == 1 and "" or "s"))
  end
  if cancellation then error(cancellation, 0) end
end

local function stop_leases(scheduler)
  scheduler.leases:stop(true)
end

local function close_store(scheduler)
  scheduler.store:close()
end

--- End the runs and the store, waiting for them.
-- @tparam table scheduler that is stopped
-- @raise `CancelledError` after all of it
function shutdown.finish(scheduler)
  local cancellation = end_runs(scheduler)
  for _, step in ipairs {stop_leases, end_writing, close_store} do
    local ok, failure = pcall(step, scheduler)
    if not ok then cancellation = failure end
  end
  scheduler.finished = true
  wake(scheduler.changes, math.huge)
  -- Listeners have heard of everything when this returns.
  core.sleep(0)
  if cancellation then error(cancellation, 0) end
end

--- End the runs where nothing can be waited for.
-- @tparam table scheduler that is stopped
function shutdown.abandon(scheduler)
  cancel_all(scheduler)
  scheduler.leases:stop(false)
  scheduler.store:close()
  scheduler.abandoned, scheduler.finished = true, true
  wake(scheduler.changes, math.huge)
end

--- Wait for the end that another one has begun.
-- @tparam table scheduler that is closed
-- @raise `CancelledError`
function shutdown.join(scheduler)
  shutdown.wait_until(scheduler, is_finished)
  -- Where it was closed, nothing could be waited for: here it can.
  local cancellation = scheduler.abandoned and await_cancelled(scheduler)
  if cancellation then error(cancellation, 0) end
end

-- ---- signals ----

-- serving[loop]: the schedulers that wait for signals there, each as often as it does. A signal is for all of them.
local serving = setmetatable({}, {__mode = "k"})

local Signals = {}
Signals.__index = Signals

function Signals:__close()
  local loop = self.scheduler.loop
  local schedulers = serving[loop]
  for i, scheduler in ipairs(schedulers) do
    if scheduler == self.scheduler then
      table.remove(schedulers, i)
      break
    end
  end
  if #schedulers > 0 then return end
  serving[loop] = nil
  for _, name in ipairs(SIGNALS) do loop:remove_signal_handler(name) end
end

local function take_signal(scheduler)
  if scheduler.stopping then
    scheduler.hurried = scheduler.hurried + 1
    wake(scheduler.changes, math.huge)
  else
    scheduler:stop()
  end
end

local function on_signal(schedulers)
  local told = {}
  for _, scheduler in ipairs(schedulers) do
    if not told[scheduler] then take_signal(scheduler) end
    told[scheduler] = true
  end
end

--- Stop at a signal, and stop waiting at the next ones.
-- @tparam table scheduler
-- @treturn table for a `<close>` variable
function shutdown.watch_signals(scheduler)
  local loop = scheduler.loop
  local schedulers = serving[loop] or {}
  serving[loop] = schedulers
  table.insert(schedulers, scheduler)
  for _, name in ipairs(SIGNALS) do loop:add_signal_handler(name, on_signal, schedulers) end
  return setmetatable({scheduler = scheduler}, Signals)
end

return shutdown
