-- Timers fire by deadline, after the callbacks that were ready; delays of 0 or less, times past.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

local function main(loop)
  for _, delay in ipairs { 5, 2.5, 9, 3, 1, 7.25, 4.5, 0.5, 6 } do
    loop:call_later(delay, trace, "after", delay)
  end
  local now = loop:time()
  loop:call_at(now + 5.5, trace, "at 5.5")
  loop:call_at(now - 1, trace, "at a time past")
  loop:call_later(0, trace, "zero")
  loop:call_later(-3, trace, "negative")
  loop:call_soon(trace, "soon")
  local handle = loop:call_later(8, trace, "when")
  trace("when", handle:when() - now)
  saros.sleep(12)

  -- Several due in one iteration: still by deadline, and behind what was ready before them.
  loop:call_later(1.75, trace, "late in the second")
  loop:call_later(1.25, trace, "early in the second")
  loop:call_later(1.5, trace, "middle of the second")

  local function chain(left)
    trace("chain", left)
    if left > 0 then loop:call_soon(chain, left - 1) end
  end

  chain(4)
  saros.sleep(4)

  -- A timer that sets another: the new one waits for a later iteration even when it is due.
  local function sets(left)
    trace("sets", left)
    if left > 0 then
      loop:call_later(0, sets, left - 1)
      loop:call_soon(trace, "soon, by", left)
    end
  end

  loop:call_later(1, sets, 3)
  saros.sleep(8)
end

twin.run(main)
