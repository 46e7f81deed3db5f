--- Reads cron expressions.
-- @module saros.cron_parser
-- @local

local core = require "saros.core"
local cron_days = require "saros.cron_days"
local cron_fields = require "saros.cron_fields"

local ValueError = core.errors.ValueError

local MACROS = {
  ["@yearly"] = "0 0 1 1 *",
  ["@annually"] = "0 0 1 1 *",
  ["@monthly"] = "0 0 1 * *",
  ["@weekly"] = "0 0 * * 0",
  ["@daily"] = "0 0 * * *",
  ["@midnight"] = "0 0 * * *",
  ["@hourly"] = "0 * * * *",
  ["@every_minute"] = "* * * * *",
  ["@every_second"] = "* * * * * *",
}
local MACRO_NAMES = "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every_minute, @every_second"

local FIELD_COUNT = "5 fields (minute, hour, day of month, month, day of week), or 6 with the second first"

local NAME_LENGTH = 3 -- MON

-- ---- what is wrong ----

-- The expression in one line in which each character takes one column, but for those of UTF-8.
local function in_a_line(text)
  return (text:gsub("%s", " "):gsub("%c", "?"))
end

local function fail(text, at, message)
  local line = in_a_line(text)
  local column = #line:sub(1, at - 1):gsub("[\x80-\xBF]", "")
  error(ValueError(("invalid cron expression: %s\n  %s\n  %s^"):format(message, line, (" "):rep(column))))
end

-- ---- a field ----

-- Reads one field. `position` is where it is in the whole text, of which it ends at `stop`.
local FieldReader = {}
FieldReader.__index = FieldReader

function FieldReader:fail(at, message, ...)
  local field = self.field
  fail(self.text, at, ("in the field '%s', %s (allowed: %s)"):format(field.name, message:format(...), field.allowed))
end

-- The whole character at the position, for messages; nil at the end.
function FieldReader:character()
  if self.position > self.stop then return nil end
  return in_a_line(self.text:match("^.[\x80-\xBF]*", self.position))
end

function FieldReader:fail_without(what)
  local found = self:character()
  if found and found ~= "," then self:fail(self.position, "unexpected '%s' in place of a %s", found, what) end
  self:fail(self.position, "a %s is missing", what)
end

-- Takes what matches; nil if nothing does.
function FieldReader:take(pattern)
  local found = self.text:sub(1, self.stop):match("^" .. pattern, self.position)
  if found then self.position = self.position + #found end
  return found
end

function FieldReader:number(least, most, what)
  local at = self.position
  local digits = self:take("%d+")
  if not digits then self:fail_without(what) end
  local number = math.tointeger(tonumber(digits))
  if not number or number < least or number > most then
    self:fail(at, "the %s %s is not in %d-%d", what, digits, least, most)
  end
  return number
end

-- A name of three letters, after which an L may follow at once: FRIL.
function FieldReader:name()
  local names = self.field.names
  local word = names and self.text:sub(1, self.stop):match("^%a+", self.position)
  if not word then return nil end
  local number = names[word:sub(1, NAME_LENGTH):upper()]
  if not number or not word:sub(NAME_LENGTH + 1):find("^[Ll]?$") then
    self:fail(self.position, "'%s' is no name", word)
  end
  self.position = self.position + NAME_LENGTH
  return number
end

function FieldReader:value()
  return self:name() or self:number(self.field.least, self.field.most, "number")
end

-- A step after a slash; 1 and false without.
function FieldReader:step()
  if not self:take("/") then return 1, false end
  return self:number(1, self.field.most, "step"), true
end

-- Adds the numbers from one to another, around the end of the field if that is less.
function FieldReader:add_range(from, to, step)
  local field = self.field
  local size = field.last - field.least + 1
  if to < from then
    from = (from - field.least) % size + field.least -- of a week from day 7 on, which is day 0
    if to < from then to = to + size end
  end
  for number = from, to, step do
    self.set = self.set | 1 << (number - field.least) % size + field.least
  end
end

function FieldReader:add_special(day_in)
  self.special[#self.special + 1] = day_in
  return true
end

-- L, L-3 and LW in the field of days.
function FieldReader:read_last_day()
  if self.field.key ~= "days" or not self:take("[Ll]") then return false end
  if self:take("[Ww]") then return self:add_special(cron_days.last_working_day) end
  local distance = self:take("%-") and self:number(1, self.field.most - 1, "distance") or 0
  return self:add_special(cron_days.before_last(distance))
end

-- What may follow a day or a day of the week, which makes it special.
function FieldReader:read_suffix(value)
  local key = self.field.key
  if key == "days" and self:take("[Ww]") then return self:add_special(cron_days.nearest_working_day(value)) end
  if key ~= "weekdays" then return false end
  if self:take("[Ll]") then return self:add_special(cron_days.last_weekday(value % 7)) end
  if not self:take("#") then return false end
  return self:add_special(cron_days.nth_weekday(value % 7, self:number(1, 5, "week")))
end

-- A value with what may follow it.
function FieldReader:read_values()
  local value = self:value()
  if self:read_suffix(value) then return end
  local to = self:take("%-") and self:value()
  local step, has_step = self:step()
  if to or has_step then
    self.is_interval = true
    self:add_range(value, to or math.max(value, self.field.last), step)
  else
    self:add_range(value, value, 1)
  end
end

function FieldReader:read_item()
  if self:take("[*?]") then
    self.is_interval = true
    self:add_range(self.field.least, self.field.last, (self:step()))
  elseif not self:read_last_day() then
    self:read_values()
  end
end

function FieldReader:read()
  repeat self:read_item() until not self:take(",")
  local rest = self:character()
  if rest then self:fail(self.position, "unexpected '%s'", rest) end
  return self
end

local function read_field(text, field, from, stop)
  local reader = {text = text, position = from, stop = stop, field = field, set = 0, special = {}}
  return setmetatable(reader, FieldReader):read()
end

-- ---- an expression ----

-- Where the words of a text begin and end.
local function split(text)
  local words = {}
  for from, to in text:gmatch("()%S+()") do words[#words + 1] = {from = from, stop = to - 1} end
  return words
end

local function expand_macro(text, words)
  local from = words[1].from
  local name = text:sub(from, words[1].stop)
  local expansion = MACROS[name:lower()]
  if not expansion then fail(text, from, ("unknown name '%s' (known: %s)"):format(in_a_line(name), MACRO_NAMES)) end
  if words[2] then fail(text, words[2].from, ("nothing may follow %s"):format(name)) end
  return expansion
end

local function check_count(text, words)
  if #words == 5 or #words == 6 then return end
  local at = words[7] and words[7].from or #text + 1
  fail(text, at, ("expected %s, got %d"):format(FIELD_COUNT, #words))
end

-- Whether a field of days leaves out some: as for crontab, one that begins with * does not.
local function is_restricted(text, word)
  return not text:find("^[*?]", word.from)
end

local cron_parser = {}

--- Read an expression.
-- @tparam string text the expression
-- @treturn table `seconds` `minutes` `hours` `days` `months` `weekdays`: sets as in `saros.bits`;
-- `special_days`, `special_weekdays`: lists of functions as in `saros.cron_days`; `either_day`:
-- whether a day need only be in one of the two; `is_interval`: whether seconds, minutes or hours have
-- a `*`, a range or a step
-- @raise `ValueError`, which names the field and points at the place
function cron_parser.parse(text)
  local words = split(text)
  if words[1] and text:find("^@", words[1].from) then return cron_parser.parse(expand_macro(text, words)) end
  check_count(text, words)
  local fields = {is_interval = false, seconds = 1}
  local skipped = #cron_fields - #words
  for i, word in ipairs(words) do
    local field = cron_fields[skipped + i]
    local reader = read_field(text, field, word.from, word.stop)
    fields[field.key] = reader.set
    fields["special_" .. field.key] = reader.special
    fields.is_interval = fields.is_interval or field.is_time and reader.is_interval or false
  end
  fields.either_day = is_restricted(text, words[#words - 2]) and is_restricted(text, words[#words])
  return fields
end

return cron_parser
