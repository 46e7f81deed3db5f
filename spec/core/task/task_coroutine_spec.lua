local saros = require "saros"
local raises = require "spec.support.raises"

local function closer(fn)
  return setmetatable({}, { __close = fn })
end

describe("core.task.task", function()
  local loop, contexts

  before_each(function()
    loop = saros.new_event_loop()
    contexts = {}
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)

  after_each(function() loop:close() end)

  describe("the coroutine", function()
    it("is what the body runs in, and nil once the task is done", function()
      local inside
      local task = loop:create_task(function() inside = coroutine.running() saros.sleep(0) end)
      local co = task:get_coro()
      assert.equal("thread", type(co))
      loop:run_until_complete(task)
      assert.equal(co, inside)
      assert.is_nil(task:get_coro())
    end)

    it("looks dead to a program that kept it, whatever task uses it now", function()
      local kept
      loop:run_until_complete(function() kept = coroutine.running() end)
      assert.equal("dead", coroutine.status(kept))
      local ok = coroutine.resume(kept)
      assert.is_false(ok)
      assert.equal("dead", coroutine.status(kept))
      assert.equal(5, loop:run_until_complete(function() saros.sleep(0) return 5 end))
    end)

    it("is not there to be resumed by the program", function()
      local future = loop:create_future()
      local task = loop:create_task(function() return future:await() end)
      loop:run_once()
      pcall(coroutine.resume, task:get_coro(), "intruder")
      future:set_result("fine")
      loop:call_later(0.01, loop.stop, loop)
      loop:run_forever()
      assert.is_true(task:done())
      local ok, failure = pcall(task.result, task)
      assert.is_false(ok)
      assert.is_true(saros.is_error(failure, saros.RuntimeError), tostring(failure))
      assert.matches("coroutine", failure.message)
      assert.equal(1, loop:run_until_complete(function() return 1 end))
    end)

    it("is not there to be resumed before the task started", function()
      local task = loop:create_task(function() return "fine" end)
      pcall(coroutine.resume, task:get_coro())
      loop:run()
      assert.is_true(task:done())
      local failure = raises(saros.RuntimeError, task.result, task)
      assert.matches("coroutine", failure.message)
      assert.equal(1, loop:run_until_complete(function() return 1 end))
    end)

    it("is not there to be closed by the program", function()
      local closed
      local task = loop:create_task(function()
        local _ <close> = closer(function() closed = true end)
        saros.sleep(0.002)
      end)
      loop:run_once()
      coroutine.close(task:get_coro())
      assert.is_true(closed)
      local failure = raises(saros.RuntimeError, loop.run_until_complete, loop, task)
      assert.matches("coroutine", failure.message)
      local unstarted = loop:create_task(print)
      coroutine.close(unstarted:get_coro())
      raises(saros.RuntimeError, loop.run_until_complete, loop, unstarted)
      assert.equal(1, loop:run_until_complete(function() return 1 end))
    end)

    it("cannot be resumed or closed by itself", function()
      loop:run_until_complete(function()
        local co = saros.current_task():get_coro()
        assert.equal(coroutine.running(), co)
        assert.is_false((coroutine.resume(co)))
        assert.is_false((pcall(coroutine.close, co)))
        saros.sleep(0)
      end)
    end)

    it("keeps its hooks to itself", function()
      local lines = 0
      loop:run_until_complete(function()
        debug.sethook(function() lines = lines + 1 end, "l")
        saros.sleep(0)
      end)
      debug.sethook()
      local before = lines
      loop:run_until_complete(function()
        local x = 1
        x = x + 1
        return x
      end)
      assert.is_true(lines > 0)
      assert.equal(before, lines)
    end)
  end)

  describe("a bare coroutine.yield()", function()
    it("acts as sleep(0)", function()
      local order = {}
      local function body(name)
        for i = 1, 2 do
          order[#order + 1] = name .. i
          assert.equal(0, select("#", coroutine.yield()))
        end
      end
      local a, b = loop:create_task(body, "a"), loop:create_task(body, "b")
      loop:run()
      assert.same({ "a1", "b1", "a2", "b2" }, order)
      assert.is_nil(a:exception())
      assert.is_nil(b:exception())
    end)

    it("with values raises a RuntimeError in the task, which can go on", function()
      local failures = {}
      local function yields(...)
        local _ <close> = closer(function() end)
        coroutine.yield(...)
      end
      loop:run_until_complete(function()
        failures[1] = raises(saros.RuntimeError, yields, "value")
        failures[2] = raises(saros.RuntimeError, yields, nil)
        failures[3] = raises(saros.RuntimeError, yields, 1, 2, 3)
        yields()
        saros.sleep(0)
      end)
      assert.equal(3, #failures)
      for _, failure in ipairs(failures) do assert.matches("yield", failure.message) end
    end)

    it("with values fails a task that does not catch it", function()
      local failure = raises(saros.RuntimeError, loop.run_until_complete, loop, function()
        coroutine.yield({})
        return "must not return"
      end)
      assert.matches("task_coroutine_spec.lua:%d+", failure.traceback)
    end)

    it("is a place to be cancelled at", function()
      local failure
      local task = loop:create_task(function()
        failure = raises(saros.CancelledError, function() coroutine.yield() return "lost" end)
        coroutine.yield()
        return "went on"
      end)
      loop:run_once()
      assert.is_true(task:cancel("m"))
      assert.equal("went on", loop:run_until_complete(task))
      assert.equal("m", failure.message)
    end)

    it("leaves the program's own hook in place", function()
      local counted = 0
      loop:run_until_complete(function()
        local function count() counted = counted + 1 end
        debug.sethook(count, "", 1)
        pcall(function() coroutine.yield(1) return 2 end)
        coroutine.yield()
        assert.equal(count, debug.gethook())
        debug.sethook()
      end)
      assert.is_true(counted > 0)
    end)
  end)
end)
