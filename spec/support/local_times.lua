--- Times as clocks show them, for specs of cron: `"2026-03-29 03:00:00"`.

local calendar = require "saros.calendar"
local saros = require "saros"
local timezone = require "saros.timezone"

local local_times = {}

--- Seconds since the epoch.
-- @tparam string text a time in UTC, with or without its time of day
-- @treturn integer
function local_times.utc(text)
  local year, month, day, hour, minute, second = text:match("^(%d+)-(%d+)-(%d+) ?(%d*):?(%d*):?(%d*)$")
  local function number(digits) return math.tointeger(tonumber(digits)) or 0 end
  return calendar.day_number(number(year), number(month), number(day)) * 86400
    + number(hour) * 3600 + number(minute) * 60 + number(second)
end

--- What the clocks of a zone show.
-- @tparam integer time seconds since the epoch
-- @tparam[opt="UTC"] string zone
-- @treturn string
function local_times.show(time, zone)
  return os.date("!%Y-%m-%d %H:%M:%S", time + timezone.get(zone or "UTC"):segment(time).offset)
end

--- The next runs of an expression, one after the other, and asserts that `previous` and `iterate` give
-- the same ones.
-- @tparam string expression
-- @tparam string after a time in UTC
-- @tparam integer count how many
-- @tparam[opt="UTC"] string zone
-- @treturn {string,...} as the zone's clocks show them
function local_times.runs(expression, after, count, zone)
  local parsed = saros.cron.parse(expression, {timezone = zone})
  local runs, texts = {[0] = local_times.utc(after)}, {}
  for i = 1, count do
    runs[i] = assert(parsed:next(runs[i - 1]), expression .. " never runs")
    texts[i] = local_times.show(runs[i], zone)
  end
  local time = runs[count] + 1
  for i = count, 1, -1 do
    time = parsed:previous(time)
    assert(time == runs[i], ("%s: before is %s, next was %s"):format(expression, time, runs[i]))
  end
  local i = 1
  for run in parsed:iterate(runs[0] + 1, runs[count] + 1) do
    assert(run == runs[i], ("%s: iterate gives %s, next gave %s"):format(expression, run, runs[i]))
    i = i + 1
  end
  assert(i == count + 1, ("%s: iterate gives %d runs, next gave %d"):format(expression, i - 1, count))
  return texts
end

return local_times
