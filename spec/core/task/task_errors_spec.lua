local saros = require "saros"
local raises = require "spec.support.raises"

local function collect()
  collectgarbage()
  collectgarbage()
end

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

  describe("an error", function()
    it("is raised again as the very same value by await, result and run_until_complete", function()
      local object = saros.ValueError { message = "m", key = {} }
      local values = { n = 7, object, {}, "text", 12, false, print, nil }
      for i = 1, values.n do
        local task = loop:create_task(function()
          saros.sleep(0)
          error(values[i], 0)
        end)
        local waiter = loop:create_task(function() return pcall(task.await, task) end)
        local ok, failure = loop:run_until_complete(waiter)
        assert.is_false(ok)
        assert.is_true(rawequal(values[i], failure))
        assert.is_true(rawequal(values[i], task:exception()))
        ok, failure = pcall(task.result, task)
        assert.is_false(ok)
        assert.is_true(rawequal(values[i], failure))
      end
      assert.equal(0, #contexts)
    end)

    it("object gains the traceback of the task that failed, unless it has one", function()
      local function failing_helper() error(saros.ValueError("m")) end
      local failure = raises(saros.ValueError, loop.run_until_complete, loop, function()
        saros.sleep(0)
        failing_helper()
      end)
      assert.matches("failing_helper", failure.traceback)
      assert.matches("task_errors_spec.lua:%d+", failure.traceback)
      failure = raises(saros.ValueError, loop.run_until_complete, loop, function()
        error(saros.ValueError { message = "m", traceback = "its own" })
      end)
      assert.equal("its own", failure.traceback)
    end)

    it("object keeps the first traceback through several tasks", function()
      local function innermost() error(saros.ValueError("m")) end
      local failure = raises(saros.ValueError, loop.run_until_complete, loop, function()
        loop:create_task(function() loop:create_task(function() innermost() end):await() end):await()
      end)
      assert.matches("innermost", failure.traceback)
    end)

    it("that is a cancellation gains no traceback", function()
      local failure = raises(saros.CancelledError, loop.run_until_complete, loop, function()
        saros.current_task():cancel()
        saros.sleep(0)
      end)
      assert.is_nil(failure.traceback)
    end)

    it("that is a frozen object is raised as it is", function()
      local object = saros.ValueError("m")
      object.traceback = false
      assert.equal(object, raises(saros.ValueError, loop.run_until_complete, loop, error, object))
    end)

    it("of a stack overflow, or deep in the stack, fails the task alone", function()
      local function endless() return 1 + endless() end
      local ok, failure = pcall(loop.run_until_complete, loop, endless)
      assert.is_false(ok)
      assert.matches("stack overflow", tostring(failure))
      assert.equal(1, loop:run_until_complete(function() return 1 end))
    end)

    it("in a message handler, and in an error object's own methods, fails the task alone", function()
      local awkward = setmetatable({}, { __tostring = error, __index = error, __eq = error })
      local ok, failure = pcall(loop.run_until_complete, loop, error, awkward)
      assert.is_false(ok)
      assert.is_true(rawequal(awkward, failure))
      ok = loop:run_until_complete(function()
        return (xpcall(error, function() error("in the handler") end, "x"))
      end)
      assert.is_false(ok)
    end)
  end)

  describe("an error that nobody awaits", function()
    local function forget(value)
      local task = loop:create_task(function() error(value, 0) end)
      task:set_name("forgotten")
      return nil
    end

    it("is reported when the task is collected", function()
      local object = saros.ValueError("lost")
      forget(object)
      loop:run()
      assert.equal(0, #contexts)
      collect()
      assert.equal(1, #contexts)
      local context = contexts[1]
      assert.equal(object, context.exception)
      assert.matches("never retrieved", context.message)
      assert.equal("forgotten", context.task:get_name())
      assert.equal(context.task, context.future)
      assert.matches("task_errors_spec.lua", object.traceback)
    end)

    it("is reported with a traceback when it cannot carry one", function()
      forget("text")
      loop:run()
      collect()
      assert.equal("text", contexts[1].exception)
      assert.matches("task_errors_spec.lua", contexts[1].traceback)
    end)

    it("is reported when the loop closes, at the latest", function()
      local tasks = {}
      for i = 1, 3 do tasks[i] = loop:create_task(error, "lost " .. i) end
      loop:run()
      loop:close()
      assert.equal(3, #contexts)
      for i = 1, 3 do
        assert.equal("lost " .. i, contexts[i].exception)
        assert.equal(tasks[i], contexts[i].task)
      end
    end)

    it("may be nil or any other value", function()
      local values = { n = 4, nil, false, 12, print }
      for i = 1, values.n do forget(values[i]) end
      loop:run()
      collect()
      assert.equal(4, #contexts)
    end)

    it("is silenced by cancel, as by every retrieval", function()
      local task = loop:create_task(error, "known")
      loop:run()
      assert.is_false(task:cancel())
      task = nil -- luacheck: ignore
      collect()
      loop:close()
      assert.equal(0, #contexts)
    end)

    it("is reported from inside a task too, when that collects", function()
      loop:run_until_complete(function()
        forget("lost")
        saros.sleep(0)
        saros.sleep(0)
        collect()
        assert.equal(1, #contexts)
        assert.equal("lost", contexts[1].exception)
        saros.sleep(0)
      end)
    end)
  end)

  describe("<close> scopes", function()
    it("may suspend while an error unwinds the task", function()
      local order = {}
      local object = saros.ValueError("unwinding")
      local failure = raises(saros.ValueError, loop.run_until_complete, loop, function()
        local _ <close> = closer(function(_, err)
          order[#order + 1] = "outer"
          saros.sleep(0.001)
          assert.equal(object, err)
          order[#order + 1] = "outer done"
        end)
        local _ <close> = closer(function(_, err)
          order[#order + 1] = "inner"
          assert.equal("result", loop:create_task(function() saros.sleep(0) return "result" end):await())
          assert.equal(object, err)
          order[#order + 1] = "inner done"
        end)
        saros.sleep(0)
        error(object)
      end)
      assert.equal(object, failure)
      assert.same({ "inner", "inner done", "outer", "outer done" }, order)
    end)

    it("may suspend on every way out", function()
      local order = {}
      local function scoped(name, body)
        local _ <close> = closer(function() saros.sleep(0) order[#order + 1] = name end)
        return body()
      end
      loop:run_until_complete(function()
        assert.equal(1, scoped("return", function() return 1 end))
        pcall(scoped, "pcall", error)
        for i = 1, 3 do
          local _ <close> = closer(function() saros.sleep(0) order[#order + 1] = "loop " .. i end)
          if i == 2 then break end
        end
        do
          local _ <close> = closer(function() saros.sleep(0) order[#order + 1] = "goto" end)
          goto out
        end
        ::out::
      end)
      assert.same({ "return", "pcall", "loop 1", "loop 2", "goto" }, order)
    end)

    it("may suspend while a cancellation unwinds the task", function()
      local order = {}
      local task = loop:create_task(function()
        local _ <close> = closer(function(_, err)
          order[#order + 1] = tostring(saros.is_error(err, saros.CancelledError))
          saros.sleep(0.001)
          order[#order + 1] = "done"
        end)
        saros.sleep(3600)
      end)
      loop:run_once()
      task:cancel()
      raises(saros.CancelledError, loop.run_until_complete, loop, task)
      assert.same({ "true", "done" }, order)
      assert.is_true(task:cancelled())
    end)

    it("raise their own error instead of the one under way", function()
      local failure = raises(saros.RuntimeError, loop.run_until_complete, loop, function()
        local _ <close> = closer(function() saros.sleep(0) error(saros.RuntimeError("in close")) end)
        saros.sleep(0)
        error(saros.ValueError("in the body"))
      end)
      assert.equal("in close", failure.message)
      failure = raises(saros.RuntimeError, loop.run_until_complete, loop, function()
        local _ <close> = closer(function() error(saros.RuntimeError("in close")) end)
        return "lost"
      end)
      assert.equal("in close", failure.message)
    end)

    it("see an error raised by the scope inside them", function()
      local seen
      raises(saros.RuntimeError, loop.run_until_complete, loop, function()
        local _ <close> = closer(function(_, err) saros.sleep(0) seen = err.message end)
        local _ <close> = closer(function() saros.sleep(0) error(saros.RuntimeError("second")) end)
        error(saros.ValueError("first"))
      end)
      assert.equal("second", seen)
    end)

    it("may swallow nothing: the error goes on", function()
      raises(saros.ValueError, loop.run_until_complete, loop, function()
        local _ <close> = closer(function() pcall(saros.sleep, 0) return "ignored" end)
        error(saros.ValueError("m"))
      end)
    end)
  end)
end)
