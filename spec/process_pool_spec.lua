local fds = require "spec.support.fds"
local process = require "spec.support.process"
local processes = require "spec.support.processes"
local raises = require "spec.support.raises"
local saros = require "saros"
local scripts = require "spec.support.scripts"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local LIMIT = 60 -- seconds, for what ends at once on a machine that has time
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

local own_pid = processes.own_pid

-- Runs a function in a task with a new executor, which is shut down afterwards.
local function with_executor(options, fn)
  return function()
    saros.run(function()
      local executor <close> = saros.ProcessPoolExecutor(options)
      fn(executor)
    end)
  end
end

local ONE = {max_workers = 1}

local function failure_of(future)
  local ok, failure = pcall(future.await, future)
  assert.is_false(ok)
  return failure
end

-- A job that never ends by itself.
local function compute()
  while true do end
end

-- A job that tells by a file that it has begun, and computes.
local function begin_and_compute(path)
  local pipe <close> = io.popen("echo $PPID")
  local file <close> = io.open(path, "w")
  file:write(pipe:read("n"), "\n")
  file:close()
  while true do end
end

local function temporary()
  local path = os.tmpname()
  return setmetatable({path = path}, {__close = function() os.remove(path) end})
end

-- What begin_and_compute has written, in a task.
local function await_begin(path)
  while true do
    local file <close> = io.open(path)
    local pid, rest = file:read("n", "L")
    if rest then return pid end -- with the end of its line: all of it
    saros.sleep(0.01)
  end
end

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

  it("transfers large messages both ways while the loop goes on", with_executor(ONE, function(executor)
    local text = ("0123456789"):rep(1024 * 1024)
    local ticks = 0
    local ticker = saros.create_task(function()
      while true do
        ticks = ticks + 1
        saros.sleep(0.001)
      end
    end)
    local there, back = executor:submit(function(s) return #s, s .. "!" end, text):await()
    ticker:cancel()
    assert.equal(#text, there)
    assert.is_true(back == text .. "!")
    assert.is_true(ticks >= 3)
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

describe("a process that ends #threads", function()
  it("by a signal fails its own job alone", with_executor({max_workers = 2}, function(executor)
    local begun <close> = temporary()
    local doomed = executor:submit(begin_and_compute, begun.path)
    local pid = await_begin(begun.path)
    local other = executor:submit(function()
      return require("saros").run(require("saros").sleep, 0.2, "done")
    end)
    assert(os.execute("kill -KILL " .. pid))
    local failure = failure_of(doomed)
    assert.is_true(saros.is_error(failure, saros.BrokenExecutor))
    assert.equal(9, failure.signal)
    assert.is_nil(failure.status)
    assert.equal("a worker process was ended by signal 9 (Killed)", failure.message)
    assert.equal("done", other:await())
    assert.equal(3, executor:submit(function() return 3 end):await())
  end))

  it("by a crash tells the signal", with_executor(ONE, function(executor)
    local failure = failure_of(executor:submit(os.execute, "kill -ABRT $PPID"))
    assert.equal(6, failure.signal)
    assert.equal(3, executor:submit(function() return 3 end):await())
  end))

  it("by os.exit tells the status", with_executor(ONE, function(executor)
    for status, arguments in pairs {[3] = {3}, [4] = {4, true}, [0] = {true}} do
      local failure = failure_of(executor:submit(os.exit, table.unpack(arguments)))
      assert.is_true(saros.is_error(failure, saros.BrokenExecutor))
      assert.equal(status, failure.status)
      assert.is_nil(failure.signal)
      assert.equal(("a worker process ended with status %d"):format(status), failure.message)
    end
    assert.equal(3, executor:submit(function() return 3 end):await())
  end))

  it("while it has nothing to do is replaced, and fails no job", with_executor(ONE, function(executor)
    local pid = executor:submit(own_pid):await()
    assert(os.execute("kill -KILL " .. pid))
    assert.is_true(processes.ends(pid))
    assert.not_equal(pid, executor:submit(own_pid):await())
    assert.equal(1, processes.count())
  end))

  it("does not end by Ctrl-C, which is for the program", with_executor(ONE, function(executor)
    assert.equal("here still", executor:submit(function()
      os.execute("kill -INT $PPID")
      return "here still"
    end):await())
  end))
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

describe("an executor whose processes cannot start #threads", function()
  local function failure_with(program)
    local arguments = _G.arg
    _G.arg = {[0] = program}
    local ok, executor = pcall(saros.ProcessPoolExecutor)
    _G.arg = arguments
    assert.is_true(ok, executor)
    return saros.run(function()
      local scope <close> = executor
      return failure_of(scope:submit(print))
    end)
  end

  it("is broken when there is no such program", function()
    local failure = failure_with("no-such-lua")
    assert.is_true(saros.is_error(failure, saros.BrokenExecutor))
    assert.equal("cannot start a worker process: no-such-lua: No such file or directory", failure.message)
  end)

  it("is broken when the program is not one that runs Lua", function()
    local failure = failure_with("false")
    assert.is_true(saros.is_error(failure, saros.BrokenExecutor))
    assert.equal("a worker process did not start: false ended with status 1", failure.message)
  end)
end)

describe("cancelling a job of a process #threads", function()
  it("takes one back that waits", with_executor(ONE, function(executor)
    local begun <close> = temporary()
    local never <close> = temporary()
    local running = executor:submit(begin_and_compute, begun.path)
    await_begin(begun.path)
    local waiting = executor:submit(function(path) io.open(path, "w"):write("begun"):close() end, never.path)
    assert.is_true(waiting:cancel())
    running:cancel()
    assert.equal(3, executor:submit(function() return 3 end):await())
    assert.equal("", io.open(never.path):read("a"))
  end))

  it("ends the process of one that runs, and the executor goes on", with_executor(ONE, function(executor)
    local begun <close> = temporary()
    local future = executor:submit(begin_and_compute, begun.path)
    local pid = await_begin(begun.path)
    assert.is_true(future:cancel())
    assert.is_true(future:cancelled())
    assert.not_equal(pid, executor:submit(own_pid):await())
    assert.is_true(processes.ends(pid))
    assert.equal(1, processes.count())
  end))

  it("works at any time", with_executor({max_workers = 2}, function(executor)
    for i = 1, 12 do
      local future = executor:submit(function(n) return n end, i)
      saros.sleep((i % 4) * 0.004)
      future:cancel()
    end
    assert.equal(3, executor:submit(function() return 3 end):await())
    assert.is_true(processes.count() <= 2)
  end))

  it("is what a timeout does", with_executor(ONE, function(executor)
    local ok, failure = pcall(saros.wait_for, executor:submit(compute), 0.05)
    assert.is_false(ok)
    assert.is_true(saros.is_error(failure, saros.TimeoutError))
    assert.equal(3, executor:submit(function() return 3 end):await())
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
      local running = executor:submit(compute)
      saros.sleep(0.01)
      running:cancel()
      executor:shutdown()
      assert.equal(0, processes.count())
      for _, pid in ipairs(pids) do assert.is_false(processes.is_alive(pid)) end
    end)
    assert.equal(before, fds.count())
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

describe("a program with processes #threads", function()
  local POOL = [[
    local executor = saros.ProcessPoolExecutor {max_workers = 2}
    local function own_pid() return io.popen("echo $PPID"):read("n") end
    local function compute() while true do end end
  ]]
  local WORK = POOL .. [[
    local function main()
      print(executor:submit(function(a) print("in a process") return a + 1 end, 41):await())
      executor:shutdown()
    end
  ]]
  -- Both workers compute; one has told its number.
  local BEGIN = POOL .. [[
    local function main()
      local pid = executor:submit(own_pid):await()
      executor:submit(compute)
      executor:submit(compute)
      saros.sleep(0.2)
      print(pid)
    end
  ]]

  local function run_plain(text)
    local file <close> = scripts.write(text)
    return process.run(LIMIT, LUA, file.path)
  end

  -- A program that leaves processes that compute ends by itself, and they end too.
  local function check_leaving(run, text)
    local outcome, output, errors = run(BEGIN .. text)
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    local pid = tonumber(output)
    assert.is_truthy(pid)
    assert.is_true(processes.ends(pid))
  end

  it("gets their output and their results, under saros as under lua", function()
    assert.equal("in a process\n42\n", scripts.output_of(WORK .. "main()"))
    local outcome, output, errors = run_plain(WORK .. "saros.run(main)")
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    assert.equal("in a process\n42\n", output)
  end)

  it("may end with jobs running", function()
    check_leaving(run_plain, "saros.run(main)")
    check_leaving(run_plain, "local loop = saros.new_event_loop() loop:run_until_complete(main)")
    check_leaving(scripts.run, "saros.run(main)")
  end)

  it("may call os.exit with jobs running", function()
    for _, arguments in ipairs {"0", "0, true"} do
      check_leaving(run_plain, ("saros.run(main) os.exit(%s)"):format(arguments))
      check_leaving(run_plain, ("saros.run(function() main() os.exit(%s) end)"):format(arguments))
      check_leaving(scripts.run, ("main() os.exit(%s)"):format(arguments))
    end
  end)

  it("takes its processes along when it is killed", function()
    local file <close> = scripts.write(BEGIN .. [[
      io.stdout:setvbuf("no")
      saros.run(function() main() saros.sleep(600) end)
    ]])
    for _, name in ipairs {"SIGKILL", "SIGTERM"} do
      local running <close> = process.start(LUA, file.path)
      local pid = tonumber((running:expect("(%d+)\n")))
      assert.is_true(processes.is_alive(pid))
      running:signal(name)
      running:wait(LIMIT)
      assert.is_true(processes.ends(pid))
    end
  end)

  it("takes them along when they have nothing to do, too", function()
    local file <close> = scripts.write(POOL .. [[
      io.stdout:setvbuf("no")
      saros.run(function() print(executor:submit(own_pid):await()) saros.sleep(600) end)
    ]])
    local running <close> = process.start(LUA, file.path)
    local pid = tonumber((running:expect("(%d+)\n")))
    running:signal("SIGKILL")
    running:wait(LIMIT)
    assert.is_true(processes.ends(pid))
  end)
end)
