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

local next_bit, previous_bit = bits.next, bits.previous

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

-- ---- forward ----

-- The first time of day at `time` or later; nil if none is left.
local function next_time(fields, time)
  local hour, minute = time // 3600, time // 60 % 60
  if fields.hours >> hour & 1 == 1 then
    if fields.minutes >> minute & 1 == 1 then
      local second = next_bit(fields.seconds, time % 60)
      if second then return hour * 3600 + minute * 60 + second end
    end
    minute = next_bit(fields.minutes, minute + 1)
    if minute then return hour * 3600 + minute * 60 + next_bit(fields.seconds, 0) end
  end
  hour = next_bit(fields.hours, hour + 1)
  if hour then return hour * 3600 + next_bit(fields.minutes, 0) * 60 + next_bit(fields.seconds, 0) end
end

-- The first day at `number` or later. What is on no day of all kinds of months is on none at all.
local function next_day(fields, number)
  local year, month, day = calendar.date(number)
  local last_year = year + LONGEST_WAY
  while year <= last_year do
    local found = next_bit(fields.months, month)
    if found then
      if found > month then day = 1 end
      month = found
      day = next_bit(cron_days.of_month(fields, year, month), day)
      if day then return calendar.day_number(year, month, day) end
      month, day = month + 1, 1
    else
      year, month, day = year + 1, 1, 1
    end
  end
end

--- The first time that is allowed, not before another.
-- @tparam table fields of an expression, as `saros.cron_parser` gives them
-- @tparam integer seconds local seconds
-- @treturn ?integer nil if there is none
function cron_search.next(fields, seconds)
  local day = seconds // DAY
  if runs_on(fields, day) then
    local time = next_time(fields, seconds % DAY)
    if time then return day * DAY + time end
  end
  day = next_day(fields, day + 1)
  return day and day * DAY + next_time(fields, 0)
end

-- ---- backward ----

-- The last time of day at `time` or earlier; nil if there was none.
local function previous_time(fields, time)
  local hour, minute = time // 3600, time // 60 % 60
  if fields.hours >> hour & 1 == 1 then
    if fields.minutes >> minute & 1 == 1 then
      local second = previous_bit(fields.seconds, time % 60)
      if second then return hour * 3600 + minute * 60 + second end
    end
    minute = previous_bit(fields.minutes, minute - 1)
    if minute then return hour * 3600 + minute * 60 + previous_bit(fields.seconds, ABOVE) end
  end
  hour = previous_bit(fields.hours, hour - 1)
  if hour then
    return hour * 3600 + previous_bit(fields.minutes, ABOVE) * 60 + previous_bit(fields.seconds, ABOVE)
  end
end

-- The last day at `number` or earlier.
local function previous_day(fields, number)
  local year, month, day = calendar.date(number)
  local first_year = year - LONGEST_WAY
  while year >= first_year do
    local found = previous_bit(fields.months, month)
    if found then
      if found < month then day = ABOVE end
      month = found
      day = previous_bit(cron_days.of_month(fields, year, month), day)
      if day then return calendar.day_number(year, month, day) end
      month, day = month - 1, ABOVE
    else
      year, month, day = year - 1, 12, ABOVE
    end
  end
end

--- The last time that is allowed, not after another.
-- @tparam table fields of an expression, as `saros.cron_parser` gives them
-- @tparam integer seconds local seconds
-- @treturn ?integer nil if there is none
function cron_search.previous(fields, seconds)
  local day = seconds // DAY
  if runs_on(fields, day) then
    local time = previous_time(fields, seconds % DAY)
    if time then return day * DAY + time end
  end
  day = previous_day(fields, day - 1)
  return day and day * DAY + previous_time(fields, DAY - 1)
end

return cron_search
