--- Noticing that something held the loop: a computation, a blocking call.
-- asyncio has nothing like it but its debug mode, which measures every callback.
--
--     local monitor <close> = saros.LoopMonitor {threshold = 0.05}
--     monitor:start()
--
-- A task sleeps for an interval again and again; when it wakes up late, the loop was held.
-- @module saros.loop_monitor

local core = require "saros.core"
local check = require "saros.check"
local logger = require "saros.logger"

local errors = core.errors

local OPTIONS = {threshold = "number", interval = "number", on_block = "callable"}

local MESSAGE = "Exception in on_block of a LoopMonitor"

local DEFAULT_THRESHOLD = 0.1
local DEFAULT_INTERVAL = 0.05

local LoopMonitor = {__name = "LoopMonitor"}
LoopMonitor.__index = LoopMonitor

local function log_block(seconds)
  logger.warn("%s", ("The event loop was held for %.3f seconds"):format(seconds))
end

-- A sleep that does not keep the loop's `run` going: who only watches has nothing to do.
local function sleep_in_background(loop, seconds)
  loop:_background(1)
  local ok, failure = pcall(core.sleep, seconds)
  loop:_background(-1)
  if not ok then error(failure, 0) end
end

-- What failed, with the traceback that only a message handler can see.
local function describe_failure(exception)
  return {
    message = MESSAGE,
    exception = exception,
    traceback = debug.traceback(nil, 2),
  }
end

local function report(loop, task, failure)
  -- Out of memory, or an error in the message handler: Lua hands over what it has.
  if type(failure) ~= "table" or failure.message == nil then failure = {message = MESSAGE, exception = failure} end
  local exception = failure.exception
  if core.is_error(exception, errors.CancelledError) or core.is_error(exception, errors.KeyboardInterrupt) then
    error(exception, 0)
  end
  failure.task = task
  loop:call_exception_handler(failure)
end

local function watch(self, loop)
  local task = core.current_task()
  while true do
    local due = loop:time() + self.interval
    sleep_in_background(loop, self.interval)
    local late = loop:time() - due
    if late > self.threshold then
      local ok, failure = xpcall(self.on_block, describe_failure, late)
      if not ok then report(loop, task, failure) end
    end
  end
end

--- Watches one loop at a time.
-- @type LoopMonitor

--- Begin to watch the running loop, in a task of the monitor's own; returns at once.
--
-- That task does not keep `loop:run()`, or a script under the launcher, going: when nothing else is left, it
-- ends. `saros.run` cancels it like any task that is left when the program ends.
-- @treturn LoopMonitor the monitor
-- @raise `RuntimeError` if it was started already, or no loop is running
function LoopMonitor:start()
  if self.task and not self.task:done() then
    error(errors.RuntimeError("the loop monitor was started already"))
  end
  self.task = core.create_task(watch, self, core.need_loop()):set_name("LoopMonitor")
  return self
end

--- End watching. What the monitor has not noticed yet is not told any more. It may be started again, on another
-- loop, too. Stopping what was not started, or twice, does nothing.
function LoopMonitor:stop()
  local task = self.task
  self.task = nil
  if task then task:cancel() end
end

--- Whether the monitor watches.
-- @treturn boolean
function LoopMonitor:is_running()
  return self.task ~= nil and not self.task:done()
end

LoopMonitor.__close = LoopMonitor.stop

--- @section end

local function check_positive(value, name)
  if value > 0 and value < math.huge then return value end
  local message = "%s must be a positive number of seconds, got %s"
  error(errors.ValueError(message:format(name, value)))
end

local loop_monitor = {}

--- Make a monitor. `local monitor <close> = saros.LoopMonitor()` stops it at the end of the scope.
-- @tparam ?table options `threshold`: from how many seconds of delay on the loop counts as held (0.1);
-- `interval`: how many seconds lie between two looks (0.05), and by how much the length of a block may be
-- underestimated; `on_block`: called as `on_block(seconds)`, in the monitor's task, with how long the loop was
-- held at least; it may suspend, and what it raises goes to the loop's exception handler. By default it logs a
-- warning. All times are by the loop's own clock
-- @treturn LoopMonitor
-- @raise `ValueError` for an interval or threshold that is not positive and finite, and for an unknown option;
-- `bad argument`
function loop_monitor.LoopMonitor(options)
  options = check.options(options, OPTIONS, 1, "LoopMonitor")
  return setmetatable({
    threshold = check_positive(options.threshold or DEFAULT_THRESHOLD, "threshold"),
    interval = check_positive(options.interval or DEFAULT_INTERVAL, "interval"),
    on_block = options.on_block or log_block,
  }, LoopMonitor)
end

return loop_monitor
