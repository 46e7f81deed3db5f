--- Whether one can wait: the task that runs on a loop at the moment.
-- @module saros.task_on
-- @local

local core = require "saros.core"

--- The current task, if it is one of a loop.
-- @tparam EventLoop loop
-- @treturn ?Task nil in a callback, on another loop, and outside of any
local function task_on(loop)
  return core.running_loop_or_nil() == loop and core.current_task() or nil
end

return task_on
