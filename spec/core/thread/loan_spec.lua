local saros = require "saros"
local raises = require "spec.support.raises"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local SIZE = 4000000 -- long enough to be lent

-- A string that differs from its neighbours in all places that matter.
local function long(seed, size)
  local head, tail = ("%d:"):format(seed), (":%d"):format(seed)
  return head .. ("x"):rep((size or SIZE) - #head - #tail) .. tail
end

local function with_executor(max_workers, fn)
  return function()
    saros.run(function()
      local executor <close> = saros.ThreadPoolExecutor({max_workers = max_workers})
      fn(executor)
    end)
  end
end

local function same(...)
  return ...
end

local function nothing() end

-- What this state holds, in bytes.
local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count") * 1024
end

-- There are as many long strings as there were.
local function check_held(before)
  local more = memory() - before
  assert.is_true(more < SIZE / 2, more .. " bytes are left")
end

describe("core.thread.loan #threads", function()
  it("long strings arrive whole, wherever they are", with_executor(2, function(executor)
    local a, b = long(1), long(2)
    assert.is_true(executor:submit(same, a):await() == a)
    local x, y, z = executor:submit(same, a, b, a):await()
    assert.is_true(x == a and y == b and z == a)
    local t = executor:submit(same, {a, [b] = {b}, n = {n = a}}):await()
    assert.is_true(t[1] == a and t[b][1] == b and t.n.n == a)
    assert.is_true(executor:submit(function() return b .. a end):await() == b .. a)
    assert.is_true(executor:submit(same, setmetatable({}, {__name = a})):await() ~= nil)
  end))

  it("and at the length from which they are lent", with_executor(1, function(executor)
    for size = 65534, 65538 do
      local text = ("\0\1"):rep(size):sub(1, size)
      assert.is_true(executor:submit(same, text):await() == text)
    end
  end))

  it("a job that is done does not keep its strings", with_executor(1, function(executor)
    local before = memory()
    for i = 1, 8 do executor:submit(function(text) return #text end, long(i)):await() end
    check_held(before)
  end))

  it("a worker does not keep what it has returned, when it has done the next job", with_executor(1, function(executor)
    local before = executor:submit(memory):await()
    for i = 1, 8 do assert.equal(SIZE, #executor:submit(string.rep, "x", SIZE):await(), i) end
    executor:submit(nothing):await()
    assert.is_true(executor:submit(memory):await() - before < SIZE / 2)
  end))

  it("neither do jobs that fail, before or after they have begun", with_executor(1, function(executor)
    local before = memory()
    for i = 1, 4 do
      local err = raises(saros.TransferError, function()
        executor:submit(same, long(i), coroutine.create(nothing)):await()
      end)
      assert.equal("argument 2: a coroutine cannot be transferred", err.message)
      err = raises(saros.TransferError, function()
        executor:submit(function(text) return text, coroutine.create(print) end, long(i)):await()
      end)
      assert.equal("result 2: a coroutine cannot be transferred", err.message)
      local ok, message = pcall(function() executor:submit(error, long(i), 0):await() end)
      assert.is_true(not ok and message == long(i))
    end
    executor:submit(nothing):await()
    check_held(before)
  end))

  it("neither do those that are cancelled while they wait", with_executor(1, function(executor)
    local before = memory()
    local first, futures = executor:submit(saros.blocking_sleep, 0.1), {}
    for i = 1, 4 do futures[i] = executor:submit(same, long(i)) end
    for i = 1, 4 do futures[i]:cancel() end
    first:await()
    executor:submit(nothing):await() -- if the worker was faster
    check_held(before)
  end))

  it("a string outlives the loop that closes before the worker takes it", function()
    local channel = saros.Channel(1)
    do
      local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
      saros.run(function()
        executor:submit(saros.blocking_sleep, 0.1)
        executor:submit(function(text) channel:send(text:sub(1, 2) .. #text .. text:sub(-2)) end, long(7))
      end)
      collectgarbage()
      collectgarbage()
    end
    assert.equal("7:" .. SIZE .. ":7", channel:recv())
  end)

  it("and the state of the worker that has returned it", with_executor(1, function(executor)
    local future = executor:submit(same, long(1), {long(2)})
    executor:shutdown({wait = false})
    saros.blocking_sleep(0.2) -- the worker ends
    local text, list = future:await()
    assert.is_true(text == long(1) and list[1] == long(2))
  end))

  -- The worker, which closes its state then, needs what is being read.
  it("a finalizer that runs while a string is made may wait for the worker", with_executor(1, function(executor)
    local waited = false
    for i = 1, 20 do
      local text = long(i)
      local ok, future = pcall(executor.submit, executor, same, text)
      if waited then return end -- the finalizer ran somewhere else
      assert.is_true(ok)
      saros.blocking_sleep(0.01)
      setmetatable({}, {__gc = function()
        executor:shutdown()
        waited = true
      end})
      assert.is_true(future:await() == text)
      if waited then return end
    end
  end))

  it("a state may close while its strings are on their way", function()
    local channel = saros.Channel(4)
    local size = SIZE
    local thread = saros.Thread {target = function()
      local threaded = require "saros"
      threaded.run(function()
        local executor = threaded.ThreadPoolExecutor({max_workers = 1})
        for i = 1, 3 do
          executor:submit(function(text)
            require("saros").blocking_sleep(0.02)
            channel:send(#text)
          end, ("x"):rep(size + i))
        end
        threaded.sleep(0.01)
      end)
    end}
    thread:start():join()
    local ok, got = channel:try_recv()
    assert.is_true(not ok or got == SIZE + 1)
  end)

  it("endures strings that come and go while loops and executors close", function()
    local deadline, round = saros.monotonic() + 0.3, 0
    while saros.monotonic() < deadline do
      round = round + 1
      local executor = saros.ThreadPoolExecutor({max_workers = 2})
      local loop = saros.new_event_loop()
      loop:set_exception_handler(function() end)
      loop:run_until_complete(function()
        local futures = {}
        for i = 1, 12 do
          futures[i] = executor:submit(same, long(i, 70000), {long(i, 80000)})
          if (i + round) % 5 == 0 then futures[i]:cancel() end
        end
        local future = futures[round % 12 + 1]
        if round % 3 > 0 and not future:cancelled() then
          local text, list = future:await()
          assert.equal(70000 + 80000, #text + #list[1])
        end
        if round % 4 == 0 then executor:shutdown() end
      end)
      loop:close()
      if round % 2 == 0 then executor:shutdown({cancel_futures = round % 4 == 2}) end
    end
    collectgarbage()
    collectgarbage()
  end)
end)
