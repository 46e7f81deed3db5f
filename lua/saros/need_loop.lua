--- The running loop, for what cannot do without one.
--
-- Under the launcher a script that needs a loop becomes its main task; so what needs one
-- asks here, and not with `get_running_loop`, which leaves a script as it is.
-- @module saros.need_loop
-- @local

local core = require "saros.core"

local running_loop_or_nil = core.running_loop_or_nil

--- Get the running loop, made now for a launcher's script that has none yet.
-- @treturn EventLoop
-- @raise `RuntimeError` outside a running loop
local function need_loop()
  local loop = running_loop_or_nil()
  if loop then return loop end
  core.current_task() -- needs a loop, too, and is where the core makes it
  return core.get_running_loop()
end

return need_loop
