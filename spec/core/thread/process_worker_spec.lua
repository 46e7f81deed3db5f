--- Worker processes that end, that do not start, and whose jobs are cancelled.

local processes = require "spec.support.processes"
local saros = require "saros"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local with_executor, failure_of, own_pid = processes.with_executor, processes.failure_of, processes.own_pid
local begin_and_compute, await_begin = processes.begin_and_compute, processes.await_begin
local temporary = processes.temporary

local ONE = {max_workers = 1}

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
    local ok, failure = pcall(saros.wait_for, executor:submit(processes.compute), 0.05)
    assert.is_false(ok)
    assert.is_true(saros.is_error(failure, saros.TimeoutError))
    assert.equal(3, executor:submit(function() return 3 end):await())
  end))
end)
