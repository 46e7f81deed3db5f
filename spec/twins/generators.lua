-- A generator's body is part of the task that asks for a value: it adds no iterations of its own.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

local function scope(fn)
  return setmetatable({}, {__close = fn})
end

-- What is left at the end of the program is closed before the loop.
local left

local function main(loop)
  local function count(yield, name, n)
    local _ <close> = scope(function() trace(name, "ends") end)
    for i = 1, n do
      trace(name, "before", i)
      saros.sleep(0)
      yield(i)
      trace(name, "after", i)
    end
  end

  local function consume(name, n, turns)
    for i in saros.generator(count, name, n) do
      trace(name, "gives", i)
      for _ = 1, turns do saros.sleep(0) end
    end
    return name
  end

  local a = loop:create_task(consume, "a", 2, 0)
  local b = loop:create_task(consume, "b", 2, 1)
  loop:call_soon(trace, "behind the tasks")
  trace("awaited", a:await(), b:await())

  -- Nested, with a wait on each level.
  local function double(yield)
    for i in saros.generator(count, "inner", 2) do
      saros.sleep(0)
      yield(2 * i)
    end
  end

  for i in saros.generator(double) do
    trace("doubled", i)
    saros.sleep(0)
  end

  -- A body that sleeps, and one that waits for a future.
  local future = loop:create_future()
  loop:call_later(4, future.set_result, future, "result")
  local function wait(yield)
    saros.sleep(2)
    yield("slept")
    yield(future:await())
  end

  for value in saros.generator(wait) do trace("got", value) end

  -- Cancelled inside the body.
  local function stuck(yield)
    local _ <close> = scope(function()
      saros.sleep(0)
      trace("cleaned up")
    end)
    yield("first")
    saros.sleep(100)
  end

  local task = loop:create_task(function()
    for value in saros.generator(stuck) do trace("stuck gives", value) end
  end)
  saros.sleep(0)
  saros.sleep(0)
  task:cancel("enough")
  twin.watch("cancelled", task)

  -- A time limit around the loop.
  twin.watch("limited", saros.wait_for, function()
    for value in saros.generator(stuck) do trace("limited gives", value) end
  end, 3)

  -- Closed between two values, by scopes that wait; and not twice.
  local generator = saros.generator(stuck)
  trace("stepped", generator())
  loop:call_soon(trace, "while it is closed")
  generator:close()
  trace("closed")
  generator:close()

  -- Used by two tasks at once.
  local shared = saros.generator(count, "shared", 2)
  local first = loop:create_task(function() return shared() end)
  local second = loop:create_task(function()
    local ok, failure = pcall(shared)
    trace("second", ok, failure)
  end)
  trace("first", first:await())
  second:await()
  trace("goes on", shared())
  left = shared
  trace("ends", left ~= nil)
end

twin.run_whole(main)
