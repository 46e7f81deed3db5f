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
