-- wait: each return_when, timeouts, what is done already, and who waits being cancelled.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local WHEN = { "FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED" }

local function main(loop)
  local function body(turns, value)
    for _ = 1, turns do saros.sleep(0) end
    if saros.is_error(value) then error(value) end
    return value
  end

  local function spawn(...)
    local tasks = {}
    for i, case in ipairs { ... } do tasks[i] = loop:create_task(body, table.unpack(case)) end
    return tasks
  end

  local function waits(name, futures, when, timeout)
    local function places(list)
      local numbers = {}
      for i, each in ipairs(list) do
        for place = #futures, 1, -1 do
          if futures[place] == each then numbers[i] = place end
        end
      end
      return numbers
    end

    local options = { timeout = timeout, return_when = saros[when or "ALL_COMPLETED"] }
    local ok, done, pending = pcall(saros.wait, futures, options)
    if not ok then
      trace(name, "raised", done)
      error(done, 0)
    end
    trace(name, "done", places(done), "pending", places(pending))
  end

  local function settle(futures)
    waits("settle", futures)
    for _, future in ipairs(futures) do
      trace(future:cancelled() and "cancelled" or future:exception() or future:result())
    end
  end

  -- What ends it: a result, an error, a cancellation, the last one.
  for _, when in ipairs(WHEN) do
    local tasks = spawn({ 3, "a" }, { 1, "b" }, { 2, saros.ValueError("c") }, { 6, "d" })
    waits(when, tasks, when)
    settle(tasks)
    tasks = spawn({ 4, "a" }, { 9, "b" }, { 5, saros.ValueError("c") })
    loop:call_soon(tasks[2].cancel, tasks[2])
    waits(when, tasks, when)
    settle(tasks)
  end

  -- Done already: the wait takes the same time whatever it waits for.
  local done, failed, cancelled = loop:create_future(), loop:create_future(), loop:create_future()
  done:set_result("done")
  failed:set_exception(saros.ValueError("failed"))
  -- The wait looks at it or not, depending on the order of a set.
  trace(failed:exception())
  cancelled:cancel()
  for _, when in ipairs(WHEN) do
    waits("all done", { failed, done, cancelled }, when)
    waits("one cancelled", { cancelled }, when)
    local pending = spawn({ 3, "pending" })
    waits("one pending", { done, pending[1] }, when)
    waits("one failed", { pending[1], failed }, when)
    settle(pending)
  end

  -- The same one several times is one.
  local tasks = spawn({ 1, "twice" })
  waits("twice", { tasks[1], done, tasks[1] })

  -- Timeouts raise nothing and cancel nothing.
  local timeouts = { nil, 2, 1, 0, -1 }
  for i = 1, 5 do
    local timeout = timeouts[i]
    for _, when in ipairs(WHEN) do
      tasks = spawn({ 1, "a" }, { 3, saros.ValueError("b") }, { 5, "c" })
      waits("timeout", tasks, when, timeout)
      settle(tasks)
    end
    waits("timeout, all done", { done, failed }, "ALL_COMPLETED", timeout)
  end
  -- In the iteration in which it is done.
  for turns = 1, 5 do
    tasks = spawn({ turns, "a" })
    waits("at once", tasks, "ALL_COMPLETED", 2.5)
    settle(tasks)
  end

  -- The callbacks of a future run in order, the wait's among them.
  local future = loop:create_future()
  future:add_done_callback(function() trace("before") end)
  local waiting = loop:create_task(waits, "wait", { future })
  saros.sleep(0)
  future:add_done_callback(function() trace("after") end)
  future:add_done_callback(function() loop:call_soon(trace, "soon after") end)
  future:set_result(nil)
  waiting:await()

  -- Cancelled while it waits: those it waits for go on, and the callbacks are gone.
  tasks = spawn({ 3, "a" }, { 4, "b" })
  waiting = loop:create_task(waits, "cancelled", tasks)
  saros.sleep(0)
  saros.sleep(0)
  trace("cancel", waiting:cancel("stop"))
  watch("waiting", waiting)
  settle(tasks)

  -- Cancelled around the iteration in which it is woken.
  for turns = 0, 3 do
    future = loop:create_future()
    waiting = loop:create_task(waits, "race", { future, done }, "ALL_COMPLETED")
    saros.sleep(0)
    future:set_result("late")
    for _ = 1, turns do saros.sleep(0) end
    trace("cancel", waiting:cancel())
    watch("waiting", waiting)
  end

  -- Two wait for the same, one of them for more.
  tasks = spawn({ 2, "a" }, { 4, "b" })
  local first = loop:create_task(waits, "first", tasks, "FIRST_COMPLETED")
  settle { first, loop:create_task(waits, "all", tasks) }

  -- Misuse.
  for _, case in ipairs { { {}, saros.ALL_COMPLETED }, { { done }, "SOMETIME" } } do
    local _, err = pcall(saros.wait, case[1], { return_when = case[2] })
    trace("misuse", err)
  end
end

twin.run(main)
