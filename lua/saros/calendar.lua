--- The Gregorian calendar, before its beginning as well: dates and days since 1970-01-01.
-- @module saros.calendar
-- @local

-- From 0000-03-01 to 1970-01-01. A year that begins in March has its leap day at the end.
local EPOCH = 719468

local LENGTHS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

local calendar = {
  -- Of seconds.
  DAY = 86400,
  -- In years: for each month there is one within this time that is as long and begins with the same day of
  -- the week. Longest is the way from one February of 29 days to the next around a year such as 2100.
  LONGEST_WAY = 40,
}

-- The days before a year that begins in March.
local function days_before(year)
  return 365 * year + year // 4 - year // 100 + year // 400
end

--- The number of a day.
-- @tparam integer year such as 2026
-- @tparam integer month from 1
-- @tparam integer day from 1
-- @treturn integer days since 1970-01-01
function calendar.day_number(year, month, day)
  if month < 3 then year, month = year - 1, month + 12 end
  -- 153 days are five months from March on, or from August on.
  return days_before(year) + (153 * month - 457) // 5 + day - 1 - EPOCH
end

--- The date of a day.
-- @tparam integer number days since 1970-01-01
-- @treturn integer the year
-- @treturn integer the month, from 1
-- @treturn integer the day, from 1
function calendar.date(number)
  number = number + EPOCH
  local year = 400 * number // 146097 -- or next to it
  if days_before(year + 1) <= number then
    year = year + 1
  elseif days_before(year) > number then
    year = year - 1
  end
  local day = number - days_before(year)
  local month = (5 * day + 2) // 153 + 3
  day = day - (153 * month - 457) // 5 + 1
  if month > 12 then return year + 1, month - 12, day end
  return year, month, day
end

--- The day of the week.
-- @tparam integer number days since 1970-01-01
-- @treturn integer from 0, Sunday, to 6
function calendar.weekday(number)
  return (number + 4) % 7
end

--- Whether a year has a leap day.
-- @tparam integer year such as 2026
-- @treturn boolean
function calendar.is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

--- How many days a month has.
-- @tparam integer year such as 2026
-- @tparam integer month from 1
-- @treturn integer
function calendar.month_length(year, month)
  if month == 2 and calendar.is_leap(year) then return 29 end
  return LENGTHS[month]
end

return calendar
