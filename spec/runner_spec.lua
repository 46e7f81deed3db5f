local saros = require "saros"
local raises = require "spec.support.raises"

-- Sends a signal to this very process. `os.execute` would ignore SIGINT meanwhile.
local function send_signal(name)
  local stat <close> = assert(io.open("/proc/self/stat"))
  local pid = stat:read("n")
  assert(io.popen(("kill -%s %d"):format(name, pid))):close()
end

local function ignore_reports(loop)
  loop:set_exception_handler(function() end)
end

describe("saros.run", function()
  it("gives all results of main, which gets the arguments", function()
    local results = table.pack(saros.run(function(a, b)
      saros.sleep(0)
      return b, nil, a, nil
    end, 1, 2))
    assert.same({2, nil, 1, nil, n = 4}, results)
  end)

  it("calls any callable", function()
    local callable = setmetatable({}, {__call = function(_, x) return x end})
    assert.equal("x", saros.run(callable, "x"))
  end)

  it("runs main as a task of a new loop, which it closes", function()
    local loop = saros.run(function()
      assert.is_not_nil(saros.current_task())
      return saros.get_running_loop()
    end)
    assert.is_true(loop:is_closed())
    raises(saros.RuntimeError, saros.get_running_loop)
  end)

  it("leaves no current loop behind, as asyncio", function()
    saros.run(function() end)
    raises(saros.RuntimeError, saros.get_event_loop)
    saros.set_event_loop_policy(nil)
  end)

  it("raises an error object of main, the same one", function()
    local object = saros.ValueError("mine")
    local failure = raises(saros.ValueError, saros.run, function()
      saros.sleep(0)
      error(object)
    end)
    assert.equal(object, failure)
    assert.matches("runner_spec.lua", failure.traceback)
  end)

  it("adds the traceback to an error that is a string", function()
    local function failing_main() error("went wrong") end
    local ok, failure = pcall(saros.run, failing_main)
    assert.is_false(ok)
    assert.matches("^[^\n]*runner_spec.lua:%d+: went wrong\nstack traceback:\n.*runner_spec.lua",
      failure)
  end)

  it("raises other values as they are", function()
    local value = {}
    local ok, failure = pcall(saros.run, function() error(value) end)
    assert.is_false(ok)
    assert.equal(value, failure)
    ok, failure = pcall(saros.run, function() error(nil) end)
    assert.is_false(ok)
    assert.is_nil(failure)
  end)

  it("raises CancelledError when main was cancelled by something else", function()
    raises(saros.CancelledError, saros.run, function()
      saros.current_task():cancel()
      saros.sleep(1)
    end)
  end)

  it("cancels and awaits what is left, in order of creation", function()
    local order = {}
    saros.run(function()
      for i = 1, 3 do
        saros.create_task(function()
          local ok, failure = pcall(saros.sleep, 100)
          assert.is_false(ok)
          saros.sleep(0)
          order[#order + 1] = i
          error(failure)
        end)
      end
      saros.sleep(0)
    end)
    assert.same({1, 2, 3}, order)
  end)

  it("reports an error of a task that it cancels", function()
    local contexts, failing = {}, nil
    saros.run(function()
      saros.get_running_loop():set_exception_handler(function(_, context)
        contexts[#contexts + 1] = context
      end)
      failing = saros.create_task(function()
        pcall(saros.sleep, 100)
        error(saros.ValueError("on the way out"))
      end)
      saros.sleep(0)
    end)
    assert.equal(1, #contexts)
    assert.equal("unhandled exception during saros.run() shutdown", contexts[1].message)
    assert.equal("ValueError: on the way out", tostring(contexts[1].exception))
    assert.equal(failing, contexts[1].task)
  end)

  it("cancels what is left after a failure, too", function()
    local task
    raises(saros.ValueError, saros.run, function()
      task = saros.create_task(saros.sleep, 100)
      saros.sleep(0)
      error(saros.ValueError("main failed"))
    end)
    assert.is_true(task:cancelled())
  end)

  it("runs callbacks that are chained beyond main's end as often as asyncio", function()
    -- asyncio takes one iteration to stop, and two each for the asynchronous generators and for
    -- the default executor.
    local calls = 0
    saros.run(function()
      local loop = saros.get_running_loop()
      local function again()
        calls = calls + 1
        loop:call_soon(again)
      end
      loop:call_soon(again)
    end)
    assert.equal(5, calls)
  end)

  it("cannot be nested, and does not disturb the loop that runs", function()
    saros.run(function()
      local called = false
      raises(saros.RuntimeError, saros.run, function() called = true end)
      saros.sleep(0)
      assert.is_false(called)
    end)
  end)

  it("refuses what cannot be called, before it makes a loop", function()
    assert.error_matches(function() saros.run(nil) end,
      "bad argument #1 to 'run' %(function expected, got nil%)")
  end)

  describe("on SIGINT", function()
    it("cancels main and raises KeyboardInterrupt", function()
      local cleaned = false
      raises(saros.KeyboardInterrupt, saros.run, function()
        local _ <close> = setmetatable({}, {__close = function()
          saros.sleep(0)
          cleaned = true
        end})
        send_signal("INT")
        saros.sleep(10)
      end)
      assert.is_true(cleaned)
    end)

    it("gives main's results when main swallows the cancellation", function()
      assert.equal("finished", saros.run(function()
        send_signal("INT")
        assert.is_false(pcall(saros.sleep, 10))
        return "finished"
      end))
    end)

    it("raises CancelledError when main was cancelled by something else as well", function()
      raises(saros.CancelledError, saros.run, function()
        local task = saros.current_task()
        send_signal("INT")
        assert.is_false(pcall(saros.sleep, 10))
        task:cancel()
        saros.sleep(10)
      end)
    end)

    it("raises main's own error when that came of the cancellation", function()
      raises(saros.ValueError, saros.run, function()
        send_signal("INT")
        pcall(saros.sleep, 10)
        error(saros.ValueError("cannot stop"))
      end)
    end)

    it("raises KeyboardInterrupt at once the second time, in whatever code runs", function()
      local swallowed = 0
      raises(saros.KeyboardInterrupt, saros.run, function()
        send_signal("INT")
        pcall(saros.sleep, 10)
        swallowed = swallowed + 1
        send_signal("INT")
        for _ = 1, 1e9 do swallowed = swallowed + 0 end
        swallowed = swallowed + 1
      end)
      assert.equal(1, swallowed)
    end)
  end)
end)

describe("saros.Runner", function()
  it("runs several mains on one loop, which keeps its tasks", function()
    local runner <close> = saros.Runner()
    local loop, task
    runner:run(function()
      loop = saros.get_running_loop()
      task = saros.create_task(function()
        saros.sleep(0.001)
        return "kept"
      end)
    end)
    assert.equal("kept", runner:run(function(awaited)
      assert.equal(loop, saros.get_running_loop())
      return awaited:await()
    end, task))
  end)

  it("gives its loop, also before the first run", function()
    local runner <close> = saros.Runner()
    local loop = runner:get_loop()
    assert.equal(loop, runner:get_loop())
    assert.equal(loop, runner:run(saros.get_running_loop))
  end)

  it("goes on after a main that failed", function()
    local runner <close> = saros.Runner()
    raises(saros.ValueError, runner.run, runner, function() error(saros.ValueError("x")) end)
    assert.equal(1, runner:run(function() return 1 end))
  end)

  it("goes on after SIGINT ended a main", function()
    local runner <close> = saros.Runner()
    local function interrupted()
      send_signal("INT")
      saros.sleep(10)
    end
    raises(saros.KeyboardInterrupt, runner.run, runner, interrupted)
    assert.equal(1, runner:run(function() return 1 end))
    raises(saros.KeyboardInterrupt, runner.run, runner, interrupted)
  end)

  it("closes its loop and cancels what is left at the end of the scope", function()
    local loop, task
    do
      local runner <close> = saros.Runner()
      loop = runner:get_loop()
      runner:run(function() task = saros.create_task(saros.sleep, 100) end)
      assert.is_false(task:done())
    end
    assert.is_true(task:cancelled())
    assert.is_true(loop:is_closed())
  end)

  it("cannot be used once it is closed, and may be closed again", function()
    local runner = saros.Runner()
    runner:get_loop()
    runner:close()
    raises(saros.RuntimeError, runner.run, runner, function() end)
    raises(saros.RuntimeError, runner.get_loop, runner)
    runner:close()
  end)

  it("can still be used after a close before the first use, as asyncio's", function()
    local runner <close> = saros.Runner()
    runner:close()
    assert.equal(1, runner:run(function() return 1 end))
  end)

  it("cannot run inside a running loop", function()
    local runner <close> = saros.Runner()
    runner:run(function()
      local other <close> = saros.Runner()
      raises(saros.RuntimeError, other.run, other, function() end)
      raises(saros.RuntimeError, runner.run, runner, function() end)
    end)
  end)

  it("cannot be closed while its loop runs", function()
    local runner <close> = saros.Runner()
    assert.equal("alive", runner:run(function()
      local task = saros.create_task(saros.sleep, 0, "alive")
      raises(saros.RuntimeError, runner.close, runner)
      return task:await()
    end))
  end)

  it("sets the loop's debug mode when told so", function()
    local on <close> = saros.Runner {debug = true}
    assert.is_true(on:get_loop():get_debug())
    local off <close> = saros.Runner {debug = false}
    assert.is_false(off:get_loop():get_debug())
  end)

  it("makes its loop by loop_factory, which does not become the current one", function()
    local Loop = saros.EventLoop:extend("Loop")
    saros.set_event_loop_policy(nil)
    local current <close> = saros.get_event_loop()
    do
      local runner <close> = saros.Runner {loop_factory = Loop}
      assert.matches("^Loop", tostring(runner:get_loop()))
      runner:run(function() end)
      assert.equal(current, saros.get_event_loop())
    end
    assert.equal(current, saros.get_event_loop())
    saros.set_event_loop_policy(nil)
  end)

  it("closes its loop although a handler was interrupted meanwhile", function()
    local runner = saros.Runner()
    local loop = runner:get_loop()
    ignore_reports(loop)
    runner:run(function()
      saros.create_task(function()
        pcall(saros.sleep, 100)
        error(saros.KeyboardInterrupt())
      end)
      saros.sleep(0)
    end)
    raises(saros.KeyboardInterrupt, runner.close, runner)
    assert.is_true(loop:is_closed())
  end)

  it("refuses options that it does not know, and wrong ones", function()
    local failure = raises(saros.ValueError, saros.Runner, {factory = print})
    assert.matches("known: debug, loop_factory", failure.message)
    for made, name in pairs {[1] = "number", [false] = "boolean", [print] = "function"} do
      local runner <close> = saros.Runner {loop_factory = function() return made end}
      assert.equal("the loop_factory made no EventLoop, but a " .. name,
        raises(saros.RuntimeError, runner.run, runner, print).message)
    end
    assert.error_matches(function() saros.Runner {debug = 1} end,
      "bad argument #1 to 'Runner' %(option 'debug': boolean expected, got number%)")
    assert.error_matches(function() saros.Runner {loop_factory = {}} end,
      "option 'loop_factory': function expected, got table")
    assert.error_matches(function() saros.Runner(print) end,
      "bad argument #1 to 'Runner' %(table expected, got function%)")
  end)

  it("refuses a main that cannot be called", function()
    local runner <close> = saros.Runner()
    assert.error_matches(function() runner:run({}) end,
      "bad argument #1 to 'run' %(function expected, got table%)")
  end)
end)
