local saros = require "saros"
local raises = require "spec.support.raises"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local function with_executor(fn)
  return function()
    saros.run(function()
      local executor <close> = saros.ThreadPoolExecutor({max_workers = 2})
      fn(executor)
    end)
  end
end

local function double(x) return x and 2 * x end

local function collect(iterator)
  local indices, values = {}, {}
  for index, value in iterator do
    indices[#indices + 1] = index
    values[index] = value
  end
  return values, indices
end

describe("executor:map #threads", function()
  it("gives indices and results in the order of the list", with_executor(function(executor)
    local function slow_first(i)
      if i == 1 then require("saros").blocking_sleep(0.02) end
      return i
    end
    local values, indices = collect(executor:map(slow_first, {1, 2, 3}))
    assert.same({1, 2, 3}, values)
    assert.same({1, 2, 3}, indices)
    assert.same({}, (collect(executor:map(double, {}))))
  end))

  it("gives nil and false as they are", with_executor(function(executor)
    local function pick(i)
      if i == 2 then return false end
      if i ~= 1 then return i end
    end
    for _, chunksize in ipairs({1, 2, 5}) do
      local values, indices = collect(executor:map(pick, {1, 2, 3}, {chunksize = chunksize}))
      assert.same({nil, false, 3}, values)
      assert.same({1, 2, 3}, indices)
    end
  end))

  it("makes jobs of as many items as it is told", with_executor(function(executor)
    for chunksize = 1, 7 do
      assert.same({2, 4, 6, 8, 10, 12}, (collect(executor:map(double, {1, 2, 3, 4, 5, 6}, {chunksize = chunksize}))))
    end
  end))

  it("raises a call's error in its place, and cancels the rest", with_executor(function(executor)
    local function fail_second(i)
      if i == 2 then error("second", 0) end
      if i > 2 then require("saros").blocking_sleep(10) end
      return i
    end
    local iterator, seen = executor:map(fail_second, {1, 2, 3, 4}), {}
    local ok, failure = pcall(function()
      for i in iterator do seen[#seen + 1] = i end
    end)
    assert.is_false(ok)
    assert.equal("second", failure)
    assert.same({1}, seen)
    assert.is_nil(iterator())
  end))

  it("raises a TimeoutError when the time is up, and cancels the rest", with_executor(function(executor)
    local begin = saros.monotonic()
    raises(saros.TimeoutError, collect, executor:map(saros.blocking_sleep, {0, 10, 10}, {timeout = 0.05}))
    assert.is_true(saros.monotonic() - begin < 5)
  end))

  it("cancels the rest when it is closed, or garbage", with_executor(function(executor)
    do
      local iterator <close> = executor:map(saros.blocking_sleep, {0, 10, 10})
      assert.equal(1, (iterator()))
    end
    executor:map(saros.blocking_sleep, {0, 10, 10})()
    collectgarbage()
    collectgarbage()
  end))

  it("serves one task at a time: a step that waits used to take another's result", with_executor(function(executor)
    local results = executor:map(function(i)
      require("saros").blocking_sleep(0.01)
      return i
    end, {1, 2})
    local first = saros.create_task(collect, results)
    saros.sleep(0)
    raises(saros.RuntimeError, results)
    assert.same({1, 2}, (first:await()))
  end))

  it("checks its arguments", with_executor(function(executor)
    local function refused(pattern, ...)
      local ok, failure = pcall(executor.map, executor, ...)
      assert.is_false(ok)
      assert.matches(pattern, tostring(failure))
    end
    refused("bad argument #1 to 'map' %(function expected, got nil%)", nil, {})
    refused("bad argument #2 to 'map' %(list expected, got number%)", print, 1)
    refused("ValueError: chunksize must be at least 1", print, {}, {chunksize = 0})
    refused("ValueError: unknown option 'chunk' for 'map'", print, {}, {chunk = 1})
  end))
end)
