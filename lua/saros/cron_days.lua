--- The days of a month on which a cron expression runs.
--
-- What has no fixed place in a month (`L`, `15W`, `MON#2`) is a function that is given the number
-- of days that the month has and the day of the week that it begins with, and gives a day, or nil
-- where the month has no such day.
-- @module saros.cron_days
-- @local

local calendar = require "saros.calendar"

local SUNDAY, SATURDAY = 0, 6

-- A bit for each of six weeks: times a set of days of the week, it is that set in each.
local EACH_WEEK = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28 | 1 << 35

local cron_days = {}

-- ---- days without a fixed place ----

local function weekday_of(day, first)
  return (first + day - 1) % 7
end

--- `L`, and `L-3`.
-- @tparam integer distance how many days before the last one
-- @treturn function
function cron_days.before_last(distance)
  return function(length)
    return length - distance >= 1 and length - distance or nil
  end
end

--- `15W`: the working day nearest to a day, in the same month.
-- @tparam integer day of the month
-- @treturn function
function cron_days.nearest_working_day(day)
  return function(length, first)
    if day > length then return nil end
    local weekday = weekday_of(day, first)
    if weekday == SATURDAY then return day > 1 and day - 1 or day + 2 end
    if weekday == SUNDAY then return day < length and day + 1 or day - 2 end
    return day
  end
end

--- `LW`: the last working day.
-- @tparam integer length of the month
-- @tparam integer first day of the week
-- @treturn integer
function cron_days.last_working_day(length, first)
  local weekday = weekday_of(length, first)
  if weekday == SATURDAY then return length - 1 end
  return weekday == SUNDAY and length - 2 or length
end

--- `5L`: the last such day of the week.
-- @tparam integer weekday from 0, Sunday
-- @treturn function
function cron_days.last_weekday(weekday)
  return function(length, first)
    return length - (weekday_of(length, first) - weekday) % 7
  end
end

--- `MON#2`: the second such day of the week.
-- @tparam integer weekday from 0, Sunday
-- @tparam integer n from 1 to 5
-- @treturn function
function cron_days.nth_weekday(weekday, n)
  return function(length, first)
    local day = 1 + (weekday - first) % 7 + (n - 1) * 7
    return day <= length and day or nil
  end
end

-- ---- all of them ----

local function add_special(set, special, length, first)
  for _, day_in in ipairs(special) do
    local day = day_in(length, first)
    if day then set = set | 1 << day end
  end
  return set
end

--- The days of a month.
-- @tparam table fields of an expression, as `saros.cron_parser` gives them
-- @tparam integer year such as 2026
-- @tparam integer month from 1
-- @treturn integer a set, as in `saros.bits`
function cron_days.of_month(fields, year, month)
  local length = calendar.month_length(year, month)
  local first = calendar.weekday(calendar.day_number(year, month, 1))
  local by_date = add_special(fields.days, fields.special_days, length, first)
  local by_weekday = add_special(fields.weekdays * EACH_WEEK >> first << 1, fields.special_weekdays, length, first)
  local days = fields.either_day and by_date | by_weekday or by_date & by_weekday
  return days & (1 << length + 1) - 2
end

return cron_days
