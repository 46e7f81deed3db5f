--- What specs of the scheduler need: notes of when jobs run and of what happens to them.

local saros = require "saros"

local scheduling = {}

--- A list, and a function that adds the time at which it is called.
function scheduling.recorder()
  local times = {}
  return times, function() times[#times + 1] = saros.get_running_loop():time() end
end

--- What happens to a job, as texts, in order.
function scheduling.record_events(scheduler)
  local list = {}
  for _, name in ipairs { "started", "finished", "failed", "missed", "skipped", "cancelled" } do
    scheduler:on(name, function(event)
      list[#list + 1] = event.count and ("%s %d"):format(event.event, event.count) or event.event
    end)
  end
  return list
end

--- Collects what reaches the exception handler.
function scheduling.catch_errors()
  local contexts = {}
  saros.get_running_loop():set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  return contexts
end

--- What is logged while `fn` runs.
function scheduling.logged(fn)
  local lines = {}
  local function writer(level)
    return function(_, format, ...) lines[#lines + 1] = level .. ": " .. format:format(...) end
  end
  saros.set_logger {
    debug = writer("debug"), info = writer("info"), warn = writer("warn"),
    error = writer("error"), fatal = writer("fatal"),
  }
  local ok, failure = pcall(fn)
  saros.set_logger(nil)
  if not ok then error(failure, 0) end
  return lines
end

return scheduling
