-- as_completed: the order in which futures come, timeouts, and a taker that is slow or cancelled.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function main(loop)
  local function body(turns, value)
    for _ = 1, turns do saros.sleep(0) end
    if saros.is_error(value) then error(value) end
    return value
  end

  local function does(...)
    local arguments = table.pack(...)
    return function() return body(table.unpack(arguments)) end
  end

  local function spawn(...)
    local tasks = {}
    for i, case in ipairs { ... } do tasks[i] = loop:create_task(body, table.unpack(case)) end
    return tasks
  end

  local function take(name, awaitables, timeout, pause)
    for each in saros.as_completed(awaitables, { timeout = timeout }) do
      local ok, value = pcall(each.await, each)
      if ok then
        trace(name, "got", value)
      elseif saros.is_error(value, saros.ValueError) then
        trace(name, "failed", value.message)
      else
        error(value, 0)
      end
      for _ = 1, pause or 0 do saros.sleep(0) end
    end
    trace(name, "no more")
  end

  local function takes(name, ...)
    local ok, err = pcall(take, name, ...)
    if not ok then
      trace(name, "raised", err)
      error(err, 0)
    end
  end

  takes("in turn", spawn({ 4, "a" }, { 1, "b" }, { 3, saros.ValueError("c") }, { 2, "d" }))
  takes("functions", { does(3, "a"), does(1, "b"), does(2, "c") })
  takes("together", spawn({ 2, "a" }, { 1, "b" }, { 2, "c" }, { 1, "d" }))
  takes("nothing", {})

  -- Done already: in the order of the list, and as many iterations as if they were not.
  local done = { loop:create_future(), loop:create_future(), loop:create_future() }
  done[1]:set_exception(saros.ValueError("first"))
  done[2]:set_result("second")
  done[3]:set_result("third")
  takes("done", done)
  takes("some done", { spawn({ 1, "pending" })[1], table.unpack(done) })
  takes("twice", { done[2], done[3], done[2] })

  -- A slow taker finds them in the order in which they were done.
  takes("slow", spawn({ 3, "a" }, { 1, "b" }, { 2, "c" }, { 5, "d" }), nil, 3)

  -- A timeout: what was done before comes first, then TimeoutError.
  for _, timeout in ipairs { 0, -1, 1, 2, 3, 9 } do
    local tasks = spawn({ 4, "a" }, { 1, "b" }, { 2, "c" })
    watch("timeout", takes, "taker", tasks, timeout)
    trace { tasks[1]:done(), tasks[2]:done(), tasks[3]:done() }
    watch("slow, timeout", takes, "slow taker", spawn({ 4, "a" }, { 1, "b" }, { 2, "c" }), timeout, 2)
    watch("done, timeout", takes, "taker", done, timeout)
    for _, task in ipairs(tasks) do watch("task", task) end
  end
  -- It is the whole that is timed: a TimeoutError of a future is like one.
  watch("own", takes, "taker", spawn({ 1, "a" }, { 2, saros.TimeoutError() }, { 3, "c" }), 9)

  -- One of them is cancelled.
  local tasks = spawn({ 3, "a" }, { 9, "b" }, { 1, "c" })
  loop:call_soon(tasks[2].cancel, tasks[2])
  watch("one cancelled", takes, "taker", tasks)
  tasks[1]:await()

  -- The taker is cancelled, while it waits and around the iteration in which it is woken.
  for turns = 0, 4 do
    local future = loop:create_future()
    local taker = loop:create_task(takes, "race", { future, spawn({ 9, "b" })[1] })
    saros.sleep(0)
    saros.sleep(0)
    future:set_result("a")
    for _ = 1, turns do saros.sleep(0) end
    trace("cancel", taker:cancel())
    watch("taker", taker)
  end

  -- Two takers of the same.
  tasks = spawn({ 2, "a" }, { 1, "b" })
  saros.gather(function() takes("one", tasks) end, function() takes("two", { tasks[2], tasks[1] }) end):await()
end

twin.run(main)
