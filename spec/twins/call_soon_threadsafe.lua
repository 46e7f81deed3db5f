-- call_soon_threadsafe on the loop's own thread keeps its FIFO place.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace
twin.untimed = true

local function main(loop)
  loop:call_soon(trace, "soon 1")
  loop:call_soon_threadsafe(trace, "threadsafe 1")
  loop:call_soon(trace, "soon 2")
  local handle = loop:call_soon_threadsafe(trace, "cancelled must not run")
  loop:call_soon_threadsafe(trace, "threadsafe 2", nil, 2)
  loop:call_soon(trace, "soon 3")
  handle:cancel()
  trace("cancelled", handle:cancelled())
  saros.sleep(0)
  trace("woke")

  local function again()
    trace("outer")
    loop:call_soon_threadsafe(trace, "inner threadsafe")
    loop:call_soon(trace, "inner soon")
  end

  loop:call_soon_threadsafe(again)
  saros.sleep(0)
  trace("woke")
  saros.sleep(0)
  trace("woke")
end

local loop = twin.new_loop()
loop:call_soon_threadsafe(trace, "before the run")
loop:call_soon(loop.stop, loop)
loop:run_forever()
twin.close(loop)
twin.run(main)
