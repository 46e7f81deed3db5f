--- The fields of a cron expression, in their order.
--
-- `least` and `most` bound the numbers that may be written, `last` is what `*` and `N/STEP` go up
-- to, and after that a range goes on from `least`: day 7 of the week is day 0.
-- @module saros.cron_fields
-- @local

local MONTHS = {JAN = 1, FEB = 2, MAR = 3, APR = 4, MAY = 5, JUN = 6, JUL = 7, AUG = 8, SEP = 9, OCT = 10,
  NOV = 11, DEC = 12}
local WEEKDAYS = {SUN = 0, MON = 1, TUE = 2, WED = 3, THU = 4, FRI = 5, SAT = 6}

-- `is_time`: a range or a step there makes the expression an interval.
return {
  {
    key = "seconds", name = "second", least = 0, most = 59, last = 59, is_time = true,
    allowed = "0-59 and * ? , - /",
  },
  {
    key = "minutes", name = "minute", least = 0, most = 59, last = 59, is_time = true,
    allowed = "0-59 and * ? , - /",
  },
  {
    key = "hours", name = "hour", least = 0, most = 23, last = 23, is_time = true,
    allowed = "0-23 and * ? , - /",
  },
  {
    key = "days", name = "day of month", least = 1, most = 31, last = 31,
    allowed = "1-31 and * ? , - /, or L, L-3, LW, 15W",
  },
  {
    key = "months", name = "month", least = 1, most = 12, last = 12, names = MONTHS,
    allowed = "1-12 or JAN-DEC and * ? , - /",
  },
  {
    key = "weekdays", name = "day of week", least = 0, most = 7, last = 6, names = WEEKDAYS,
    allowed = "0-7 or SUN-SAT and * ? , - /, or 5L, FRIL, MON#2",
  },
}
