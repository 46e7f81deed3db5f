-- A cancelled timer never runs, also when a callback of its own iteration cancels it.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

local function main(loop)
  -- By another timer that is due in the same iteration, just before it.
  local victim = loop:call_later(2.5, trace, "victim must not run")
  loop:call_later(2.25, function() trace("killer"); victim:cancel() end)
  saros.sleep(5)
  trace(victim:cancelled())

  -- By a callback that was ready before the timer became due.
  victim = loop:call_later(1, trace, "victim must not run")

  local function kill_in(turns)
    trace("turns", turns)
    if turns == 0 then
      victim:cancel()
    else
      loop:call_soon(kill_in, turns - 1)
    end
  end

  kill_in(1)
  saros.sleep(3)

  -- Too late: it has run, and says cancelled all the same.
  local ran = loop:call_later(1, trace, "ran")
  saros.sleep(3)
  trace(ran:cancelled())
  ran:cancel()
  trace(ran:cancelled())

  -- From inside itself, and twice.
  local own_handle
  local function own()
    own_handle:cancel()
    own_handle:cancel()
    trace("own", own_handle:cancelled())
  end

  own_handle = loop:call_later(1, own)
  saros.sleep(3)

  -- Many, so that the heap loses entries from its middle.
  local handles = {}
  for i = 0, 63 do handles[i] = loop:call_later(1 + (i * 7 % 64) / 64, trace, "kept", i) end
  for i = 0, 63 do
    if i % 3 ~= 0 then handles[i]:cancel() end
  end
  saros.sleep(5)
end

twin.run(main)
