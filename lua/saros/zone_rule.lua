--- The rule by which a zone goes on after the last change in its file: the value of POSIX's
-- TZ, such as `CET-1CEST,M3.5.0,M10.5.0/3`, with the hours from -167 to 167 of RFC 8536.
-- @module saros.zone_rule
-- @local

local calendar = require "saros.calendar"

local DAY = calendar.DAY
local HOUR = 3600
-- When a change is that has no time.
local DEFAULT_TIME = 2 * HOUR

local ZoneRule = {__name = "ZoneRule"}
ZoneRule.__index = ZoneRule

-- ---- the days of changes, by what parsing knows of them ----

-- M3.5.0: a day of the week in a month, the fifth being the last one.
local function nth_weekday(month, week, weekday)
  return function(year)
    local first = calendar.day_number(year, month, 1)
    local day = first + (weekday - calendar.weekday(first)) % 7 + (week - 1) * 7
    if day >= first + calendar.month_length(year, month) then day = day - 7 end
    return day
  end
end

-- J60: the sixtieth day of a year without its leap day.
local function julian_day(number)
  return function(year)
    local leap_day = number >= 60 and calendar.is_leap(year) and 1 or 0
    return calendar.day_number(year, 1, 1) + number - 1 + leap_day
  end
end

-- 59: the same day, counted from 0; leap days count.
local function plain_day(number)
  return function(year) return calendar.day_number(year, 1, 1) + number end
end

-- ---- parsing ----

-- Takes what matches off the front of what is left; nil if nothing does.
local function take(self, pattern)
  local from, to, a, b, c = self.text:find("^" .. pattern, self.position)
  if not from then return nil end
  self.position = to + 1
  return a or self.text:sub(from, to), b, c
end

local function fail()
  error("has a rule that cannot be read", 0)
end

local function within(number, least, most)
  number = math.tointeger(tonumber(number))
  if not number or number < least or number > most then fail() end
  return number
end

-- Hours, minutes and seconds with a sign, in seconds.
local function take_time(self, most_hours)
  local sign = take(self, "[+-]")
  local seconds = within(take(self, "%d+"), 0, most_hours) * HOUR
  for _, unit in ipairs {60, 1} do
    local part = take(self, ":(%d+)")
    if not part then break end
    seconds = seconds + within(part, 0, 59) * unit
  end
  return sign == "-" and -seconds or seconds
end

local function take_name(self)
  local name = take(self, "%a%a%a+") or take(self, "<([%w+-]+)>")
  if not name then fail() end
  return name
end

local function take_day(self)
  local month, week, weekday = take(self, ",M(%d+)%.(%d)%.(%d)")
  if month then return nth_weekday(within(month, 1, 12), within(week, 1, 5), within(weekday, 0, 6)) end
  local number = take(self, ",J(%d+)")
  if number then return julian_day(within(number, 1, 365)) end
  return plain_day(within(take(self, ",(%d+)"), 0, 365))
end

local function take_change(self)
  local day = take_day(self)
  return {day = day, time = take(self, "/") and take_time(self, 167) or DEFAULT_TIME}
end

local function parse(text)
  local self = {text = text, position = 1}
  local rule = setmetatable({}, ZoneRule)
  local name = take_name(self)
  -- The sign is that of POSIX: west of Greenwich is positive.
  rule.standard = {offset = -take_time(self, 24), abbreviation = name, is_daylight = false}
  if self.position <= #text then
    name = take_name(self)
    local offset = rule.standard.offset + HOUR
    if not text:find("^,", self.position) then offset = -take_time(self, 24) end
    rule.daylight = {offset = offset, abbreviation = name, is_daylight = true}
    rule.starts, rule.ends = take_change(self), take_change(self)
  end
  if self.position <= #text then fail() end
  return rule
end

-- ---- the rule ----

-- The changes of a year: when, and to what.
local function changes_of(self, year)
  local starts, ends = self.starts, self.ends
  return {
    at = starts.day(year) * DAY + starts.time - self.standard.offset,
    kind = self.daylight,
  }, {
    at = ends.day(year) * DAY + ends.time - self.daylight.offset,
    kind = self.standard,
  }
end

-- Where summer time never ends, it ends and begins at the same instant.
local function comes_before(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return b.kind.is_daylight and not a.kind.is_daylight
end

--- What holds at a time, from when on and until when.
-- @tparam integer t seconds since the epoch
-- @treturn table the kind of time, as `saros.tzif` has it
-- @treturn number since when; minus infinity if it always was
-- @treturn number until when; infinity if it always will be
function ZoneRule:at(t)
  if not self.daylight then return self.standard, -math.huge, math.huge end
  local year = calendar.date(t // DAY)
  local changes = {}
  for y = year - 1, year + 1 do
    changes[#changes + 1], changes[#changes + 2] = changes_of(self, y)
  end
  table.sort(changes, comes_before)
  local i = #changes
  while changes[i].at > t do i = i - 1 end
  return changes[i].kind, changes[i].at, changes[i + 1].at
end

local zone_rule = {}

--- Read a rule.
-- @tparam string text such as `"CET-1CEST,M3.5.0,M10.5.0/3"`
-- @treturn ?ZoneRule the rule
-- @treturn ?string what is wrong with it, instead
function zone_rule.parse(text)
  local ok, result = pcall(parse, text)
  if ok then return result end
  return nil, result
end

return zone_rule
