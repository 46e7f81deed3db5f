--- Reading a jobs file: Lua code that returns a function, which is given the scheduler.
-- @module saros.jobs_file
-- @local

local core = require "saros.core"
local check = require "saros.check"
local safe_text = require "saros.safe_text"
local Plan = require "saros.scheduler_plan"

local errors = core.errors

local jobs_file = {}

-- Where the file's own code was when something failed: the file as messages name it, which shorten a long path, and
-- the line; nil if it was nowhere.
local function find_place(path)
  local level, source = 3, "@" .. path
  local info = debug.getinfo(level, "Sl")
  while info do
    if info.source == source and info.currentline > 0 then return info.short_src, info.currentline end
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
end

-- One line, with its place unless the error names it itself.
local function describe(file, line, failure)
  local text = safe_text(failure):gsub("%s*\n.*", "")
  if file and text:sub(1, #file + 1) ~= file .. ":" then text = ("%s:%d: %s"):format(file, line, text) end
  return text
end

-- Whether it is who reads the file that is to end. What the file waits for may be cancelled as well.
local function is_interruption(failure)
  if core.is_error(failure, errors.CancelledError) then return core.current_task():cancelling() > 0 end
  return core.is_error(failure, errors.KeyboardInterrupt)
end

-- Calls a function of the file's. A cancellation of who reads it is not the file's failure.
local function call(path, fn, ...)
  local file, line
  local ok, result = xpcall(fn, function(failure)
    file, line = find_place(path)
    return failure
  end, ...)
  if ok then return true, result end
  if is_interruption(result) then error(result, 0) end
  return false, describe(file, line, result)
end

--- Read a jobs file, changing nothing. It may suspend.
-- @tparam string path
-- @tparam Scheduler scheduler
-- @treturn ?table a `saros.scheduler_plan`; nil if something is wrong
-- @treturn ?string what is wrong
-- @raise `CancelledError`
function jobs_file.load(path, scheduler)
  local chunk, message = loadfile(path)
  if not chunk then return nil, message end
  local ok, fn = call(path, chunk)
  if not ok then return nil, fn end
  if not check.is_callable(fn) then
    return nil, ("%s returns no function that could be given the scheduler, but %s"):format(path,
      fn == nil and "nothing" or "a " .. check.type_name(fn))
  end
  local plan = Plan(scheduler)
  ok, message = call(path, fn, plan)
  plan.loading = false
  if ok then return plan end
  return nil, message
end

return jobs_file
