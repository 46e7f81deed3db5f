--- When a job runs: the triggers of a scheduler.
--
-- A trigger has points, at each of which the job is to run. What a point is, only its trigger knows:
-- others pass it to the trigger's methods.
--
-- - `trigger.clock`: by which clock it goes, `"loop"` or `"wall"`; what is called `clock` below is the scheduler's,
--   which has both
-- - `trigger.repeats`: whether there is another point after a point
-- - `signature()`: a text that is the same for the same trigger
-- - `begin(clock, taken)`: start it now; gives the first point. By the loop's clock, its fire time is not
--   `taken`, that of the job's last run, as it would be when no time has passed
-- - `continue(clock, anchor, fire_time)`: go on with what a trigger of this signature has begun, its
--   `anchor`, and the fire time of its next point; gives that point
-- - `due(point)`: when that is by the trigger's clock
-- - `fire_time(point)`: in seconds since the epoch: the run's identity, which no step of a clock changes
-- - `next(point)`: the point after it, nil if there is none
-- - `latest(point, now)`: the last one that is due at `now`, at least `point`; and the one after it
-- - `count(first, last)`: how many points these and those between them are
-- @module saros.scheduler_triggers
-- @local

local core = require "saros.core"
local cron = require "saros.cron"

local ValueError = core.errors.ValueError

-- Of how many points of a cron expression it is told how many they are: each has to be searched for.
local MAX_COUNTED = 100000

-- By how many seconds a fire time is moved that is another run's.
local NUDGE = 1e-5

local MICROSECONDS = 1e6

local triggers = {}

-- ---- by the loop's clock ----

-- The fire time of what is due after a delay. What was moved before may be a little ahead; what is far
-- ahead was before the wall clock was set back.
local function begin_anchor(clock, delay, taken)
  -- A store may know no more than microseconds, and the fire times are to be the same after it.
  local anchor = math.floor((clock:wall_time() + delay) * MICROSECONDS + 0.5) / MICROSECONDS
  local is_ahead = taken and taken >= anchor and taken < anchor + 1
  return is_ahead and taken + NUDGE or anchor
end

-- Points are 0, 1, 2 and so on. Times are computed from the start, so that no error adds up.
local Interval = {clock = "loop", repeats = true}
Interval.__index = Interval

function Interval:begin(clock, taken)
  self.start = clock:time() + self.delay
  self.anchor = begin_anchor(clock, self.delay, taken)
  return 0
end

function Interval:continue(clock, anchor, fire_time)
  self.start = clock:time() + (anchor - clock:wall_time())
  self.anchor = anchor
  return math.floor((fire_time - anchor) / self.interval + 0.5)
end

function Interval:signature()
  return ("every %.17g s after %.17g s"):format(self.interval, self.delay)
end

function Interval:due(point)
  return self.start + point * self.interval
end

function Interval:fire_time(point)
  return self.anchor + point * self.interval
end

function Interval:next(point)
  return point + 1
end

function Interval:latest(point, now)
  if self:due(point + 1) > now then return point, point + 1 end
  local last = math.floor((now - self.start) / self.interval)
  -- The quotient is rounded.
  if self:due(last) > now then last = last - 1 elseif self:due(last + 1) <= now then last = last + 1 end
  return last, last + 1
end

function Interval:count(first, last)
  return last - first + 1
end

--- A trigger at a fixed rate.
-- @tparam number interval seconds
-- @tparam number delay seconds until the first point
-- @treturn table
function triggers.interval(interval, delay)
  return setmetatable({interval = interval, delay = delay}, Interval)
end

-- ---- once ----

-- The only point is its fire time.
local Once = {repeats = false}
Once.__index = Once

function Once:begin(clock, taken)
  if self.clock == "loop" then
    self.start = clock:time() + self.delay
    self.anchor = begin_anchor(clock, self.delay, taken)
  end
  return self.anchor
end

function Once:continue(clock, anchor)
  -- By the wall clock it is what it was told, which the store may have rounded.
  if self.clock == "loop" then
    self.anchor = anchor
    self.start = clock:time() + (anchor - clock:wall_time())
  end
  return self.anchor
end

function Once:signature()
  if self.clock == "loop" then return ("once after %.17g s"):format(self.delay) end
  return ("at %.17g"):format(self.anchor)
end

function Once:due()
  return self.start or self.anchor
end

function Once:fire_time(point)
  return point
end

function Once:next()
  return nil
end

function Once:latest(point)
  return point, nil
end

function Once:count()
  return 1
end

--- A trigger with one point, after a delay.
-- @tparam number delay seconds by the loop's clock
-- @treturn table
function triggers.once(delay)
  return setmetatable({clock = "loop", delay = delay}, Once)
end

--- A trigger with one point, by the wall clock.
-- @tparam number when seconds since the epoch
-- @treturn table
function triggers.at(when)
  return setmetatable({clock = "wall", anchor = when + 0.0}, Once)
end

-- ---- cron ----

-- A point is its fire time.
local Cron = {clock = "wall", repeats = true}
Cron.__index = Cron

function Cron:begin(clock)
  self.anchor = clock:wall_time()
  local first = self.cron:next(self.anchor)
  if first then return first end
  error(ValueError(("the cron expression '%s' never runs"):format(self.expression)))
end

function Cron:continue(_, anchor, fire_time)
  self.anchor = anchor
  return fire_time
end

function Cron:signature()
  return ("cron %s in %s"):format(self.expression, self.cron.timezone)
end

function Cron:due(point)
  return point + 0.0
end

Cron.fire_time = Cron.due

function Cron:next(point)
  return self.cron:next(point)
end

function Cron:latest(point, now)
  local following = self.cron:next(point)
  if not following or following > now then return point, following end
  -- The fire times are whole seconds.
  local last = self.cron:previous(math.floor(now) + 1)
  return last, self.cron:next(last)
end

function Cron:count(first, last)
  if first == last then return 1 end
  local count = 0
  for _ in self.cron:iterate(first, last + 1) do
    count = count + 1
    if count == MAX_COUNTED then break end
  end
  return count
end

--- A trigger of a cron expression.
-- @tparam string expression
-- @tparam ?string timezone
-- @treturn table
-- @raise `ValueError`
function triggers.cron(expression, timezone)
  return setmetatable({cron = cron.parse(expression, {timezone = timezone}), expression = expression}, Cron)
end

return triggers
