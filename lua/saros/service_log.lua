--- What a service logs: lines for people, or objects for machines, on standard error.
--
-- It is a logger for `saros.set_logger`, so that what the library says goes the same way; what the
-- service says itself has fields besides.
-- @module saros.service_log
-- @local

local core = require "saros.core"
local date_text = require "saros.date_text"
local json = require "saros.json"
local safe_text = require "saros.safe_text"

local LEVELS = {"debug", "info", "warn", "error", "fatal"}

local Log = {}
Log.__index = Log

local service_log = {}

-- The loop's, because that is the time by which jobs run.
local function now()
  local loop = core.running_loop_or_nil()
  return loop and loop:wall_time() or os.time() + 0.0
end

local function write(line)
  -- One text is one write, so that lines of several processes do not mix.
  io.stderr:write(line .. "\n")
end

local writers = {}

function writers.text(level, message)
  write(("%s %-5s %s"):format(date_text(now()), level, message))
end

local function iso(time)
  local seconds = math.floor(time)
  return ("%s.%03dZ"):format(os.date("!%Y-%m-%dT%H:%M:%S", seconds), math.floor((time - seconds) * 1000))
end

function writers.json(level, message, fields)
  local entry = {time = iso(now()), level = level, message = message}
  for name, value in pairs(fields) do entry[name] = value end
  write(json.encode(entry))
end

--- Make a log.
-- @tparam string format `"text"` or `"json"`
-- @treturn table
function service_log.new(format)
  return setmetatable({format = format, write = writers[format]}, Log)
end

--- Say something.
-- @tparam string level one of `debug` `info` `warn` `error` `fatal`
-- @tparam string message for people
-- @tparam ?table fields for machines, values by name
function Log:say(level, message, fields)
  self.write(level, message, fields or {})
end

for _, level in ipairs(LEVELS) do
  Log[level] = function(self, format, ...)
    local count = select("#", ...)
    local message = count > 0 and format:format(...) or format
    local last = count > 0 and select(count, ...)
    -- As `saros.logger` says.
    local fields = type(last) == "table" and getmetatable(last) == nil and last or nil
    self:say(level, (message:gsub("\n$", "")), fields)
  end
end

-- ---- what nobody catches ----

local function traceback_of(context)
  local exception = context.exception
  local own = core.is_error(exception) and exception.traceback
  return own and safe_text(own) or context.traceback and safe_text(context.traceback)
end

--- An exception handler for the scheduler's loop. For people it writes what the default one does.
-- @tparam Scheduler scheduler
-- @tparam table context
function Log:report(scheduler, context)
  if self.format == "text" then return scheduler.loop:default_exception_handler(context) end
  local run = scheduler.tasks[context.task]
  self:say("error", safe_text(context.message or "Unhandled exception in event loop"), {
    event = run and "failed",
    job = run and run.job.name,
    fire_time = run and run.fire_time,
    attempt = run and run.attempts,
    error = context.exception ~= nil and safe_text(context.exception) or nil,
    traceback = traceback_of(context),
  })
end

-- ---- what the scheduler tells ----

local function count_runs(count)
  return count == 1 and "a run" or ("%d runs"):format(count)
end

local tellers = {}

function tellers.missed(event)
  return "warn", ("the job '%s' has missed %s, due %s"):format(event.name, count_runs(event.count),
    date_text(event.fire_time))
end

function tellers.skipped(event)
  return "warn", ("the job '%s' has skipped %s, due %s, because of another one"):format(event.name,
    count_runs(event.count), date_text(event.fire_time))
end

function tellers.cancelled(event)
  if not event.fire_time then return "info", ("the job '%s' is cancelled"):format(event.name) end
  return "info", ("a run of the job '%s', due %s, is cancelled"):format(event.name, date_text(event.fire_time))
end

--- Say what happens to a scheduler's jobs. What fails, its exception handler is told.
-- @tparam Scheduler scheduler
function Log:listen(scheduler)
  for name, tell in pairs(tellers) do
    scheduler:on(name, function(event)
      local level, message = tell(event)
      self:say(level, message, {event = name, job = event.name, fire_time = event.fire_time, count = event.count})
    end)
  end
  scheduler.loop:set_exception_handler(function(_, context) self:report(scheduler, context) end)
end

return service_log
