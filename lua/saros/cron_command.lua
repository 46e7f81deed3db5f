--- `saros cron EXPRESSION`: prints when a cron expression runs next.
-- @module saros.cron_command
-- @local

local core = require "saros.core"
local calendar = require "saros.calendar"
local command_line = require "saros.command_line"
local cron = require "saros.cron"
local timezone = require "saros.timezone"

local OK, FAILED, BAD_USAGE = 0, 1, 2

local NAME = "saros cron"
local DEFAULT_COUNT = 10

local cron_command = {}

local function complain(message)
  io.stderr:write(NAME, ": ", message, "\n")
end

local function new_parser()
  local parser = command_line.parser(NAME, "Prints when a cron expression runs next, one run a line.")
  parser:argument("expression", "five fields, or six with the second first, in one argument: \"0 9 * * MON-FRI\"")
  parser:option("--timezone", "a name such as Europe/Berlin, or local for the system's own zone", "UTC"):argname("TZ")
  parser:option("--count", "how many runs", tostring(DEFAULT_COUNT)):argname("N")
    :convert(command_line.integer("--count", 1))
  return parser
end

-- An offset from UTC as ISO 8601 has it; offsets of old have seconds.
local function format_offset(offset)
  local sign = offset < 0 and "-" or "+"
  offset = math.abs(offset)
  local text = ("%s%02d:%02d"):format(sign, offset // 3600, offset // 60 % 60)
  return offset % 60 == 0 and text or ("%s:%02d"):format(text, offset % 60)
end

-- A time as the clocks of a zone show it, as 2026-03-29T03:00:00+02:00.
local function format_time(time, zone)
  local offset = zone:segment(time).offset
  local seconds = time + offset
  local year, month, day = calendar.date(seconds // calendar.DAY)
  return ("%04d-%02d-%02dT%02d:%02d:%02d%s"):format(year, month, day, seconds // 3600 % 24, seconds // 60 % 60,
    seconds % 60, format_offset(offset))
end

local function print_runs(expression, count)
  local zone = timezone.get(expression.timezone)
  for time in expression:iterate(os.time() + 1) do
    -- Whoever read the output may be gone.
    if not io.stdout:write(format_time(time, zone), " ", zone.name, "\n") then return FAILED end
    count = count - 1
    if count == 0 then return io.stdout:flush() and OK or FAILED end
  end
  complain(("'%s' never runs"):format(expression.expression))
  return FAILED
end

--- Do what the command line says.
-- @tparam {string,...} arguments the command line after `cron`
-- @treturn integer the exit status: 0, 1 if the expression never runs, 2 for a bad expression or option
function cron_command.main(arguments)
  local given, status = command_line.read(NAME, new_parser, arguments)
  if not given then return status end
  local parsed, expression = pcall(cron.parse, given.expression, {timezone = given.timezone})
  if parsed then return print_runs(expression, given.count) end
  if not core.is_error(expression, core.errors.ValueError) then error(expression, 0) end
  complain(expression.message)
  return BAD_USAGE
end

return cron_command
