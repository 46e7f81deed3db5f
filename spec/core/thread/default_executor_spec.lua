local saros = require "saros"
local raises = require "spec.support.raises"
local process = require "spec.support.process"
local threads = require "spec.support.threads"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local busy = threads.busy

describe("core.thread.default_executor #threads", function()
  describe("to_thread", function()
    it("suspends the task and gives all results", function()
      local results = table.pack(saros.run(function()
        return saros.to_thread(function(a, b) return b, nil, a, nil end, 1, 2)
      end))
      assert.same({2, nil, 1, nil, n = 4}, results)
    end)

    it("raises the function's error", function()
      local failure = raises(saros.ValueError, saros.run, saros.to_thread, function()
        error(saros.ValueError("there"))
      end)
      assert.matches("default_executor_spec.lua", failure.traceback)
    end)

    it("raises for what cannot travel", function()
      raises(saros.TransferError, saros.run, saros.to_thread, print, io.stdout)
    end)

    it("stops the function when the task is cancelled", function()
      saros.run(function()
        raises(saros.TimeoutError, saros.wait_for, saros.to_thread, 0.02, busy)
      end) -- and waits for the thread here
    end)

    it("raises where nothing can suspend, before it calls anything", function()
      local failure = raises(saros.RuntimeError, saros.to_thread, print)
      assert.matches("to_thread", failure.message)
      local ok, message = pcall(saros.to_thread)
      assert.is_false(ok)
      assert.matches("function expected", message)
    end)
  end)

  describe("run_in_executor", function()
    it("uses the loop's executor, before the loop runs as well", function()
      local loop <close> = saros.new_event_loop()
      local future = loop:run_in_executor(nil, function(x) return x + 1 end, 1)
      assert.equal(2, loop:run_until_complete(future))
    end)

    it("uses the one that it is given", function()
      saros.run(function()
        local loop = saros.get_running_loop()
        local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
        executor:submit(function() _G.mark = "mine" end):await()
        assert.equal("mine", loop:run_in_executor(executor, function() return _G.mark end):await())
        assert.is_nil(loop:run_in_executor(nil, function() return _G.mark end):await())
      end)
    end)

    it("calls whatever has a method submit", function()
      saros.run(function()
        local loop = saros.get_running_loop()
        local other = {}
        function other:submit(fn, ...)
          local future = loop:create_future()
          future:set_result(self, fn, ...)
          return future
        end
        assert.same({other, print, 1, nil, n = 4}, table.pack(loop:run_in_executor(other, print, 1, nil):await()))
      end)
    end)

    it("checks its arguments", function()
      local loop <close> = saros.new_event_loop()
      local function refused(pattern, ...)
        local ok, failure = pcall(loop.run_in_executor, loop, ...)
        assert.is_false(ok)
        assert.matches(pattern, tostring(failure))
      end
      refused("executor expected, got table", {}, print)
      refused("executor expected, got number", 1, print)
      refused("function expected, got number", nil, 1)
    end)

    it("raises on a closed loop", function()
      local loop = saros.new_event_loop()
      loop:close()
      raises(saros.RuntimeError, loop.run_in_executor, loop, nil, print)
    end)
  end)

  it("is heard of although a timer is due in each iteration", function()
    saros.run(function()
      local loop, going = saros.get_running_loop(), true
      local function again()
        if going then loop:call_later(0, again) end
      end
      again()
      local ok, result = pcall(saros.wait_for, saros.to_thread, 30, function() return "done" end)
      going = false
      assert.is_true(ok)
      assert.equal("done", result)
    end)
  end)

  describe("loop:run", function()
    it("goes on while a job is out", function()
      local loop <close> = saros.new_event_loop()
      local done
      loop:run_in_executor(nil, saros.blocking_sleep, 0.03):add_done_callback(function() done = true end)
      loop:run()
      assert.is_true(done)
    end)
  end)

  describe("set_default_executor", function()
    it("sets what to_thread uses, and is shut down with the loop", function()
      local executor = saros.ThreadPoolExecutor({max_workers = 1, thread_name_prefix = "mine"})
      local before = threads.count()
      saros.run(function()
        saros.get_running_loop():set_default_executor(executor)
        saros.to_thread(function() end)
        assert.is_true(threads.names().mine_0)
      end)
      assert.equal(0, threads.left(before))
      assert.is_nil(threads.names().mine_0)
    end)

    it("shuts down what is no executor of the library", function()
      local calls = {}
      saros.run(function()
        saros.get_running_loop():set_default_executor({
          submit = print,
          shutdown = function()
            saros.sleep(0)
            calls[#calls + 1] = "shutdown"
          end,
        })
      end)
      assert.same({"shutdown"}, calls)
    end)

    it("may set one that cannot be shut down, which used to fail where the loop ends", function()
      assert.equal("done", saros.run(function()
        saros.get_running_loop():set_default_executor({submit = print})
        return "done"
      end))
      local loop = saros.new_event_loop()
      loop:set_default_executor({submit = print})
      loop:close()
      assert.is_true(loop:is_closed())
    end)

    it("may set one whose submit gives no Future: to_thread says so, and blames no argument", function()
      saros.run(function()
        saros.get_running_loop():set_default_executor({submit = function() return 5 end})
        local ok, failure = pcall(saros.to_thread, print)
        assert.is_false(ok)
        assert.matches("the executor's submit gave no Future, but a number$", failure)
      end)
    end)

    it("refuses what is no executor", function()
      local loop <close> = saros.new_event_loop()
      assert.has_error(function() loop:set_default_executor(nil) end)
      assert.has_error(function() loop:set_default_executor({}) end)
    end)
  end)

  describe("shutdown_default_executor", function()
    it("waits for the jobs, and nothing can be run any more", function()
      saros.run(function()
        local loop = saros.get_running_loop()
        local future = loop:run_in_executor(nil, saros.blocking_sleep, 0.03)
        loop:shutdown_default_executor()
        assert.is_true(future:done())
        local failure = raises(saros.RuntimeError, loop.run_in_executor, loop, nil, print)
        assert.equal("Executor shutdown has been called", failure.message)
        raises(saros.RuntimeError, saros.to_thread, print)
        loop:shutdown_default_executor()
      end)
    end)

    it("leaves no thread behind when saros.run ends", function()
      local before = threads.count()
      saros.run(function()
        for _ = 1, 3 do saros.to_thread(function() end) end
        saros.get_running_loop():run_in_executor(nil, saros.blocking_sleep, 0.02)
      end)
      assert.equal(0, threads.left(before))
    end)
  end)

  describe("closing the loop", function()
    it("does not wait for what runs, and forgets it", function()
      local loop = saros.new_event_loop()
      local gate <close> = saros.Channel()
      local running = loop:run_in_executor(nil, function() gate:recv() end)
      loop:run_until_complete(loop:run_in_executor(nil, function() end))
      loop:close() -- nobody opens the gate before
      assert.is_false(running:done())
      assert.is_true(running:cancel())
    end)

    it("does not wait for another executor's jobs either", function()
      local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
      local loop = saros.new_event_loop()
      loop:run_in_executor(executor, saros.blocking_sleep, 0.03)
      loop:run_in_executor(executor, saros.blocking_sleep, 0.03)
      loop:close()
      local other <close> = saros.new_event_loop()
      assert.equal("still", other:run_until_complete(other:run_in_executor(executor, function() return "still" end)))
    end)
  end)

  describe("saros.run in a job", function()
    it("gives that thread a loop of its own, and an executor", function()
      local result = saros.run(saros.to_thread, function()
        return saros.run(function()
          saros.sleep(0.001)
          return saros.to_thread(function() return "two threads away" end)
        end)
      end)
      assert.equal("two threads away", result)
    end)

    it("leaves SIGINT with the main thread", function()
      local code = [[
        local saros = require "saros"
        saros.run(function()
          saros.to_thread(function()
            saros.run(function()
              io.stdout:write("ready\n")
              io.stdout:flush()
              saros.sleep(60)
            end)
          end)
        end)
      ]]
      local running <close> = process.start(os.getenv("SAROS_LUA"), "-e", code)
      running:expect("ready")
      running:signal("SIGINT")
      assert.equal("exit 1", running:wait(10))
      assert.matches("KeyboardInterrupt", running:errors())
    end)
  end)

  -- Programs that end with jobs that run: by themselves, or by os.exit, closing the state or not.
  describe("a program that ends", function()
    local PRELUDE = [[
      local saros = require "saros"
      local function busy() while true do local _ = {} end end
      local function nap() os.execute("sleep 12") end
      local function fill(fn)
        local executor = saros.ThreadPoolExecutor({max_workers = 2})
        for _ = 1, 10 do executor:submit(fn) end
        saros.sleep(0.02)
        return executor
      end
    ]]

    local function run(code)
      local outcome, output, errors = process.run(20, os.getenv("SAROS_LUA"), "-e", PRELUDE .. code)
      assert.equal("", errors)
      return outcome, output
    end

    it("with jobs that compute", function()
      assert.equal("exit 0", run("saros.run(fill, busy)"))
    end)

    it("with jobs that block", function()
      local begin = saros.monotonic()
      assert.equal("exit 0", run("saros.run(fill, nap)"))
      assert.is_true(saros.monotonic() - begin < 10)
    end)

    it("in a task, closing the state", function()
      assert.equal("exit 4", run("saros.run(function() fill(busy) os.exit(4, true) end)"))
      assert.equal("exit 4", run("saros.run(function() fill(nap) os.exit(4, true) end)"))
    end)

    it("in a task, without closing the state", function()
      assert.equal("exit 4", run("saros.run(function() fill(busy) os.exit(4) end)"))
    end)

    it("in a callback, while jobs come back", function()
      assert.equal("exit 4", run([[
        local loop = saros.new_event_loop()
        for i = 1, 100 do loop:run_in_executor(nil, function() return i end) end
        loop:call_soon(os.exit, 4, true)
        loop:run()
      ]]))
    end)

    it("in a job", function()
      assert.equal("exit 4", run("saros.run(saros.to_thread, os.exit, 4, true)"))
      assert.equal("exit 4", run("saros.run(saros.to_thread, os.exit, 4)"))
    end)

    it("with a loop that was never closed", function()
      assert.equal("exit 0", run("saros.new_event_loop():run_in_executor(nil, busy)"))
    end)

    it("having closed its loop first", function()
      assert.equal("exit 0", run([[
        local loop = saros.new_event_loop()
        loop:run_in_executor(nil, busy)
        loop:run_until_complete(loop:run_in_executor(nil, function() end))
        loop:close()
      ]]))
    end)
  end)
end)
