--- What specs of queues need.

local saros = require "saros"

local queues = {}

--- A task that gets once and leaves `name` and the item in the trace.
function queues.getter(queue, trace, name)
  return saros.create_task(function()
    local item = queue:get()
    trace[#trace + 1] = name .. item
  end)
end

--- A task that puts its own name and leaves it in the trace when that is done.
function queues.putter(queue, trace, name)
  return saros.create_task(function()
    queue:put(name)
    trace[#trace + 1] = "put " .. name
  end)
end

return queues
