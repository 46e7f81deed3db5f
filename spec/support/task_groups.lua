--- What specs of task groups need.

local saros = require "saros"
local raises = require "spec.support.raises"

local task_groups = {}

function task_groups.pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

--- Runs `body(group)` inside a group.
function task_groups.grouped(body)
  local group <close> = saros.TaskGroup()
  return body(group)
end

--- Asserts that the group fails, and gives the list of its errors' texts.
function task_groups.failures(body)
  local failure = raises(saros.ExceptionGroup, task_groups.grouped, body)
  local texts = {}
  for i, inner in ipairs(failure.errors) do texts[i] = inner.message end
  return texts, failure
end

function task_groups.fail(turns, message)
  return function()
    task_groups.pass(turns)
    error(saros.ValueError(message))
  end
end

--- Sleeps for long; says how it ended.
function task_groups.sleeper(trace, name)
  return function()
    local _ <close> = setmetatable({}, {__close = function(_, failure)
      trace[#trace + 1] = name .. (saros.is_error(failure, saros.CancelledError) and " cancelled" or " ended")
    end})
    saros.sleep(3600)
  end
end

return task_groups
