-- Event: every waiter wakes, in order, and setting and clearing in between changes nothing.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch
twin.untimed = true

local function main(loop)
  local event = saros.Event()
  trace("fresh", event:is_set())

  local function waits(name)
    trace(name, "waits")
    watch(name, event.wait, event)
    trace(name, "sees", event:is_set())
  end

  local function spawn(names)
    local tasks = {}
    for name in names:gmatch(".") do tasks[#tasks + 1] = loop:create_task(waits, name) end
    return tasks
  end

  local tasks = spawn("abc")
  saros.sleep(0)
  event:set()
  event:set()
  trace("set", event:is_set())
  loop:call_soon(trace, "behind the waiters")
  watch("set already", event.wait, event)
  for _, task in ipairs(tasks) do task:await() end

  -- Cleared before the waiters run: they wake all the same.
  event:clear()
  event:clear()
  tasks = spawn("de")
  saros.sleep(0)
  event:set()
  event:clear()
  trace("cleared", event:is_set())
  local late = loop:create_task(waits, "late")
  for _, task in ipairs(tasks) do task:await() end
  saros.sleep(0)
  trace("late", late:done())
  event:set()
  late:await()

  -- Cancelled waiters: while waiting, and between the set and the wake-up.
  event:clear()
  tasks = spawn("fghi")
  saros.sleep(0)
  tasks[2]:cancel()
  saros.sleep(0)
  event:set()
  tasks[3]:cancel()
  for _, task in ipairs(tasks) do task:await() end

  -- Set by a waiter that wakes another event's waiters.
  local first, second = saros.Event(), saros.Event()

  local last = loop:create_task(function()
    second:wait()
    trace("ends")
  end)
  local relay = loop:create_task(function()
    first:wait()
    trace("relays")
    second:set()
  end)
  saros.sleep(0)
  first:set()
  last:await()
  relay:await()
end

twin.run(main)
