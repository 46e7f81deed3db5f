--- What specs of virtual clocks need.

local core = require "saros.core"
local saros = require "saros"

local virtual_clocks = {}

--- Real seconds; long against the pauses of a busy machine are only those that are never waited for.
virtual_clocks.SOON = 0.03

function virtual_clocks.here()
  return debug.getinfo(2, "l").currentline
end

--- What should jump must not wait for an hour when it does not.
function virtual_clocks.limited(loop)
  core.set_limit(loop, 60, function() error(saros.KeyboardInterrupt("the loop waits in real time")) end)
  return loop
end

--- A file that can be read after SOON.
function virtual_clocks.delayed_byte()
  return assert(io.popen(("sleep %g; printf x"):format(virtual_clocks.SOON)))
end

return virtual_clocks
