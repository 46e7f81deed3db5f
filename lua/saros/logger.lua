--- The one place through which all text of the library goes.
--
-- A logger is an object with LuaLogging's methods `debug` `info` `warn` `error`
-- `fatal`, called as `logger:error(format, ...)`. Without one, lines go to stderr.
--
-- What is said of a scheduler's job comes with one value more than the format uses: a
-- table of fields such as `event` and `job`, for loggers that keep those.
-- @module saros.logger

local core = require "saros.core"

local KeyboardInterrupt = core.errors.KeyboardInterrupt
local LEVELS = {"debug", "info", "warn", "error", "fatal"}

local function write_line(_, format, ...)
  local text = select("#", ...) > 0 and string.format(format, ...) or format
  -- One write, so that lines of several threads or processes do not mix.
  io.stderr:write(text:sub(-1) == "\n" and text or text .. "\n")
end

local stderr_logger = {}
for _, level in ipairs(LEVELS) do stderr_logger[level] = write_line end

local current = stderr_logger

local logger = {}

--- Send the library's messages somewhere else; asyncio has `logging` for this.
-- @tparam ?table new an object with the methods `debug` `info` `warn` `error`
-- `fatal`, each called as `logger:error(format, ...)`; nil for the default, which
-- writes lines to stderr
-- @raise `bad argument` for what cannot have methods; `ValueError` that names the
-- first method that is missing
function logger.set_logger(new)
  if new == nil then
    current = stderr_logger
    return
  end
  local kind = type(new)
  if kind ~= "table" and kind ~= "userdata" then
    error(("bad argument #1 to 'set_logger' (table expected, got %s)"):format(kind), 2)
  end
  for _, level in ipairs(LEVELS) do
    if new[level] == nil then
      error(core.errors.ValueError(("the logger has no method '%s'"):format(level)))
    end
  end
  current = new
end

-- A logger that fails must not take the message with it, nor the program.
local function log(level, ...)
  local ok, failure = pcall(current[level], current, ...)
  if ok then return end
  if core.is_error(failure, KeyboardInterrupt) then error(failure, 0) end
  stderr_logger.error(nil, "the logger failed: %s", tostring(failure))
  stderr_logger[level](nil, ...)
end

for _, level in ipairs(LEVELS) do
  logger[level] = function(format, ...) log(level, format, ...) end
end

return logger
