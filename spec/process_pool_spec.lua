local fds = require "spec.support.fds"
local processes = require "spec.support.processes"
local raises = require "spec.support.raises"
local saros = require "saros"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local with_executor, failure_of, own_pid = processes.with_executor, processes.failure_of, processes.own_pid
local begin_and_compute, await_begin = processes.begin_and_compute, processes.await_begin
local temporary = processes.temporary

local ONE = {max_workers = 1}

describe("saros.ProcessPoolExecutor #threads", function()
  it("runs functions in another process and gives all results", with_executor(ONE, function(executor)
    local upvalue = {10}
    local future = executor:submit(function(a, b)
      upvalue[1] = upvalue[1] + a
      return own_pid(), upvalue[1] + b, nil, "x\0y", nil
    end, 1, 2.5)
    assert.is_true(saros.isfuture(future))
    local results = table.pack(future:await())
    assert.not_equal(own_pid(), table.remove(results, 1))
    assert.same({13.5, nil, "x\0y", nil, n = 5}, results)
    assert.equal(10, upvalue[1])
    assert.equal("abab", executor:submit(string.rep, "ab", 2):await())
  end))

  it("does a hundred jobs in two processes", with_executor({max_workers = 2}, function(executor)
    local pids, sum, count = {}, 0, 0
    local function job(i) return {own_pid(), i} end
    local list = {}
    for i = 1, 100 do list[i] = i end
    for index, result in executor:map(job, list) do
      assert.equal(index, result[2])
      pids[result[1]] = true
      sum = sum + result[2]
    end
    for _ in pairs(pids) do count = count + 1 end
    assert.equal(5050, sum)
    assert.equal(2, count)
    assert.equal(2, processes.count())
  end))

  it("maps in chunks", with_executor({max_workers = 2}, function(executor)
    local results = {}
    for index, square in executor:map(function(x) return x * x end, {1, 2, 3, 4, 5}, {chunksize = 2}) do
      results[index] = square
    end
    assert.same({1, 4, 9, 16, 25}, results)
  end))

  it("keeps globals and modules from job to job", with_executor(ONE, function(executor)
    local function load_counted()
      package.preload.counted = function()
        _G.loads = (_G.loads or 0) + 1
        return {}
      end
      require "counted"
      return _G.loads
    end
    assert.equal(1, executor:submit(load_counted):await())
    assert.equal(1, executor:submit(load_counted):await())
    assert.is_nil(_G.loads)
  end))

  it("finds modules where the program does", with_executor(ONE, function(executor)
    assert.equal(package.path, executor:submit(function() return package.path end):await())
    assert.equal(package.cpath, executor:submit(function() return package.cpath end):await())
  end))

  it("lets each job run a loop of its own", with_executor(ONE, function(executor)
    local function job(delay)
      local library = require "saros"
      return library.run(function() return library.sleep(delay, "slept") end)
    end
    assert.equal("slept", executor:submit(job, 0.001):await())
    assert.equal("slept", executor:submit(job, 0.001):await())
  end))

  it("lets a job have processes of its own", with_executor(ONE, function(executor)
    local function job(count)
      local library = require "saros"
      return library.run(function()
        local inner <close> = library.ProcessPoolExecutor {max_workers = 1}
        return inner:submit(function(n) return n + 1 end, count):await()
      end)
    end
    assert.equal(42, executor:submit(job, 41):await())
  end))

  it("gives an error with where it was raised", with_executor(ONE, function(executor)
    local failure = failure_of(executor:submit(function() error(saros.ValueError("no such thing")) end))
    assert.is_true(saros.is_error(failure, saros.ValueError))
    assert.equal("no such thing", failure.message)
    assert.matches("process_pool_spec%.lua", failure.traceback)
    assert.matches("plain$", failure_of(executor:submit(error, "plain", 0)))
    assert.equal(1, executor:submit(function() return 1 end):await())
  end))

  it("keeps error kinds what they are", with_executor(ONE, function(executor)
    local Own = saros.Error:extend("Own")
    local failure = failure_of(executor:submit(function() error(Own {code = 7}) end))
    assert.is_true(saros.is_error(failure, Own))
    assert.equal(7, failure.code)
  end))

  it("refuses what processes cannot share", with_executor(ONE, function(executor)
    local loop = saros.get_running_loop()
    local function count(...) return select("#", ...) end
    for _, value in ipairs {loop, loop:threadsafe(count), io.stdout, loop:create_future()} do
      local failure = failure_of(executor:submit(count, 1, {deep = {value}}))
      assert.is_true(saros.is_error(failure, saros.TransferError))
      assert.matches("argument 2%.deep%[1%]: ", failure.message)
    end
    local failure = failure_of(executor:submit(function() return 1, io.stdout end))
    assert.matches("^TransferError: result 2: ", tostring(failure))
    assert.equal(2, executor:submit(count, 1, 2):await())
  end))

  it("gives a process nothing of the program but its outputs", with_executor(ONE, function(executor)
    local file <close> = assert(io.open("README.md"))
    local a, b = fds.socketpair()
    local open, input = executor:submit(function()
      return require("spec.support.fds").count(), io.read()
    end):await()
    fds.close(a)
    fds.close(b)
    assert.equal(4, open) -- the three standard ones, and what leads to the parent
    assert.is_nil(input)
    assert.equal("file", io.type(file))
  end))

  it("may be a loop's default executor, or one for a call", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      local executor = saros.ProcessPoolExecutor(ONE)
      local pid = loop:run_in_executor(executor, own_pid):await()
      loop:set_default_executor(executor)
      assert.equal(pid, saros.to_thread(own_pid))
      assert.not_equal(pid, own_pid())
    end)
    assert.equal(0, processes.count())
  end)

  it("rejects options that it does not have", function()
    local failure = raises(saros.ValueError, saros.ProcessPoolExecutor, {thread_name_prefix = "x"})
    assert.equal("unknown option 'thread_name_prefix' for 'ProcessPoolExecutor' (known: initargs, initializer, "
      .. "max_workers)", failure.message)
    raises(saros.ValueError, saros.ProcessPoolExecutor, {max_workers = 0})
    assert.has_error(function() saros.ProcessPoolExecutor {max_workers = "2"} end,
      "bad argument #1 to 'ProcessPoolExecutor' (option 'max_workers': integer expected, got string)")
    raises(saros.TransferError, saros.ProcessPoolExecutor, {initializer = print, initargs = {io.stdout}})
  end)

  it("needs a running loop to submit", function()
    local executor <close> = saros.ProcessPoolExecutor()
    raises(saros.RuntimeError, executor.submit, executor, print)
    assert.matches("^ProcessPoolExecutor: ", tostring(executor))
  end)
end)

describe("an initializer in processes #threads", function()
  it("is called by each process before its first job", with_executor({
    max_workers = 1,
    initializer = function(a, b, c) _G.initial = {a, b, c} end,
    initargs = {1, nil, 3, n = 3},
  }, function(executor)
    local function read() return _G.initial[1], _G.initial[2], _G.initial[3] end
    assert.same({1, nil, 3, n = 3}, table.pack(executor:submit(read):await()))
    failure_of(executor:submit(os.exit, 1))
    assert.same({1, nil, 3, n = 3}, table.pack(executor:submit(read):await()))
  end))

  it("may return what cannot travel", with_executor({
    initializer = function() return io.stdout end,
  }, function(executor)
    assert.equal(1, executor:submit(function() return 1 end):await())
  end))

  it("that fails breaks the executor", with_executor({
    max_workers = 1,
    initializer = function() error("not today", 0) end,
  }, function(executor)
    local first, second = executor:submit(print, "never"), executor:submit(print, "never")
    for _, future in ipairs {first, second} do
      local failure = failure_of(future)
      assert.is_true(saros.is_error(failure, saros.BrokenExecutor))
      assert.equal("an initializer failed: not today", failure.message)
    end
    raises(saros.BrokenExecutor, executor.submit, executor, print)
  end))

  it("that ends its process breaks the executor", with_executor({initializer = os.exit, initargs = {5}},
    function(executor)
      local failure = failure_of(executor:submit(print, "never"))
      assert.is_true(saros.is_error(failure, saros.BrokenExecutor))
      assert.matches("^a worker process did not start: .* ended with status 5$", failure.message)
    end))
end)

describe("the end of a process pool #threads", function()
  it("leaves no process and no descriptor", function()
    local before = fds.count()
    saros.run(function()
      local executor = saros.ProcessPoolExecutor {max_workers = 2}
      local pids = {}
      for i, pid in executor:map(own_pid, {1, 2, 3, 4}) do pids[i] = pid end
      failure_of(executor:submit(os.exit, 1))
      local running = executor:submit(processes.compute)
      saros.sleep(0.01)
      running:cancel()
      executor:shutdown()
      assert.equal(0, processes.count())
      for _, pid in ipairs(pids) do assert.is_false(processes.is_alive(pid)) end
    end)
    assert.is_true(fds.count() <= before)
  end)

  it("does what was submitted first", function()
    saros.run(function()
      local executor = saros.ProcessPoolExecutor(ONE)
      local futures = {}
      for i = 1, 5 do futures[i] = executor:submit(function(n) return n end, i) end
      executor:shutdown()
      for i = 1, 5 do assert.equal(i, futures[i]:result()) end
      raises(saros.RuntimeError, executor.submit, executor, print)
      executor:shutdown()
    end)
  end)

  it("can cancel what waits, and need not wait itself", function()
    saros.run(function()
      local begun <close> = temporary()
      local executor = saros.ProcessPoolExecutor(ONE)
      local running = executor:submit(begin_and_compute, begun.path)
      local waiting = executor:submit(print, "never")
      await_begin(begun.path)
      executor:shutdown {wait = false, cancel_futures = true}
      assert.is_true(waiting:cancelled())
      assert.is_false(running:done())
      running:cancel()
      executor:shutdown()
      assert.equal(0, processes.count())
    end)
  end)

  it("blocks outside of a loop", function()
    local executor = saros.ProcessPoolExecutor(ONE)
    saros.run(function() executor:submit(own_pid):await() end)
    assert.equal(1, processes.count())
    executor:shutdown()
    assert.equal(0, processes.count())
  end)

  it("is not that of its loop: another one can go on with it", function()
    local executor <close> = saros.ProcessPoolExecutor(ONE)
    local first = saros.run(function() return executor:submit(own_pid):await() end)
    local second = saros.run(function() return executor:submit(own_pid):await() end)
    assert.equal(first, second)
  end)

  it("comes to the job of a loop that was closed", function()
    local executor <close> = saros.ProcessPoolExecutor(ONE)
    local begun <close> = temporary()
    local pid = saros.run(function()
      executor:submit(begin_and_compute, begun.path)
      executor:submit(begin_and_compute, begun.path)
      return await_begin(begun.path)
    end)
    assert.is_true(processes.ends(pid))
    assert.equal(7, saros.run(function() return executor:submit(function() return 7 end):await() end))
  end)

  it("comes when nobody has it any more", function()
    local begun <close> = temporary()
    local function leave()
      local loop = saros.new_event_loop()
      local executor = saros.ProcessPoolExecutor(ONE)
      local pid = loop:run_until_complete(function()
        executor:submit(begin_and_compute, begun.path)
        return await_begin(begun.path)
      end)
      loop:close()
      return pid
    end
    local pid = leave()
    collectgarbage()
    collectgarbage()
    assert.is_true(processes.ends(pid))
    assert.equal(0, processes.count())
  end)

  it("keeps run() going until jobs are done, and a virtual clock from jumping", function()
    local loop = saros.testing.VirtualClockLoop()
    local seen
    loop:call_later(3600, function() seen = seen or "the timer" end)
    loop:run_until_complete(function()
      local executor <close> = saros.ProcessPoolExecutor(ONE)
      executor:submit(own_pid):add_done_callback(function() seen = seen or "the job" end)
      executor:shutdown()
    end)
    loop:close()
    assert.equal("the job", seen)
  end)
end)

