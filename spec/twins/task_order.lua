-- Tasks start in order of creation, one iteration later, and their callbacks run in order.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace
twin.untimed = true

local function main(loop)
  local function body(name, turns)
    trace(name, "starts")
    for _ = 1, turns do
      saros.sleep(0)
      trace(name, "goes on")
    end
    return name
  end

  loop:call_soon(trace, "before the tasks")
  local tasks = {}
  for i, case in ipairs { { "a", 2 }, { "b", 0 }, { "c", 1 } } do
    tasks[i] = loop:create_task(body, case[1], case[2])
  end
  loop:call_soon(trace, "behind the tasks")
  for _, task in ipairs(tasks) do
    task:add_done_callback(function(t) trace("done", t:result()) end)
  end
  trace("created", tasks[1]:done(), tasks[2]:done())
  for _, task in ipairs(tasks) do trace("awaited", task:await()) end

  -- A task created by a task starts in the next iteration, behind what was there.
  local function outer(depth)
    trace("outer", depth)
    if depth == 0 then return 0 end
    loop:call_soon(trace, "queued by", depth)
    local inner = loop:create_task(outer, depth - 1)
    loop:call_soon(trace, "queued behind", depth)
    local value = inner:await()
    trace("outer", depth, "got", value)
    return value + 1
  end

  trace("nested", loop:create_task(outer, 3):await())

  -- Callbacks and waiters of a task are one queue, in the order in which they were added.
  local task = loop:create_task(body, "t", 1)
  task:add_done_callback(function() trace("callback 1") end)

  local function waits(name)
    trace(name, task:await())
  end

  local w1 = loop:create_task(waits, "waiter 1")
  saros.sleep(0)
  task:add_done_callback(function() trace("callback 2") end)
  local w2 = loop:create_task(waits, "waiter 2")
  saros.sleep(0)
  task:add_done_callback(function() trace("callback 3") end)
  saros.gather(w1, w2):await()
  task:add_done_callback(function() trace("callback of a done task") end)
  trace("awaiting a done task", task:await())
  saros.sleep(0)

  -- Several fail at once; each error reaches the one who awaits.
  local function fails(turns)
    for _ = 1, turns do saros.sleep(0) end
    error(saros.ValueError(tostring(turns)))
  end

  tasks = {}
  for i, turns in ipairs { 2, 0, 1 } do tasks[i] = loop:create_task(fails, turns) end
  for _, t in ipairs(tasks) do
    t:add_done_callback(function() trace("failed", t:exception(), t:exception().message) end)
  end
  for _, t in ipairs(tasks) do
    local _, err = pcall(t.await, t)
    trace("awaited", err, err.message, rawequal(err, t:exception()))
  end

  -- Errors travel through a chain of tasks, one wake-up each.
  local function passes(depth)
    local _ <close> = setmetatable({}, { __close = function() trace("unwinding", depth) end })
    if depth == 0 then error(saros.ValueError("from below")) end
    loop:create_task(passes, depth - 1):await()
  end

  twin.watch("chain", loop:create_task(passes, 3))
end

twin.run(main)
