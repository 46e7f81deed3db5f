--- Loops on a virtual clock: an hour of sleeping takes no time.
--
-- Whenever such a loop would wait for a timer, its clock jumps to the deadline. All that
-- is ready runs first, so a task never sees time pass while it or another one can go on.
-- While something is outstanding, such as an open connection, a look-up, a job or a child
-- process, nobody can tell how long it takes, and the clock follows real time. Listeners
-- and signal handlers are not outstanding. When nothing is ready, timed, or outstanding,
-- waiting would last for ever: the loop raises a `RuntimeError` that names the tasks.
-- @module saros.virtual_clock

local core = require "saros.core"
local check = require "saros.check"
local places = require "saros.places"
local policy = require "saros.policy"
local release = require "saros.waiter".release

local EventLoop = core.EventLoop
local errors = core.errors

-- 2000-01-01T00:00:00Z: what the wall clock shows unless told otherwise.
local DEFAULT_START = 946684800.0

local OPTIONS = {manual = "boolean", start = "any"}

local function check_finite(value, n, name)
  local number = check.number(value, n, name)
  if number == math.huge or number == -math.huge then
    error(errors.ValueError(("argument #%d to '%s' is not finite"):format(n, name)))
  end
  return number
end

local function check_start(start)
  if type(start) ~= "number" then
    local message = "bad argument #1 to 'VirtualClockLoop' (option 'start': number expected, got %s)"
    error(message:format(check.type_name(start)), 0)
  end
  if start ~= start or start == math.huge or start == -math.huge then
    error(errors.ValueError("option 'start' of 'VirtualClockLoop' is not finite"))
  end
  return start
end

-- ---- when nothing can happen ----

local function count(n, noun)
  return ("%d %s%s"):format(n, noun, n == 1 and "" or "s")
end

local function describe_timers(loop)
  local timers = loop:stats().timers
  if timers == 0 then return "" end
  return (", but %s will be due when advance() moves the clock"):format(count(timers, "timer"))
end

-- The message of the error that leaves the loop then.
local function describe_deadlock(loop)
  local lines = {}
  if core.has_manual_clock(loop) then
    lines[1] = "the loop waits for ever: nothing is ready or outstanding, and the clock is manual"
      .. describe_timers(loop)
  else
    lines[1] = "the loop waits for ever: nothing is ready, timed or outstanding"
  end
  local tasks = core.all_tasks(loop)
  if #tasks > 0 then lines[1] = ("%s; %s:"):format(lines[1], count(#tasks, "waiting task")) end
  for _, task in ipairs(tasks) do lines[#lines + 1] = "  " .. places.describe(task) end
  return table.concat(lines, "\n")
end

-- ---- the loop ----

--- A loop on a virtual clock; to be extended like any loop class. A subclass that has an
-- `init` of its own calls `VirtualClockLoop.init(self, options)` in it.
--
-- `loop:time()` begins at 0. `loop:wall_time()` is virtual as well and moves with it;
-- `os.time`, `os.clock` and `saros.monotonic` are the machine's.
-- @type VirtualClockLoop
-- @extends EventLoop
local VirtualClockLoop = EventLoop:extend("VirtualClockLoop")

--- What calling the class does: `VirtualClockLoop(options)`.
-- @tparam ?table options how the clock goes
-- @tparam[opt=false] boolean options.manual true for a clock that moves by `advance` alone
-- @tparam[opt=946684800] number options.start what the wall clock shows at first, in
-- seconds since the epoch; by default it is 2000-01-01T00:00:00Z
-- @raise `bad argument`; `ValueError` for an unknown option and for a start that is not
-- finite
function VirtualClockLoop:init(options)
  options = check.options(options, OPTIONS, 1, "VirtualClockLoop")
  local start = options.start == nil and DEFAULT_START or check_start(options.start)
  core.make_clock_virtual(self, start, options.manual or false, describe_deadlock)
end

--- Step the wall clock, as an administrator does: `loop:time()` and the timers do not
-- notice.
-- @tparam number seconds what it shows from now on, in seconds since the epoch
-- @raise `bad argument`; `ValueError` for what is not finite; `RuntimeError` if the loop
-- is closed
function VirtualClockLoop:set_wall_time(seconds)
  core.set_wall_clock(self, check_finite(seconds, 1, "set_wall_time"))
end

-- Suspends the task until the clock has arrived; a cancellation ends the advance.
local function advance_in_task(loop, seconds)
  local arrival, arrived = loop:create_future(), false
  core.begin_advance(loop, seconds, function()
    arrived = true
    release(arrival)
  end)
  local ok, failure = pcall(arrival.await, arrival)
  if ok then return end
  -- Another task may have begun the next one in the meantime.
  if not arrived then core.end_advance(loop) end
  error(failure, 0)
end

-- Runs the loop until the clock has arrived, whatever else stops the loop meanwhile.
local function advance_outside(loop, seconds)
  local arrived = false
  core.begin_advance(loop, seconds, function()
    arrived = true
    loop:stop()
  end)
  repeat
    local ok, failure = pcall(loop.run_forever, loop)
    if not ok then
      core.end_advance(loop)
      error(failure, 0)
    end
  until arrived
end

--- Move a manual clock. Every timer that is due on the way fires at its own deadline,
-- which is what `time()` shows until all that it made ready has run. Then the clock
-- stands at exactly `time() + seconds`. In a task it suspends, and the task goes on when
-- time has arrived and everything due has run; outside of a running loop it drives the
-- loop.
-- @tparam number seconds zero or more; zero runs what is ready and due now
-- @raise `bad argument`; `ValueError` for a negative or infinite number and for NaN;
-- `RuntimeError` if the clock is not manual, during another advance, in a callback, which
-- can neither wait nor drive the loop, and if the loop is closed; `CancelledError`
function VirtualClockLoop:advance(seconds)
  seconds = check_finite(seconds, 1, "advance")
  if seconds < 0 then
    error(errors.ValueError(("time cannot go back by %s seconds"):format(-seconds)))
  end
  if not core.has_manual_clock(self) then
    error(errors.RuntimeError("the clock moves by itself: advance() is for VirtualClockLoop{manual=true}"))
  end
  if core.running_loop_or_nil() ~= self then return advance_outside(self, seconds) end
  if not core.current_task() then
    error(errors.RuntimeError("advance() in a callback can neither wait nor run the loop: "
      .. "call it in a task or outside of the loop"))
  end
  advance_in_task(self, seconds)
end

--- A policy that makes such loops, so that `saros.run` runs on a virtual clock:
-- `saros.set_event_loop_policy(testing.VirtualClockPolicy())`.
-- @type VirtualClockPolicy
-- @extends EventLoopPolicy
local VirtualClockPolicy = policy.EventLoopPolicy:extend("VirtualClockPolicy")

--- What calling the class does: `VirtualClockPolicy(options)`.
-- @tparam ?table options those of the loops
-- @tparam[opt=false] boolean options.manual as of `VirtualClockLoop`
-- @tparam[opt=946684800] number options.start as of `VirtualClockLoop`
-- @raise as `VirtualClockLoop`
function VirtualClockPolicy:init(options)
  options = check.options(options, OPTIONS, 1, "VirtualClockPolicy")
  if options.start ~= nil then check_start(options.start) end
  self.options = options
end

--- Make a loop on a virtual clock.
-- @treturn VirtualClockLoop
function VirtualClockPolicy:new_event_loop()
  return VirtualClockLoop(self.options)
end

return {VirtualClockLoop = VirtualClockLoop, VirtualClockPolicy = VirtualClockPolicy}
