-- How many iterations each kind of wake-up takes.
local twin = require "spec.support.twin"
local saros, iteration, trace = twin.saros, twin.iteration, twin.trace

local function main(loop)
  local function measure(name, awaitable, ...)
    local begin = iteration()
    local ok, err
    if type(awaitable) == "function" then
      ok, err = pcall(awaitable, ...)
    else
      ok, err = pcall(saros.await, awaitable)
    end
    if not ok then trace(name, "raised", err) end
    trace(name, "took", iteration() - begin)
  end

  local function returns() return 1 end
  local function yields_once() saros.sleep(0) end
  local function fails() error(saros.ValueError("x")) end

  local function completed_in(turns)
    local future = loop:create_future()

    local function count(left)
      if left > 0 then
        loop:call_soon(count, left - 1)
      elseif not future:done() then
        future:set_result(nil)
      end
    end

    count(turns)
    return future
  end

  measure("sleep(0)", saros.sleep, 0)
  measure("sleep(1)", saros.sleep, 1)
  measure("sleep(-1)", saros.sleep, -1)
  for turns = 0, 2 do
    measure("future done in " .. turns, completed_in(turns))
  end
  measure("plain call", returns)
  measure("task that returns", loop:create_task(returns))
  measure("task that yields once", loop:create_task(yields_once))
  measure("task that fails", loop:create_task(fails))

  local function chain(depth)
    if depth > 0 then loop:create_task(chain, depth - 1):await() end
  end

  for depth = 1, 3 do
    measure("chain of " .. depth .. " tasks", loop:create_task(chain, depth))
  end

  measure("gather()", saros.gather())
  measure("gather of done", saros.gather(completed_in(0), completed_in(0)))
  measure("gather of one", saros.gather(returns))
  measure("gather of three", saros.gather(returns, yields_once, returns))
  measure("gather of gathers", saros.gather(saros.gather(returns), saros.gather(yields_once)))
  measure("gather that fails", saros.gather(yields_once, fails))
  measure("gather that keeps errors", saros.gather({ fails }, { return_exceptions = true }))

  for case = 1, 2 do
    local delay = case == 2 and 9 or nil
    measure("wait_for a future", saros.wait_for, completed_in(1), delay)
    measure("wait_for a done future", saros.wait_for, completed_in(0), delay)
    measure("wait_for a task", saros.wait_for, loop:create_task(returns), delay)
    measure("wait_for a function", saros.wait_for, yields_once, delay)
    measure("wait_for a failing function", saros.wait_for, fails, delay)
  end
  measure("wait_for too long", saros.wait_for, completed_in(9), 2)
  measure("wait_for(sleep) too long", saros.wait_for, saros.sleep, 1, 9)
  measure("wait_for a task too long", saros.wait_for, loop:create_task(saros.sleep, 9), 1)
  measure("wait_for a done future, no time", saros.wait_for, completed_in(0), 0)
  measure("wait_for a future, no time", saros.wait_for, completed_in(3), 0)
  measure("wait_for a task, no time", saros.wait_for, loop:create_task(returns), -1)

  local function timed(delay, inner, ...)
    local _ <close> = saros.timeout(delay)
    inner(...)
  end

  measure("timeout scope, in time", timed, 5, yields_once)
  measure("timeout scope, too late", timed, 1, saros.sleep, 9)
  measure("timeout(0)", timed, 0, saros.sleep, 9)
  measure("timeout(0) around no await", timed, 0, returns)
  measure("timeout scope, sleep(0)s", timed, 2, chain, 9)

  local event = saros.Event()
  loop:call_soon(event.set, event)
  measure("event", event.wait, event)
  measure("event that is set", event.wait, event)

  local queue = saros.Queue(1)
  loop:call_soon(queue.put_nowait, queue, 1)
  measure("get from an empty queue", queue.get, queue)
  measure("put", queue.put, queue, 1)
  loop:call_soon(queue.get_nowait, queue)
  measure("put to a full queue", queue.put, queue, 2)
  measure("get", queue.get, queue)

  -- A cancelled task takes one iteration for each task and future it waits through.
  for depth = 0, 2 do
    local function waits(left)
      if left == 0 then
        loop:create_future():await()
      else
        loop:create_task(waits, left - 1):await()
      end
    end

    local task = loop:create_task(waits, depth)
    for _ = 0, depth do saros.sleep(0) end
    task:cancel()
    measure("cancelled, depth " .. depth, task)
  end
end

twin.run(main)
