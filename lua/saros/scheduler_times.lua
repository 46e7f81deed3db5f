--- The times to which a job of a scheduler is moved, as `Scheduler:reschedule` is given them.
-- @module saros.scheduler_times
-- @local

local core = require "saros.core"
local check = require "saros.check"
local scheduler_options = require "saros.scheduler_options"
local triggers = require "saros.scheduler_triggers"

local ValueError = core.errors.ValueError

local KNOWN = {at = "number", delay = "number", expression = "string", interval = "number"}

local scheduler_times = {}

-- Only `interval` and `delay` go together.
local function check_times(when)
  if type(when) ~= "table" then check.fail(2, "reschedule", "table", when) end
  check.options(when, KNOWN, 2, "reschedule")
  local count = 0
  for _ in pairs(when) do count = count + 1 end
  if count == 1 or count == 2 and when.interval and when.delay then return end
  error(ValueError("reschedule takes one of interval, delay, at and expression, or interval and delay"))
end

--- A trigger for these times.
-- @tparam table scheduler
-- @tparam table job
-- @tparam table when `interval` `delay` `at` or `expression`, or `interval` and `delay`
-- @treturn table
-- @raise `ValueError`; `bad argument`
function scheduler_times.trigger(scheduler, job, when)
  check_times(when)
  if when.expression then return triggers.cron(when.expression, job.options.timezone or scheduler.timezone) end
  if when.at then return triggers.at(scheduler_options.time(when.at, 2, "reschedule")) end
  local delay = when.delay and scheduler_options.delay(when.delay, 2, "reschedule")
  if not when.interval then return triggers.once(delay) end
  return triggers.interval(scheduler_options.interval(when.interval, 2, "reschedule"), delay or 0)
end

return scheduler_times
