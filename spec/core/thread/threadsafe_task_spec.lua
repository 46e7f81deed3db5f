local saros = require "saros"
local raises = require "spec.support.raises"
local scripts = require "spec.support.scripts"

-- What functions that run in other threads use: busted gives a spec's functions an _ENV that cannot travel.
local error, ipairs, pcall, tostring = error, ipairs, pcall, tostring

-- Runs `main(executor, loop)` as a task; jobs of the executor are plain threads.
local function run(main)
  return function()
    saros.run(function()
      local executor <close> = saros.ThreadPoolExecutor {max_workers = 2}
      main(executor, saros.get_running_loop())
    end)
  end
end

describe("core.thread.threadsafe_task #threads", function()
  describe("run_coroutine_threadsafe", function()
    it("runs a function as a task of the loop, and tells its results", run(function(executor, loop)
      local results = executor:submit(function()
        local handle = saros.run_coroutine_threadsafe(loop, function(a, b)
          saros.sleep(0.01)
          return a + b, nil, saros.current_task():get_name()
        end, 40, 2)
        local before = handle:done()
        local sum, none, name = handle:result()
        return {before, handle:done(), sum, none == nil, name, (handle:result())}
      end):await()
      assert.matches("^Task", results[5])
      results[5] = nil
      assert.same({false, true, 42, true, nil, 42}, results)
    end))

    it("tells an error, with the traceback", run(function(executor, loop)
      local message, traceback, kind = executor:submit(function()
        local handle = saros.run_coroutine_threadsafe(loop, function() error(saros.ValueError("no good")) end)
        local _, failure = pcall(handle.result, handle)
        return failure.message, failure.traceback, saros.is_error(failure, saros.ValueError)
      end):await()
      assert.equal("no good", message)
      assert.matches("threadsafe_task_spec", traceback)
      assert.is_true(kind)
    end))

    it("fails for results that cannot travel", run(function(executor, loop)
      local message = executor:submit(function()
        local handle = saros.run_coroutine_threadsafe(loop, function() return 1, saros.current_task() end)
        local _, failure = pcall(handle.result, handle)
        return failure.message
      end):await()
      assert.equal("result 2: userdata cannot be transferred", message)
    end))

    it("refuses what cannot travel, and closed loops", run(function(executor, loop)
      local other = saros.new_event_loop()
      local results = executor:submit(function(closing)
        local _, failure = pcall(saros.run_coroutine_threadsafe, loop, function() end, saros.new_event_loop)
        local ok = tostring(failure)
        return ok, closing
      end, loop:threadsafe(function() other:close() end)):await()
      assert.is_string(results)
      other:close()
      raises(saros.RuntimeError, saros.run_coroutine_threadsafe, other, function() end)
      assert.error_matches(function() saros.run_coroutine_threadsafe(loop, 1) end, "function expected")
      assert.error_matches(function() saros.run_coroutine_threadsafe({}, function() end) end, "EventLoop expected")
    end))

    it("gives up waiting after a time, and the task goes on", run(function(executor, loop)
      local kind, late, soon = executor:submit(function()
        local handle = saros.run_coroutine_threadsafe(loop, function()
          saros.sleep(0.1)
          return "late"
        end)
        local _, failure = pcall(handle.result, handle, 0.01)
        local _, at_once = pcall(handle.result, handle, 0)
        return saros.is_error(failure, saros.TimeoutError) and saros.is_error(at_once, saros.TimeoutError),
          handle:result(10), handle:result(0)
      end):await()
      assert.is_true(kind)
      assert.same({"late", "late"}, {late, soon})
    end))

    it("suspends a task of another loop, for a limited time as well", run(function(executor, loop)
      local results = executor:submit(function()
        return saros.run(function()
          local handle = saros.run_coroutine_threadsafe(loop, function()
            saros.sleep(0.05)
            return "done"
          end)
          local ticks = 0
          local ticker = saros.create_task(function()
            while true do
              saros.sleep(0.005)
              ticks = ticks + 1
            end
          end)
          local _, failure = pcall(handle.result, handle, 0.01)
          local result = handle:result(10)
          ticker:cancel()
          return {saros.is_error(failure, saros.TimeoutError), result, ticks > 2}
        end)
      end):await()
      assert.same({true, "done", true}, results)
    end))

    it("may be asked by a task that is cancelled meanwhile", run(function(_, loop)
      local handle = saros.run_coroutine_threadsafe(loop, saros.sleep, 0.02, "result")
      local limited = saros.create_task(handle.result, handle, 10)
      local unlimited = saros.create_task(handle.result, handle)
      saros.sleep(0.001)
      limited:cancel()
      unlimited:cancel()
      raises(saros.CancelledError, limited.await, limited)
      raises(saros.CancelledError, unlimited.await, unlimited)
      assert.equal("result", handle:result())
    end))

    it("cancels the task", run(function(executor, loop)
      local ended = saros.Channel(1)
      local results = executor:submit(function()
        local handle = saros.run_coroutine_threadsafe(loop, function()
          local _, failure = pcall(saros.sleep, 60)
          ended:send(tostring(failure))
          error(failure, 0)
        end)
        saros.blocking_sleep(0.02)
        local cancelled, again, done = handle:cancel(), handle:cancel(), handle:done()
        local _, failure = pcall(handle.result, handle)
        return {cancelled, again, done, saros.is_error(failure, saros.CancelledError)}
      end):await()
      assert.same({true, false, true, true}, results)
      assert.equal("CancelledError", ended:recv())
    end))

    it("cancels a call that has not begun", run(function(executor, loop)
      local made = saros.Channel(1)
      executor:submit(function()
        local handle = saros.run_coroutine_threadsafe(loop, function() made:send(true) end)
        handle:cancel()
      end):await()
      saros.sleep(0.01)
      -- Either it was cancelled before it arrived, or before its first step.
      assert.is_false(made:try_recv())
    end))

    it("tells that the task was cancelled by somebody else", run(function(executor, loop)
      local message = executor:submit(function()
        local handle = saros.run_coroutine_threadsafe(loop, function()
          saros.current_task():cancel("by itself")
          saros.sleep(1)
        end)
        local _, failure = pcall(handle.result, handle)
        return saros.is_error(failure, saros.CancelledError) and failure.message
      end):await()
      assert.equal("by itself", message)
    end))

    it("can be asked by several threads", run(function(executor, loop)
      local results = executor:submit(function()
        return saros.run_coroutine_threadsafe(loop, function()
          saros.sleep(0.02)
          return {"shared"}
        end)
      end):await()
      local asked = {}
      for i = 1, 2 do asked[i] = executor:submit(function(handle) return handle:result() end, results) end
      assert.same({"shared"}, results:result())
      for _, job in ipairs(asked) do assert.same({"shared"}, job:await()) end
    end))

    it("runs on a loop of the same thread, with the very values", run(function(_, loop)
      local token = io.stdout
      local handle = saros.run_coroutine_threadsafe(loop, function(...)
        saros.sleep(0.001)
        return select("#", ...), ... == token
      end, token, nil)
      assert.same({2, true}, {handle:result(5)})
    end))

    it("would wait for itself on a loop that does not run", function()
      local loop <close> = saros.new_event_loop()
      local handle = saros.run_coroutine_threadsafe(loop, function() return "ran" end)
      raises(saros.RuntimeError, handle.result, handle)
      raises(saros.TimeoutError, handle.result, handle, 0)
      loop:run()
      assert.equal("ran", handle:result())
    end)

    it("would wait for good while the thread runs another loop", function()
      local loop <close> = saros.new_event_loop()
      local handle = saros.run_coroutine_threadsafe(loop, function() return "ran" end)
      saros.run(function()
        local failure = raises(saros.RuntimeError, handle.result, handle, 5)
        assert.equal("the loop of the task is this thread's, and does not run", failure.message)
      end)
      loop:run()
      assert.equal("ran", saros.run(function() return handle:result() end))
    end)

    it("would wait for good in a launcher's script, unless the script runs on that loop", function()
      local output = scripts.output_of([[
        local other = saros.new_event_loop()
        local handle = saros.run_coroutine_threadsafe(other, print)
        print(pcall(handle.result, handle, 0))
        local own = saros.new_event_loop()
        saros.set_event_loop(own)
        print(saros.run_coroutine_threadsafe(own, function() return "own" end):result())
        print(pcall(handle.result, handle))
        print(other:is_closed())
      ]])
      assert.equal("false\tTimeoutError\nown\n"
        .. "false\tRuntimeError: the loop of the task is this thread's, and does not run\nfalse\n", output)
    end)

    it("tells that the loop was closed with the task left", run(function(executor)
      local loop = saros.new_event_loop()
      local handle = saros.run_coroutine_threadsafe(loop, saros.sleep, 60)
      local job = executor:submit(function()
        local _, failure = pcall(handle.result, handle)
        return tostring(failure)
      end)
      saros.sleep(0.01)
      executor:submit(function() end):await()
      local closer = saros.create_task(function() end)
      closer:await()
      -- A loop that does not run may be closed while another one does.
      loop:close()
      assert.equal("RuntimeError: Event loop is closed", job:await())
    end))

    it("tells that the loop was collected with the task left", run(function(executor)
      local handle
      do
        local loop = saros.new_event_loop()
        handle = saros.run_coroutine_threadsafe(loop, saros.sleep, 60)
      end
      local job = executor:submit(function()
        local _, failure = pcall(handle.result, handle)
        return tostring(failure)
      end)
      for _ = 1, 3 do collectgarbage() end
      assert.equal("RuntimeError: Event loop is closed", job:await())
    end))
  end)

  describe("an error that nobody asks for", function()
    local function contexts_of(main)
      local contexts = {}
      saros.run(function()
        local loop = saros.get_running_loop()
        loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
        main(loop)
        for _ = 1, 3 do
          collectgarbage()
          saros.sleep(0.002)
        end
      end)
      return contexts
    end

    it("goes to the exception handler of the loop", function()
      local contexts = contexts_of(function(loop)
        saros.run_coroutine_threadsafe(loop, error, saros.ValueError("lost"))
      end)
      assert.equal(1, #contexts)
      assert.equal("lost", contexts[1].exception.message)
    end)

    it("goes there when the loop closes, while the handle is there", function()
      local handle
      local contexts = contexts_of(function(loop)
        handle = saros.run_coroutine_threadsafe(loop, error, saros.ValueError("kept"))
        saros.sleep(0.002)
      end)
      assert.equal(1, #contexts)
      assert.equal("kept", contexts[1].exception.message)
      raises(saros.ValueError, handle.result, handle)
    end)

    it("does not when somebody asks", function()
      local contexts = contexts_of(function(loop)
        local handle = saros.run_coroutine_threadsafe(loop, error, saros.ValueError("asked"))
        raises(saros.ValueError, handle.result, handle)
        raises(saros.ValueError, handle.result, handle)
      end)
      assert.same({}, contexts)
    end)

    it("does not when another thread asks", function()
      local contexts = contexts_of(function(loop)
        saros.to_thread(function()
          local handle = saros.run_coroutine_threadsafe(loop, error, saros.ValueError("asked"))
          pcall(handle.result, handle)
        end)
      end)
      assert.same({}, contexts)
    end)

    it("is none when it is a cancellation", function()
      local contexts = contexts_of(function(loop)
        local handle = saros.run_coroutine_threadsafe(loop, saros.sleep, 60)
        saros.sleep(0.001)
        handle:cancel()
        saros.run_coroutine_threadsafe(loop, function() saros.current_task():cancel() saros.sleep(1) end)
      end)
      assert.same({}, contexts)
    end)
  end)
end)
