local saros = require "saros"
local raises = require "spec.support.raises"
local threads = require "spec.support.threads"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

-- Runs a function in a task with a new executor, which is shut down afterwards.
local function with_executor(options, fn)
  return function()
    saros.run(function()
      local executor <close> = saros.ThreadPoolExecutor(options)
      fn(executor)
    end)
  end
end

local function failure_of(future)
  local ok, failure = pcall(future.await, future)
  assert.is_false(ok)
  return failure
end

describe("saros.ThreadPoolExecutor #threads", function()
  it("runs functions elsewhere and gives all results", with_executor(nil, function(executor)
    local future = executor:submit(function(a, b) return a + b, nil, "x", nil end, 1, 2)
    assert.is_true(saros.isfuture(future))
    assert.same({3, nil, "x", nil, n = 4}, table.pack(future:await()))
    assert.same({n = 0}, table.pack(executor:submit(function() end):await()))
  end))

  it("takes C functions and copies of upvalues", with_executor(nil, function(executor)
    local list = {1}
    assert.equal(8.0, executor:submit(function(a, b) return a ^ b end, 2, 3):await())
    assert.equal("ab", executor:submit(string.rep, "ab", 1):await())
    local length = executor:submit(function()
      list[#list + 1] = 2
      return #list
    end):await()
    assert.same({2, 1}, {length, #list})
  end))

  it("runs pure Lua while the loop goes on", with_executor({max_workers = 1}, function(executor)
    local future, ticks = executor:submit(saros.blocking_sleep, 0.05), 0
    while not future:done() do
      ticks = ticks + 1
      saros.sleep(0.005)
    end
    assert.is_true(ticks >= 3)
  end))

  it("keeps globals and modules from job to job", with_executor({max_workers = 1}, function(executor)
    executor:submit(function() _G.counter = 41 end):await()
    assert.equal(42, executor:submit(function() return _G.counter + 1 end):await())
    local function load_counter()
      package.preload.counted = function()
        _G.loads = (_G.loads or 0) + 1
        return {}
      end
      require "counted"
      return _G.loads
    end
    executor:submit(load_counter):await()
    assert.equal(1, executor:submit(load_counter):await())
    assert.is_nil(_G.counter)
  end))

  it("loads a function once, however often it is called", with_executor({max_workers = 1}, function(executor)
    local function identity() return tostring(debug.getinfo(1, "f").func) end
    local first = executor:submit(identity):await()
    for _ = 1, 10 do assert.equal(first, executor:submit(identity):await()) end
  end))

  it("does not keep functions that were made for one call", with_executor({max_workers = 1}, function(executor)
    local function memory()
      collectgarbage()
      return collectgarbage("count")
    end
    local function run_many()
      for i = 1, 2000 do executor:submit(load("return " .. i)):await() end
      return executor:submit(memory):await()
    end
    local before = run_many()
    assert.is_true(run_many() < before + 300)
  end))

  describe("errors", function()
    it("that are objects arrive as such, with the worker's traceback", with_executor(nil, function(executor)
      local failure = failure_of(executor:submit(function() error(saros.ValueError("wrong")) end))
      assert.is_true(saros.is_error(failure, saros.ValueError))
      assert.equal("wrong", failure.message)
      assert.matches("executor_spec.lua:%d+: in function", failure.traceback)
    end))

    it("keep the identity of their kinds, and their fields", with_executor(nil, function(executor)
      local Mine = saros.OSError:extend("Mine")
      local failure = failure_of(executor:submit(function() error(Mine({code = "EMINE"})) end))
      assert.is_true(saros.is_error(failure, Mine))
      assert.equal("EMINE", failure.code)
    end))

    it("that are strings or other values are unchanged", with_executor(nil, function(executor)
      assert.equal("just this", failure_of(executor:submit(error, "just this", 0)))
      assert.matches("^[^\n]*executor_spec.lua:%d+: there$", failure_of(executor:submit(function() error("there") end)))
      assert.same({1, 2}, failure_of(executor:submit(error, {1, 2})))
      assert.is_nil(failure_of(executor:submit(error)))
    end))

    it("that nobody retrieves are reported with the worker's traceback", function()
      local loop, reports = saros.new_event_loop(), {}
      loop:set_exception_handler(function(_, context) reports[#reports + 1] = context end)
      loop:run_until_complete(loop:run_in_executor(nil, function() end))
      loop:run_until_complete(function()
        local future = loop:run_in_executor(nil, function() error("unseen") end)
        while not future:done() do saros.sleep(0.001) end
        loop:shutdown_default_executor()
      end)
      loop:close()
      collectgarbage()
      assert.equal(1, #reports)
      assert.matches("unseen", reports[1].exception)
      assert.matches("executor_spec.lua", reports[1].traceback)
    end)

    it("about what cannot travel are the job's alone", with_executor({max_workers = 1}, function(executor)
      local function failing(...)
        local failure = failure_of(executor:submit(...))
        assert.is_true(saros.is_error(failure, saros.TransferError))
        return failure.message
      end
      local outer = coroutine.create(print)
      assert.matches("^argument 2%.config%.socket: userdata cannot be transferred$",
        failing(print, 1, {config = {socket = io.stdout}}))
      assert.matches("^upvalue 'outer': a coroutine", failing(function() return outer end))
      assert.matches("^result 2: userdata", failing(function() return 1, io.stdout end))
      assert.matches("^error%.at: userdata cannot be transferred %(the error: table",
        failing(function() error({at = io.stdout}) end))
      assert.equal(1, executor:submit(function() return 1 end):await())
    end))

    it("CancelledError makes the future cancelled", with_executor(nil, function(executor)
      local future = executor:submit(function() error(saros.CancelledError()) end)
      failure_of(future)
      assert.is_true(future:cancelled())
    end))
  end)

  describe("submit", function()
    it("refuses what cannot be called", with_executor(nil, function(executor)
      local ok, message = pcall(function() executor:submit(1) end)
      assert.is_false(ok)
      assert.matches("bad argument #1 to 'submit' %(function expected, got number%)", message)
      assert.has_error(function() executor.submit({}, print) end)
    end))

    it("raises without a running loop", function()
      local executor <close> = saros.ThreadPoolExecutor()
      local failure = raises(saros.RuntimeError, executor.submit, executor, print)
      assert.equal("no running event loop", failure.message)
    end)

    it("raises after shutdown", with_executor(nil, function(executor)
      executor:shutdown()
      raises(saros.RuntimeError, executor.submit, executor, print)
      raises(saros.RuntimeError, executor.map, executor, print, {1})
    end))
  end)

  describe("options", function()
    it("are checked", function()
      local function refused(pattern, options)
        local ok, failure = pcall(saros.ThreadPoolExecutor, options)
        assert.is_false(ok)
        assert.matches(pattern, tostring(failure))
      end
      refused("ValueError: max_workers must be greater than 0", {max_workers = 0})
      refused("option 'max_workers': integer expected, got string", {max_workers = "2"})
      refused("ValueError: unknown option 'workers' for 'ThreadPoolExecutor' %(known: initargs, initializer, "
        .. "max_workers, thread_name_prefix%)", {workers = 1})
      refused("TransferError: argument 1: userdata", {initializer = print, initargs = {io.stdout}})
    end)

    it("may allow more threads than can be counted, which used to be none", with_executor({max_workers = 1 << 32},
      function(executor) assert.equal(1, executor:submit(function() return 1 end):await()) end))

    it("name the threads, whose numbers are always there", with_executor(
      {thread_name_prefix = "a very long prefix", max_workers = 2}, function(executor)
        saros.gather(executor:submit(saros.blocking_sleep, 0.03), executor:submit(saros.blocking_sleep, 0.03)):await()
        local names = threads.names()
        assert.is_true(names["a very long p_0"])
        assert.is_true(names["a very long p_1"])
      end))
  end)

  describe("initializer", function()
    it("runs once in each worker, with its arguments", with_executor({
      max_workers = 1,
      initargs = {20, nil, 22, n = 3},
      initializer = function(a, b, c)
        _G.initialized = (_G.initialized or 0) + a + c
        assert(b == nil)
      end,
    }, function(executor)
      for _ = 1, 3 do
        assert.equal(42, executor:submit(function() return _G.initialized end):await())
      end
    end))

    it("that fails breaks the executor, for the jobs that wait and later ones", with_executor({
      max_workers = 2,
      initializer = function() error(saros.ValueError("not today")) end,
    }, function(executor)
      local futures = {}
      for i = 1, 5 do futures[i] = executor:submit(print) end
      for _, future in ipairs(futures) do
        local failure = failure_of(future)
        assert.is_true(saros.is_error(failure, saros.BrokenExecutor))
        assert.matches("an initializer failed: ValueError: not today", failure.message)
      end
      raises(saros.BrokenExecutor, executor.submit, executor, print)
    end))

    it("that fails with what cannot be shown says so, and no longer that memory ran out", with_executor({
      initializer = function() error(setmetatable({}, {__tostring = function() error("not shown") end})) end,
    }, function(executor)
      assert.equal("an initializer failed: table whose __tostring fails", failure_of(executor:submit(print)).message)
    end))
  end)

  describe("shutdown", function()
    local function options_of(executor, options) return pcall(executor.shutdown, executor, options) end

    it("waits in a task until the jobs are done and the threads gone", function()
      saros.run(function()
        local before = threads.count()
        local executor = saros.ThreadPoolExecutor({max_workers = 2})
        local futures, ticks = {}, 0
        for i = 1, 4 do futures[i] = executor:submit(saros.blocking_sleep, 0.02) end
        local ticker = saros.create_task(function()
          while true do
            saros.sleep(0.005)
            ticks = ticks + 1
          end
        end)
        executor:shutdown()
        ticker:cancel()
        for _, future in ipairs(futures) do assert.is_true(future:done()) end
        assert.equal(0, threads.left(before))
        assert.is_true(ticks >= 2)
        executor:shutdown() -- once more does no harm
      end)
    end)

    it("blocks elsewhere", function()
      local loop <close> = saros.new_event_loop()
      local before, future = threads.count(), nil
      local executor = saros.ThreadPoolExecutor()
      loop:call_soon(function()
        future = executor:submit(function() return "done" end)
        executor:shutdown()
        assert.equal(0, threads.left(before))
        assert.is_false(future:done())
      end)
      loop:run()
      assert.equal("done", future:result())
    end)

    it("does not wait if it is told so", with_executor({max_workers = 1}, function(executor)
      local future = executor:submit(saros.blocking_sleep, 0.05)
      local last = executor:submit(function() return "last" end)
      executor:shutdown({wait = false})
      assert.is_false(future:done())
      assert.equal("last", last:await())
    end))

    it("cancels what waits if it is told so", with_executor({max_workers = 1}, function(executor)
      local begun = saros.Event()
      local running = executor:submit(function(begin)
        begin()
        saros.blocking_sleep(0.03)
      end, saros.get_running_loop():threadsafe(function() begun:set() end))
      local waiting = {executor:submit(print), executor:submit(print)}
      begun:wait()
      executor:shutdown({cancel_futures = true})
      assert.is_true(running:done() and not running:cancelled())
      assert.is_true(waiting[1]:cancelled() and waiting[2]:cancelled())
    end))

    it("checks its options", with_executor(nil, function(executor)
      local _, failure = options_of(executor, {now = true})
      assert.equal("ValueError: unknown option 'now' for 'shutdown' (known: cancel_futures, wait)", tostring(failure))
      _, failure = options_of(executor, {wait = 1})
      assert.matches("option 'wait': boolean expected, got number", failure)
      assert.is_false(options_of(executor, 1))
      assert.equal(1, executor:submit(function() return 1 end):await())
    end))

    it("that is cancelled leaves the workers to themselves", with_executor({max_workers = 1}, function(executor)
      local future = executor:submit(saros.blocking_sleep, 0.05)
      raises(saros.TimeoutError, saros.wait_for, executor.shutdown, 0.01, executor)
      assert.is_false(future:done())
      future:await()
    end))
  end)

  it("goes on when nobody refers to it but its jobs", function()
    saros.run(function()
      local before = threads.count()
      local future = saros.ThreadPoolExecutor():submit(function()
        saros.blocking_sleep(0.05)
        return "done"
      end)
      for _ = 1, 3 do collectgarbage() end
      assert.equal("done", future:await())
      saros.sleep(0)
      for _ = 1, 3 do collectgarbage() end
      assert.equal(0, threads.left(before))
    end)
  end)

  it("does not travel", with_executor(nil, function(executor)
    assert.matches("argument 1: userdata", failure_of(executor:submit(print, executor)).message)
  end))
end)
