--- Debug mode's warning about callbacks that hold the loop for long.
--
-- In debug mode the core measures every callback and every step of a task, and calls
-- `loop:_slow_callback(seconds, kind, subject, traceback)` for those that took
-- `loop.slow_callback_duration` seconds or more.
-- @module saros.slow_callback
-- @local

local core = require "saros.core"
local logger = require "saros.logger"
local place = require "saros.place"

--- From how many seconds on a callback is worth a warning in debug mode; may be set on a
-- loop. Mirrors `loop.slow_callback_duration`.
-- @attribute number EventLoop.slow_callback_duration seconds
core.EventLoop.slow_callback_duration = 0.1

-- " WORDS PLACE" for where the traceback was taken, or an empty string.
local function add_place(words, traceback)
  local where = traceback and place.of_traceback(traceback)
  return where and words .. where or ""
end

local function name_function(fn)
  if type(fn) ~= "function" then return tostring(fn) end
  local info = debug.getinfo(fn, "S")
  if info.what ~= "C" then return ("%s:%d"):format(info.short_src, info.linedefined) end
  return place.library_name(fn) or tostring(fn)
end

-- fn: nil for a function of the core's own.
local function describe_callback(fn, seconds, traceback)
  local what = fn == nil and "a callback of the loop's own" or "callback " .. name_function(fn)
  local origin = add_place(", scheduled at ", traceback)
  if origin ~= "" then origin = origin .. "," end
  return ("Executing %s%s took %.3f seconds"):format(what, origin, seconds)
end

-- Where a step came to: the line where the task waits, or its end.
local function describe_end(task)
  local co = task:get_coro()
  if co then
    local here = place.of_coroutine(co)
    return here and " to " .. here or ""
  end
  local failure = add_place(" to its error at ", task:traceback())
  return failure ~= "" and failure or " to its end"
end

local function describe_step(task, seconds, traceback)
  local created = add_place(", created at ", core.source_traceback(task))
  if created ~= "" then created = created .. "," end
  local from = add_place(", from ", traceback)
  return ("Executing a step of task %s%s took %.3f seconds%s%s"):format(
    task:get_name(), created, seconds, from, from ~= "" and describe_end(task) or "")
end

-- kind: "step" or "callback". subject: the task, or the callback's function; nil for what the core does by
-- itself. traceback: of where the step began, or of where the callback was scheduled, if that was in debug mode.
function core.EventLoop._slow_callback(_, seconds, kind, subject, traceback)
  local is_step = kind == "step" and subject ~= nil
  logger.warn("%s", (is_step and describe_step or describe_callback)(subject, seconds, traceback))
end
