--- The nearest time that the fields of a cron expression allow, in local seconds: those of a
-- calendar without time zones.
--
-- Goes field by field: the day from the sets of months and days, then the time of day.
-- @module saros.cron_search
-- @local

local bits = require "saros.bits"
local calendar = require "saros.calendar"
local cron_days = require "saros.cron_days"

local DAY, LONGEST_WAY = calendar.DAY, calendar.LONGEST_WAY

-- More than any number in a field.
local ABOVE = 60

-- The two ways to search: by how much a number changes, which bit of a set is the nearest that way from a number on,
-- and where a field and a day begin.
local FORWARD = {step = 1, find = bits.next, start = 0, time = 0}
local BACKWARD = {step = -1, find = bits.previous, start = ABOVE, time = DAY - 1}

local cron_search = {}

-- Whether the expression runs on a day at all. The last answer is kept: what asks for one time
-- after the other asks for one day many times.
local function runs_on(fields, number)
  if fields.known_day ~= number then
    local year, month, day = calendar.date(number)
    fields.known_day = number
    fields.runs_on_it = fields.months >> month & 1 == 1 and cron_days.of_month(fields, year, month) >> day & 1 == 1
  end
  return fields.runs_on_it
end

-- The nearest time of day from `time` on; nil if none is left.
local function find_time(fields, time, way)
  local find, start, step = way.find, way.start, way.step
  local hour, minute = time // 3600, time // 60 % 60
  if fields.hours >> hour & 1 == 1 then
    if fields.minutes >> minute & 1 == 1 then
      local second = find(fields.seconds, time % 60)
      if second then return hour * 3600 + minute * 60 + second end
    end
    minute = find(fields.minutes, minute + step)
    if minute then return hour * 3600 + minute * 60 + find(fields.seconds, start) end
  end
  hour = find(fields.hours, hour + step)
  if hour then return hour * 3600 + find(fields.minutes, start) * 60 + find(fields.seconds, start) end
end

-- The nearest day from `number` on. What is on no day of all kinds of months is on none at all.
local function find_day(fields, number, way)
  local find, start, step = way.find, way.start, way.step
  local year, month, day = calendar.date(number)
  local first_year = year
  while math.abs(year - first_year) <= LONGEST_WAY do
    local found = find(fields.months, month)
    if found then
      if found ~= month then day = start end
      month = found
      day = find(cron_days.of_month(fields, year, month), day)
      if day then return calendar.day_number(year, month, day) end
      month, day = month + step, start
    else
      year, month, day = year + step, start, start
    end
  end
end

local function search(fields, seconds, way)
  local day = seconds // DAY
  if runs_on(fields, day) then
    local time = find_time(fields, seconds % DAY, way)
    if time then return day * DAY + time end
  end
  day = find_day(fields, day + way.step, way)
  return day and day * DAY + find_time(fields, way.time, way)
end

--- The first time that is allowed, not before another.
-- @tparam table fields of an expression, as `saros.cron_parser` gives them
-- @tparam integer seconds local seconds
-- @treturn ?integer nil if there is none
function cron_search.next(fields, seconds)
  return search(fields, seconds, FORWARD)
end

--- The last time that is allowed, not after another.
-- @tparam table fields of an expression, as `saros.cron_parser` gives them
-- @tparam integer seconds local seconds
-- @treturn ?integer nil if there is none
function cron_search.previous(fields, seconds)
  return search(fields, seconds, BACKWARD)
end

return cron_search
