-- Awaiting a done future does not yield; waiters wake in order, one iteration after the result.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch
twin.untimed = true

local function spawn(loop, names, body)
  local tasks = {}
  for name in names:gmatch(".") do tasks[#tasks + 1] = loop:create_task(body, name) end
  return tasks
end

local function main(loop)
  local done = loop:create_future()
  done:set_result("ready")
  local failed = loop:create_future()
  failed:set_exception(saros.ValueError("boom"))
  local gone = loop:create_future()
  gone:cancel("why")
  loop:call_soon(trace, "the next iteration")
  for _ = 1, 3 do
    watch("done", done)
    watch("failed", failed)
    watch("cancelled", gone)
  end
  saros.sleep(0)

  -- Cancelling one waiter cancels the future it waits for, and so reaches every other waiter.
  local future = loop:create_future()

  local function waits(name)
    trace(name, "waits")
    watch(name, future)
    watch(name .. " again", future)
  end

  local tasks = spawn(loop, "abcde", waits)
  saros.sleep(0)
  trace("cancel b", tasks[2]:cancel())
  saros.sleep(0)
  trace("future after the cancelled waiter", future:done(), future:cancelled())
  for _, task in ipairs(tasks) do task:await() end

  -- Cancelled between the result and the wake-up: that waiter alone sees the cancellation.
  local twice = loop:create_future()

  local function waits_too(name)
    watch(name, twice)
  end

  tasks = spawn(loop, "vwxyz", waits_too)
  saros.sleep(0)
  twice:set_result("set")
  trace("set")
  tasks[2]:cancel()
  trace("cancelled w after the result, before its wake-up")
  loop:call_soon(trace, "next")
  for i, task in ipairs(tasks) do watch("task " .. ("vwxyz"):sub(i, i), task) end

  -- A future that gets its result before anybody waits costs the waiter nothing.
  local early = loop:create_future()
  loop:call_soon(early.set_result, early, 5)
  saros.sleep(0)
  loop:call_soon(trace, "not before the await")
  trace("early", early:await())
  saros.sleep(0)

  -- Error and cancellation reach every waiter.
  local ends = {
    { "fails", function(f) f:set_exception(saros.ValueError("shared")) end },
    { "is cancelled", function(f) f:cancel("shared") end },
  }
  for _, pair in ipairs(ends) do
    local shared = loop:create_future()
    tasks = {}
    for i, who in ipairs { "first", "second" } do
      tasks[i] = loop:create_task(function() watch(who, shared) end)
    end
    saros.sleep(0)
    pair[2](shared)
    trace("it", pair[1])
    for _, task in ipairs(tasks) do task:await() end
  end
end

twin.run(main)
