-- A loop whose clock is shifted by an offset. Timers follow it: when the offset grows, what was due in an hour is
-- due now.
--
--   scripts/run scripts/examples/shifted_time.lua
--
-- This is how a program is tried that waits for long: a cache that expires, a session that ends. A loop class
-- overrides `time`, the clock of every timer, sleep and time limit.

local saros = require "saros"

local ShiftedLoop = saros.EventLoop:extend("ShiftedLoop")

function ShiftedLoop:init(offset)
  self.offset = offset or 0
end

function ShiftedLoop:time()
  return saros.EventLoop.time(self) + self.offset
end

-- Let time pass, or return. It is seen by the next iteration, which a callback makes come at once.
function ShiftedLoop:shift(seconds)
  self.offset = self.offset + seconds
  self:call_soon(function() end)
end

local runner <close> = saros.Runner {loop_factory = function() return ShiftedLoop(1e6) end}

runner:run(function()
  local loop = saros.get_running_loop()
  local start, real_start = loop:time(), saros.monotonic()
  print(("the clock is ahead by %.0f s"):format(start - real_start))

  local function log(text)
    print(("%5d s: %s"):format(math.floor(loop:time() - start), text))
  end

  saros.create_task(function()
    saros.sleep(3600)
    log("slept for an hour")
  end)
  saros.create_task(function()
    local ok, problem = pcall(saros.wait_for, saros.sleep, 7200, 86400)
    log(("waited for a day, at most two hours: %s, %s"):format(ok, problem))
  end)
  loop:call_later(1800, log, "a timer, after half an hour")
  saros.sleep(0)

  loop:shift(1800)
  saros.sleep(0.02)
  loop:shift(-600) -- what is left to wait grows by ten minutes
  log("the clock was set back")
  loop:shift(2400)
  saros.sleep(0.02)
  loop:shift(3600)
  saros.sleep(0.02)

  assert(saros.monotonic() - real_start < 5)
  log("all in less than five seconds")
end)
