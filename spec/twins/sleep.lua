-- sleep(0) waits for what was queued before it; sleeps end by deadline and return their value.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function main(loop)
  loop:call_soon(trace, "queued before sleep(0)")
  saros.sleep(0)
  trace("after sleep(0)")
  loop:call_soon(function() loop:call_soon(trace, "scheduled meanwhile") end)
  trace("value", (saros.sleep(0, "zero")))
  trace("value", (saros.sleep(-1, "negative")))
  trace("value", (saros.sleep(1, "one")))
  trace("value", (saros.sleep(0.5)))

  local function yields(name, turns)
    for turn = 0, turns - 1 do
      trace(name, turn)
      saros.sleep(0)
    end
    trace(name, "ends")
  end

  local tasks = {}
  for i, case in ipairs { { "a", 3 }, { "b", 1 }, { "c", 2 } } do
    tasks[i] = loop:create_task(yields, case[1], case[2])
  end
  for _, task in ipairs(tasks) do
    task:await()
    trace("joined")
  end

  local function sleeps(delay)
    saros.sleep(delay)
    trace("slept", delay)
  end

  tasks = {}
  for i, delay in ipairs { 4, 0, 2.5, 1, -1, 2.25, 0.75, 3 } do
    tasks[i] = loop:create_task(sleeps, delay)
  end
  for _, task in ipairs(tasks) do task:await() end

  -- Cancelled sleeps: not due yet, due but not woken, and already woken in this iteration.
  local function dozes(delay)
    watch("dozes", saros.sleep, delay, "slept")
  end

  local task = loop:create_task(dozes, 50)
  saros.sleep(2)
  trace("cancel", task:cancel())
  task:await()

  for wait = 1, 4 do
    trace("cancelling after", wait)
    task = loop:create_task(dozes, 1)
    for _ = 1, wait do saros.sleep(0) end
    trace("cancel", task:cancel())
    watch("join", task)
  end

  task = loop:create_task(dozes, 0)
  saros.sleep(0)
  trace("cancel", task:cancel())
  watch("join", task)
end

twin.run(main)
