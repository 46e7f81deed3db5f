--- Cron expressions: when something is to run, in words that crontab made known.
--
--     local report = saros.cron.parse("0 9 * * MON-FRI", {timezone = "Europe/Berlin"})
--     local first = report:next(os.time())
--     for time in report:iterate(first, first + 7 * 86400) do print(time) end
--
-- There are five fields, minute, hour, day of month, month and day of week, or six with the
-- second first:
--
-- | written              | means                                                                    |
-- |----------------------|--------------------------------------------------------------------------|
-- | `*` or `?`           | all                                                                      |
-- | `5`, `MON`, `JAN`    | a number or a name, in any case; Sunday is 0 and 7                       |
-- | `9-17`, `FRI-MON`    | a range, around the end too: `22-2`                                      |
-- | `*/5`, `10/5`, `1-30/3` | each fifth, each fifth from 10 to the end, each third of a range      |
-- | `1,15`               | any of these                                                             |
-- | `L`, `L-3`           | day of month: the last day, the third day before it                      |
-- | `15W`, `LW`          | day of month: the Monday to Friday nearest to the 15th in its month, the last one |
-- | `5L`, `FRIL`         | day of week: the last Friday of the month                                |
-- | `MON#2`              | day of week: the second Monday of the month                              |
--
-- Or a name instead: `@yearly` `@annually` `@monthly` `@weekly` `@daily` `@midnight` `@hourly`
-- `@every_minute` `@every_second`.
--
-- As crontab does, if both the day of month and the day of week are restricted, a day need only match
-- one of them; a field that begins with `*` or `?` is not restricted, so `0 0 */2 * MON` runs on
-- Mondays that are odd days.
--
-- Where clocks are set forward, what would run at a time that does not exist runs at the first instant
-- after the gap, once. Where clocks are set back, an interval, which is an expression with `*`, a range
-- or a step in seconds, minutes or hours, runs in both of the hours that look the same; any other runs
-- in the first.
--
-- Time zones are those of the system's database, in the folder that the environment's TZDIR names or
-- else in the usual ones; each is read once. asyncio has nothing like this.
-- @module saros.cron

local core = require "saros.core"
local check = require "saros.check"
local cron_parser = require "saros.cron_parser"
local cron_runs = require "saros.cron_runs"
local timezone = require "saros.timezone"

local ValueError = core.errors.ValueError

local OPTIONS = {timezone = "string"}
local DEFAULT_TIMEZONE = "UTC"

-- From the beginning of the year 1 to the end of the year 9999, in seconds since the epoch.
local EARLIEST, LATEST = -62135596800, 253402300799

local function check_time(value, n, name)
  local time = check.number(value, n, name)
  if time < EARLIEST or time > LATEST then
    local message = "argument #%d to '%s' is %s, which is in none of the years from 1 to 9999"
    error(ValueError(message:format(n, name, time)))
  end
  return time
end

--- A cron expression in a time zone. Times are seconds since the epoch.
-- @type CronExpression
local CronExpression = {__name = "CronExpression"}
CronExpression.__index = CronExpression

--- The text it was made from.
-- @attribute string CronExpression.expression

--- The name of its time zone.
-- @attribute string CronExpression.timezone

--- When it runs next.
-- @tparam number after seconds since the epoch
-- @treturn ?integer seconds since the epoch, always later than `after`; nil if it never runs
-- @raise `bad argument`; `ValueError` for a time that is not in the years from 1 to 9999
function CronExpression:next(after)
  after = check_time(after, 1, "next")
  local run = cron_runs.next(self.fields, self.zone, math.floor(after) + 1)
  assert(not run or run > after, "a cron expression's next run is not later than its last")
  return run
end

--- When it ran last.
-- @tparam number before seconds since the epoch
-- @treturn ?integer seconds since the epoch, always earlier than `before`; nil if it never runs
-- @raise `bad argument`; `ValueError` for a time that is not in the years from 1 to 9999
function CronExpression:previous(before)
  before = check_time(before, 1, "previous")
  local run = cron_runs.previous(self.fields, self.zone, math.ceil(before) - 1)
  assert(not run or run < before, "a cron expression's previous run is not earlier than its last")
  return run
end

--- All runs from a time on.
-- @tparam number from seconds since the epoch; a run at this very time is one of them
-- @tparam ?number to seconds since the epoch; a run at this time or later is none of them. Without it,
-- they never end
-- @treturn fun():?integer an iterator, for `for time in ... do`
-- @raise `bad argument`; `ValueError` for a time that is not in the years from 1 to 9999
function CronExpression:iterate(from, to)
  local start = math.ceil(check_time(from, 1, "iterate"))
  local limit = to == nil and math.huge or check_time(to, 2, "iterate")
  local fields, zone = self.fields, self.zone
  return function()
    local run = start and cron_runs.next(fields, zone, start)
    assert(not run or run >= start, "a cron expression's next run is not later than its last")
    start = run and run < limit and run + 1 or nil
    return start and run
  end
end

function CronExpression:__tostring()
  return ("CronExpression: %s (%s)"):format(self.expression, self.timezone)
end

--- @section end

local cron = {}

--- Read a cron expression.
-- @tparam string expression such as `"0 9 * * MON-FRI"`, with any white space between the fields
-- @tparam ?table options how to read it
-- @tparam[opt="UTC"] string options.timezone the name of its time zone in the system's database, such as
-- `"Europe/Berlin"`; `"UTC"`, which needs no database; or `"local"` for the system's own zone, which is
-- `/etc/localtime` whatever the environment's TZ says, and UTC where there is no such file
-- @treturn CronExpression
-- @raise `ValueError` for an invalid expression, with the field's name and in a line of its own a caret
-- under the place; for an unknown time zone, with where it was looked for; and for an unknown
-- option; `bad argument`
function cron.parse(expression, options)
  if type(expression) ~= "string" then check.fail(1, "parse", "string", expression) end
  options = check.options(options, OPTIONS, 2, "parse")
  local name = options.timezone or DEFAULT_TIMEZONE
  return setmetatable({
    expression = expression,
    timezone = name,
    fields = cron_parser.parse(expression),
    zone = timezone.get(name),
  }, CronExpression)
end

return cron
