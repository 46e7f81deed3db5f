local saros = require "saros"
local raises = require "spec.support.raises"
local threads = require "spec.support.threads"

-- What functions that run in other threads use: busted gives a spec's functions an _ENV that cannot travel.
local error, io, setmetatable, table = error, io, setmetatable, table

-- A counter that tells in a channel what happens to it.
local function make_counter(start, log)
  local Counter = {}
  Counter.__index = Counter
  function Counter:add(n)
    self.count = self.count + (n or 1)
    return self.count
  end
  function Counter:slow(seconds, text)
    saros.blocking_sleep(seconds)
    if log then log:send(text) end
    return text
  end
  function Counter:several() return self.count, nil, "last" end
  function Counter:fail() error(saros.ValueError("counted enough")) end
  function Counter:itself() return self, io.stdout end
  function Counter:close()
    if log then log:send("closed") end
    return "closed with", self.count
  end
  return setmetatable({count = start}, Counter)
end

local function in_task(main)
  return function() saros.run(main) end
end

describe("remote #threads", function()
  it("keeps an object whose methods are called in its thread", in_task(function()
    local counter <close> = saros.remote(make_counter, 40)
    assert.equal(41, counter:add())
    assert.equal(42, counter:add(1))
    assert.same({n = 3, 42, nil, "last"}, table.pack(counter:several()))
  end))

  it("may keep what cannot travel", in_task(function()
    local path = os.tmpname()
    local file = saros.remote(function(name)
      local handle = io.open(name, "w")
      return {
        write = function(_, ...) handle:write(...) end,
        close = function() return handle:close() end,
      }
    end, path)
    file:write("written ", "there")
    assert.is_true(file:close())
    local written = assert(io.open(path))
    assert.equal("written there", written:read("a"))
    written:close()
    os.remove(path)
  end))

  it("suspends a task alone, not the thread", in_task(function()
    local counter <close> = saros.remote(make_counter, 0)
    local ticks = 0
    local ticker = saros.create_task(function()
      while true do
        saros.sleep(0.002)
        ticks = ticks + 1
      end
    end)
    assert.equal("slept", counter:slow(0.05, "slept"))
    ticker:cancel()
    assert.is_true(ticks > 2)
  end))

  it("makes the calls of several tasks in their order", in_task(function()
    local log = saros.Channel(100)
    local counter <close> = saros.remote(make_counter, 0, log)
    local tasks = {}
    for i = 1, 10 do tasks[i] = saros.create_task(counter.slow, counter, (10 - i) / 5000, i) end
    for i = 1, 10 do assert.equal(i, tasks[i]:await()) end
    for i = 1, 10 do assert.equal(i, log:recv()) end
  end))

  it("brings errors back", in_task(function()
    local counter <close> = saros.remote(make_counter, 0)
    local failure = raises(saros.ValueError, counter.fail, counter)
    assert.equal("counted enough", failure.message)
    assert.matches("remote_spec", failure.traceback)
    local unknown, message = pcall(counter.unknown, counter)
    assert.same({false, "the remote object has no method 'unknown'"}, {unknown, message})
    assert.is_false(pcall(counter.count, counter)) -- a field that is no method
    assert.equal("result 2: userdata cannot be transferred",
      raises(saros.TransferError, counter.itself, counter).message)
    assert.equal("argument 1: userdata cannot be transferred",
      raises(saros.TransferError, counter.add, counter, io.stdout).message)
    assert.equal(1, counter:add())
  end))

  it("brings the factory's errors back, and leaves no thread", in_task(function()
    local before = threads.count()
    assert.equal("no object", raises(saros.ValueError, saros.remote, function()
      error(saros.ValueError("no object"))
    end).message)
    raises(saros.ValueError, saros.remote, function() end)
    local failure = raises(saros.TransferError, saros.remote, make_counter, {file = io.stdout})
    assert.matches("^argument 1%.file: ", failure.message)
    assert.error_matches(function() saros.remote(1) end, "function expected")
    local task = saros.create_task(saros.remote, function() saros.blocking_sleep(60) end)
    saros.sleep(0.02)
    task:cancel()
    raises(saros.CancelledError, task.await, task)
    for _ = 1, 3000 do
      if threads.count() <= before then break end
      saros.sleep(0.01)
    end
    assert.equal(0, threads.left(before))
  end))

  it("does not make a call that was cancelled before its turn", in_task(function()
    local log = saros.Channel(10)
    local counter <close> = saros.remote(make_counter, 0, log)
    local running = saros.create_task(counter.slow, counter, 0.05, "running")
    local waiting = saros.create_task(counter.slow, counter, 0, "waiting")
    saros.sleep(0.01)
    waiting:cancel()
    raises(saros.CancelledError, waiting.await, waiting)
    assert.equal("running", running:await())
    counter:slow(0, "after")
    assert.equal("running", log:recv())
    assert.equal("after", log:recv())
  end))

  it("goes on after a running call was stopped", in_task(function()
    local counter <close> = saros.remote(make_counter, 5)
    local task = saros.create_task(counter.slow, counter, 60, "never")
    saros.sleep(0.02)
    task:cancel()
    raises(saros.CancelledError, task.await, task)
    assert.equal(6, counter:add())
  end))

  it("is closed after the calls under way, with the object's own close", in_task(function()
    local before = threads.count()
    local log = saros.Channel(10)
    local counter = saros.remote(make_counter, 7, log)
    local call = saros.create_task(counter.slow, counter, 0.02, "call")
    saros.sleep(0.001)
    assert.same({"closed with", 7}, {counter:close()})
    assert.equal("call", call:await())
    assert.equal("call", log:recv())
    assert.equal("closed", log:recv())
    assert.is_nil(counter:close())
    assert.equal("the remote object is closed", raises(saros.RuntimeError, counter.add, counter).message)
    assert.equal(0, threads.left(before))
  end))

  it("gives the error of the object's own close, and ends all the same", in_task(function()
    local before = threads.count()
    local object = saros.remote(function() return {close = function() error(saros.ValueError("stuck"), 0) end} end)
    assert.equal("stuck", raises(saros.ValueError, object.close, object).message)
    assert.equal(0, threads.left(before))
  end))

  it("is closed when its scope is left, also by an error", in_task(function()
    local log = saros.Channel(10)
    pcall(function()
      local counter <close> = saros.remote(make_counter, 0, log) -- luacheck: ignore 211
      error("leaves")
    end)
    assert.equal("closed", log:recv())
  end))

  it("refuses misuse", in_task(function()
    local counter <close> = saros.remote(make_counter, 0)
    assert.error_matches(function() counter.add() end, "RemoteObject expected")
    assert.error_matches(function() counter.count = 1 end, "cannot be set")
    assert.is_nil(counter[1])
    assert.matches("^RemoteObject: ", tostring(counter))
  end))

  it("needs a loop", function()
    raises(saros.RuntimeError, saros.remote, make_counter, 0)
  end)
end)
