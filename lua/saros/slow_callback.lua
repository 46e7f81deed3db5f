--- Debug mode's warning about callbacks that hold the loop for long.
--
-- In debug mode the core measures every callback and every step of a task, and calls
-- `loop:_slow_callback(fn, seconds)` for those that took `loop.slow_callback_duration`
-- seconds or more.
-- @module saros.slow_callback
-- @local

local core = require "saros.core"
local logger = require "saros.logger"

--- From how many seconds on a callback is worth a warning in debug mode; may be set on a
-- loop. Mirrors `loop.slow_callback_duration`.
-- @attribute number EventLoop.slow_callback_duration seconds
core.EventLoop.slow_callback_duration = 0.1

local function describe(fn)
  if fn == nil then return "a step of a task that is done" end
  if core.isfuture(fn) then return "a step of " .. tostring(fn) end
  if type(fn) ~= "function" then return "callback " .. tostring(fn) end
  local info = debug.getinfo(fn, "S")
  return ("callback %s:%d"):format(info.short_src, info.linedefined)
end

-- fn: the callback's function, or the task whose step it was.
function core.EventLoop._slow_callback(_, fn, seconds)
  logger.warn("%s", ("Executing %s took %.3f seconds"):format(describe(fn), seconds))
end
