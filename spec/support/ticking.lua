--- A loop whose clock moves by one second in every iteration, so that seconds pass in no time and
-- every wake-up has a known place.

local saros = require "saros"

local TickingLoop = saros.EventLoop:extend("TickingLoop")

local function tick(loop)
  loop.now = loop.now + 1
  loop:call_soon(tick, loop)
end

function TickingLoop:init()
  self.now = 0.0
  self:call_soon(tick, self)
end

function TickingLoop:time()
  return self.now
end

local ticking = {TickingLoop = TickingLoop}

--- As `saros.run`, on such a loop.
function ticking.run(main, ...)
  local runner <close> = saros.Runner {loop_factory = TickingLoop}
  return runner:run(main, ...)
end

return ticking
