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

  describe("a body", function()
    it("gets its arguments and gives all its results, nils included", function()
      local task = loop:create_task(function(...)
        saros.sleep(0)
        return select("#", ...), ...
      end, nil, 2, nil)
      assert.same({ n = 4, 3, nil, 2, nil }, table.pack(loop:run_until_complete(task)))
      assert.same({ n = 4, 3, nil, 2, nil }, table.pack(task:result()))
    end)

    it("may have hundreds of arguments and results", function()
      local values = {}
      for i = 1, 240 do values[i] = i end
      assert.same(values, { loop:run_until_complete(function(...) return ... end, table.unpack(values)) })
    end)

    it("may be any callable, and a C function that awaits", function()
      local callable = setmetatable({}, { __call = function(self, x) saros.sleep(0) return self, x end })
      assert.same({ callable, 5 }, { loop:run_until_complete(loop:create_task(callable, 5)) })
      assert.equal("x", loop:run_until_complete(loop:create_task(saros.sleep, 0, "x")))
      local future = loop:create_future()
      local task = loop:create_task(future.await, future)
      future:set_result("y")
      assert.equal("y", loop:run_until_complete(task))
    end)

    it("runs not before the next iteration", function()
      local ran = false
      loop:create_task(function() ran = true end)
      assert.is_false(ran)
      loop:run_once()
      assert.is_true(ran)
    end)

    it("may await in pcall, coroutine-free metamethods, pairs, and iterators", function()
      local Suspending = setmetatable({}, {
        __index = function(_, key) saros.sleep(0) return key .. "!" end,
        __add = function(_, n) saros.sleep(0) return n + 1 end,
        __eq = function() saros.sleep(0) return true end,
        __pairs = function() saros.sleep(0) return next, { one = 1 } end,
        __concat = function(_, s) saros.sleep(0) return s end,
        __call = function(_, n) saros.sleep(0) return n end,
      })
      loop:run_until_complete(function()
        assert.same({ true, "in pcall" }, { pcall(function() saros.sleep(0) return "in pcall" end) })
        assert.same({ false, "handled: x" }, {
          xpcall(function() saros.sleep(0) error("x", 0) end, function(e) return "handled: " .. e end),
        })
        assert.equal("key!", Suspending.key)
        assert.equal(8, Suspending + 7)
        assert.equal("text", Suspending .. "text")
        assert.equal(9, Suspending(9))
        local seen
        for key in pairs(Suspending) do seen = key end
        assert.equal("one", seen)
        local sum = 0
        for i in function(_, i) saros.sleep(0) if i < 3 then return i + 1 end end, nil, 0 do sum = sum + i end
        assert.equal(6, sum)
      end)
    end)

    it("may recurse deeply around its awaits", function()
      local function deep(n)
        if n == 0 then saros.sleep(0) return 0 end
        return 1 + deep(n - 1)
      end
      assert.equal(5000, loop:run_until_complete(deep, 5000))
    end)
  end)

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
      assert.matches("task_spec.lua:%d+", failure.traceback)
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
      assert.matches("task_spec.lua", object.traceback)
    end)

    it("is reported with a traceback when it cannot carry one", function()
      forget("text")
      loop:run()
      collect()
      assert.equal("text", contexts[1].exception)
      assert.matches("task_spec.lua", contexts[1].traceback)
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
      assert.matches("task_spec.lua:%d+", failure.traceback)
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

  describe("names", function()
    it("are given by the loop, and set by set_name, which returns the task", function()
      local one, two = loop:create_task(function() end), loop:create_task(function() end)
      local n = tonumber(one:get_name():match("^Task%-(%d+)$"))
      assert.equal("Task-" .. n + 1, two:get_name())
      assert.equal(one, one:set_name("mine"))
      assert.equal("mine", one:get_name())
      assert.matches("mine", tostring(one))
      loop:run()
      assert.equal("mine", one:get_name())
      one:set_name("after the end")
      assert.equal("after the end", one:get_name())
    end)

    it("refuse what is no string", function()
      local task = loop:create_task(function() end)
      assert.error_matches(function() task:set_name({}) end,
        "bad argument #1 to 'set_name' %(string expected, got table%)")
      assert.error_matches(function() task:set_name() end,
        "bad argument #1 to 'set_name' %(string expected, got no value%)")
      loop:run()
    end)
  end)

  describe("traceback", function()
    it("shows where a task waits", function()
      local line
      local function waits_here()
        line = debug.getinfo(1, "l").currentline + 1
        saros.sleep(3600)
      end
      local task = loop:create_task(function() waits_here() end)
      loop:run_once()
      local text = task:traceback()
      assert.matches("waits_here", text)
      assert.matches("task_spec.lua:" .. line, text, 1, true)
      task:cancel()
      pcall(loop.run_until_complete, loop, task)
    end)

    it("shows where it is, when it asks itself", function()
      loop:run_until_complete(function()
        local function asks() return (saros.current_task():traceback()) end
        assert.matches("task_spec.lua:%d+", asks())
      end)
    end)

    it("shows where it failed, and nothing when it ended well", function()
      local function fails_here() error("text") end
      local failed = loop:create_task(function() fails_here() end)
      local object = loop:create_task(function() error(saros.ValueError("m")) end)
      local fine = loop:create_task(function() end)
      loop:run()
      assert.matches("fails_here", failed:traceback())
      assert.equal(object:exception().traceback, object:traceback())
      assert.is_nil(fine:traceback())
      failed:exception()
    end)

    it("of a task that has not started says so, or shows nothing", function()
      local task = loop:create_task(function() end)
      local text = task:traceback()
      assert.is_true(text == nil or type(text) == "string")
      loop:run()
    end)
  end)

  describe("print_stack", function()
    local function printed(task)
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      task:print_stack(file)
      file:close()
      local text = assert(io.open(path)):read("a")
      os.remove(path)
      return text
    end

    it("writes the name and the stack to a file", function()
      local function waits_here() saros.sleep(3600) end
      local task = loop:create_task(function() waits_here() end):set_name("sleeper")
      loop:run_once()
      local text = printed(task)
      assert.matches("sleeper", text)
      assert.matches("waits_here", text)
      assert.matches("task_spec.lua:%d+", text)
      task:cancel()
      pcall(loop.run_until_complete, loop, task)
      assert.is_string(printed(task))
    end)

    it("writes the error of a failed task", function()
      local task = loop:create_task(function() error(saros.ValueError("what went wrong")) end)
      loop:run()
      assert.matches("what went wrong", printed(task))
      task:exception()
    end)
  end)

  describe("current_task", function()
    it("is the task that runs, also inside a callback-free nest of calls", function()
      local task
      task = loop:create_task(function()
        assert.equal(task, saros.current_task())
        saros.sleep(0)
        assert.equal(task, saros.current_task())
        pcall(function() assert.equal(task, saros.current_task()) end)
        coroutine.wrap(function() assert.equal(task, saros.current_task()) end)()
        return "seen"
      end)
      assert.equal("seen", loop:run_until_complete(task))
    end)

    it("is nil in a callback, and raises outside of a loop", function()
      local seen = "unset"
      loop:call_soon(function() seen = saros.current_task() end)
      loop:run()
      assert.is_nil(seen)
      raises(saros.RuntimeError, saros.current_task)
      raises(saros.RuntimeError, saros.create_task, print)
      raises(saros.RuntimeError, saros.all_tasks)
    end)
  end)

  describe("all_tasks", function()
    it("lists those that are not done, in order of creation", function()
      local tasks = {}
      for i = 1, 6 do tasks[i] = loop:create_task(function() saros.sleep(i % 2 == 0 and 3600 or 0) end) end
      assert.same(tasks, saros.all_tasks(loop))
      for _ = 1, 2 do loop:run_once() end
      assert.same({ tasks[2], tasks[4], tasks[6] }, saros.all_tasks(loop))
      local late = loop:create_task(function() return saros.all_tasks() end)
      local seen = loop:run_until_complete(late)
      assert.same({ tasks[2], tasks[4], tasks[6], late }, seen)
      for i = 2, 6, 2 do tasks[i]:cancel() end
      loop:run()
      assert.same({}, saros.all_tasks(loop))
    end)

    it("is empty for a closed loop", function()
      local other = saros.new_event_loop()
      other:create_task(saros.sleep, 3600)
      other:close()
      assert.same({}, saros.all_tasks(other))
    end)

    it("refuses what is no loop", function()
      assert.error_matches(function() saros.all_tasks({}) end,
        "bad argument #1 to 'all_tasks' %(EventLoop expected, got table%)")
    end)
  end)

  it("refuses set_result and set_exception, which are its body's", function()
    local task = loop:create_task(function() return "its own" end)
    raises(saros.RuntimeError, task.set_result, task, 1)
    raises(saros.RuntimeError, task.set_exception, task, "x")
    assert.equal("its own", loop:run_until_complete(task))
    raises(saros.RuntimeError, task.set_result, task, 1)
  end)

  it("cannot await itself", function()
    local task
    task = loop:create_task(function()
      raises(saros.RuntimeError, task.await, task)
      raises(saros.RuntimeError, saros.await, task)
      return "survived"
    end)
    assert.equal("survived", loop:run_until_complete(task))
  end)

  it("refuses to be made of anything but a function", function()
    assert.error_matches(function() loop:create_task() end,
      "bad argument #1 to 'create_task' %(function expected, got no value%)")
    assert.error_matches(function() loop:create_task({}) end,
      "bad argument #1 to 'create_task' %(function expected, got table%)")
    loop:run_until_complete(function()
      assert.error_matches(function() saros.create_task("print") end,
        "bad argument #1 to 'create_task' %(function expected, got string%)")
    end)
  end)

  it("has methods that refuse to be anything else", function()
    local task = loop:create_task(function() end)
    local future = loop:create_future()
    for _, name in ipairs {
      "get_name", "set_name", "get_coro", "traceback", "cancelling", "uncancel", "print_stack",
    } do
      assert.error_matches(function() task[name](future) end, "Task expected, got Future")
      assert.error_matches(function() task[name]() end, "Task expected, got no value")
    end
    loop:run()
  end)

  describe("a task factory", function()
    it("is called as factory(loop, fn, ...) by all that create tasks", function()
      local calls = {}
      loop:set_task_factory(function(on, fn, ...)
        calls[#calls + 1] = { on, fn, ... }
        local future = on:create_future()
        future:set_result(fn(...))
        return future
      end)
      assert.is_function(loop:get_task_factory())
      local double = function(x) return 2 * x end
      assert.equal(14, loop:run_until_complete(double, 7))
      assert.same({ loop, double, 7 }, calls[1])
      local future = loop:create_task(double, 4)
      assert.equal(8, loop:run_until_complete(future))
      assert.equal(2, #calls)
      loop:set_task_factory(nil)
      assert.is_nil(loop:get_task_factory())
      assert.equal(6, loop:run_until_complete(double, 3))
      assert.equal(2, #calls)
    end)

    it("may make the task by the loop class's own method", function()
      local made = {}
      loop:set_task_factory(function(on, fn, ...)
        on:set_task_factory(nil)
        local task = on:create_task(fn, ...):set_name("made")
        on:set_task_factory(made.factory)
        made[#made + 1] = task
        return task
      end)
      made.factory = loop:get_task_factory()
      assert.equal("made", loop:run_until_complete(function() return saros.current_task():get_name() end))
      assert.equal(1, #made)
    end)

    it("lets its error out, and has to return a future", function()
      loop:set_task_factory(function() error(saros.ValueError("no tasks")) end)
      raises(saros.ValueError, loop.create_task, loop, print)
      raises(saros.ValueError, loop.run_until_complete, loop, print)
      loop:set_task_factory(function() return "no future" end)
      assert.has_error(function() loop:run_until_complete(print) end)
      loop:set_task_factory(nil)
      assert.equal(1, loop:run_until_complete(function() return 1 end))
    end)

    it("refuses what cannot be called", function()
      assert.error_matches(function() loop:set_task_factory("x") end,
        "bad argument #1 to 'set_task_factory' %(function expected, got string%)")
    end)
  end)

  describe("memory", function()
    it("of a task that is done is freed, with its body, arguments and results", function()
      local weak = setmetatable({}, { __mode = "k" })
      for _ = 1, 50 do
        local argument, result = {}, {}
        local body = function() saros.sleep(0) return result end
        local task = loop:create_task(body, argument)
        weak[task], weak[argument], weak[result], weak[body] = true, true, true, true
      end
      loop:run()
      collect()
      assert.is_nil(next(weak))
    end)

    it("of what a failed or cancelled task had on its stack is freed", function()
      local weak = setmetatable({}, { __mode = "k" })
      for i = 1, 50 do
        local task = loop:create_task(function(...)
          local here = { ... }
          weak[here] = true
          saros.sleep(0)
          if i % 2 == 0 then error(here) end
          saros.sleep(3600)
        end, {}, {})
        weak[task] = true
        loop:call_soon(loop.call_soon, loop, loop.call_soon, loop, function()
          task:cancel()
          pcall(task.exception, task)
          task = nil -- luacheck: ignore
        end)
      end
      loop:run()
      collect()
      assert.is_nil(next(weak))
    end)

    it("of a task that waits is kept by its loop", function()
      local future, result = loop:create_future(), nil
      loop:create_task(function() result = future:await() end)
      loop:run_once()
      for _ = 1, 5 do collect() end
      future:set_result("kept")
      loop:run()
      assert.equal("kept", result)
    end)

    it("of a loop with tasks that nobody refers to is freed", function()
      local weak = setmetatable({}, { __mode = "k" })
      do
        local lost = saros.new_event_loop()
        local future = lost:create_future()
        local task = lost:create_task(function() return future:await(), lost end)
        lost:run_once()
        weak[lost], weak[future], weak[task] = true, true, true
      end
      collect()
      collect()
      assert.is_nil(next(weak))
    end)

    it("survives a collection between any two steps", function()
      local function body(i, argument)
        collectgarbage()
        saros.sleep(0)
        collectgarbage()
        local future = loop:create_future()
        loop:call_later(0, function(...)
          collectgarbage()
          future:set_result(...)
        end, i, argument[1])
        local a, b = future:await()
        collectgarbage()
        return a + b
      end
      local total = loop:run_until_complete(function()
        local tasks, sum = {}, 0
        for i = 1, 20 do
          tasks[i] = loop:create_task(body, i, { 100 })
          collectgarbage("step")
        end
        for i = 1, 20 do sum = sum + tasks[i]:await() end
        return sum
      end)
      assert.equal(2210, total)
    end)
  end)

  it("runs 100,000 tasks at once #many", function()
    local count, sum = 100000, 0
    loop:run_until_complete(function()
      local tasks = {}
      for i = 1, count do
        tasks[i] = loop:create_task(function(x)
          saros.sleep(0)
          sum = sum + x
          return x
        end, i)
      end
      assert.equal(count, #saros.all_tasks() - 1)
      for i = 1, count do assert.equal(i, tasks[i]:await()) end
    end)
    assert.equal(count * (count + 1) // 2, sum)
    assert.equal(0, loop:stats().tasks)
  end)

  it("cancels 100,000 tasks at once, and each runs its scopes #many", function()
    local count, closed = 100000, 0
    local scope = closer(function() closed = closed + 1 end)
    local tasks = {}
    for i = 1, count do
      tasks[i] = loop:create_task(function()
        local _ <close> = scope
        saros.sleep(3600)
      end)
    end
    loop:run_once()
    for i = 1, count do tasks[i]:cancel() end
    loop:run()
    assert.equal(count, closed)
    for i = 1, count do
      if not tasks[i]:cancelled() then error("task " .. i .. " is not cancelled") end
    end
    assert.equal(0, loop:stats().timers)
  end)

  it("awaits through a chain of 10,000 tasks, and cancels through it #many", function()
    local function chain(depth)
      if depth == 0 then return "bottom" end
      return loop:create_task(chain, depth - 1):await()
    end
    assert.equal("bottom", loop:run_until_complete(chain, 10000))
    local function endless(depth)
      if depth == 0 then return loop:create_future():await() end
      return loop:create_task(endless, depth - 1):await()
    end
    local task = loop:create_task(endless, 10000)
    for _ = 1, 10001 do loop:run_once() end
    assert.is_true(task:cancel())
    raises(saros.CancelledError, loop.run_until_complete, loop, task)
    assert.equal(0, loop:stats().tasks)
  end)

  it("can be cancelled when tasks await each other in a circle, which used to hang", function()
    local tasks, ended = {}, {}
    for i = 1, 3 do
      tasks[i] = loop:create_task(function()
        local ok, failure = pcall(function() return tasks[i % 3 + 1]:await() end)
        ended[#ended + 1] = ("%d %s %s"):format(i, ok, failure)
        error(failure, 0)
      end)
    end
    loop:run_once()
    assert.is_true(tasks[1]:cancel("enough"))
    loop:run()
    table.sort(ended)
    assert.same({
      "1 false CancelledError: enough", "2 false CancelledError: enough", "3 false CancelledError: enough",
    }, ended)
    for i = 1, 3 do assert.is_true(tasks[i]:cancelled()) end
  end)
end)
