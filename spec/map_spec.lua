local saros = require "saros"
local raises = require "spec.support.raises"

-- Runs `main(trace)` on a loop; `trace` is a list that it returns.
local function traced(main)
  local trace = {}
  saros.run(main, trace)
  return trace
end

-- A function for `map` whose items take so many iterations of the loop, and that leaves a trace of
-- when each begins and ends.
local function counting(trace)
  return function(iterations)
    trace[#trace + 1] = "begin " .. iterations
    for _ = 1, iterations do saros.sleep(0) end
    trace[#trace + 1] = "end " .. iterations
    return iterations * 10
  end
end

local function wait_forever()
  saros.get_running_loop():create_future():await()
end

describe("saros.map", function()
  it("gives the first result of each item, in the order of the list", function()
    saros.run(function()
      local results = saros.map(function(n)
        for _ = 1, 4 - n do saros.sleep(0) end
        return n * n, "more"
      end, {1, 2, 3})
      assert.same({1, 4, 9, n = 3}, results)
    end)
  end)

  it("gives an empty list for an empty one, at once", function()
    saros.run(function()
      local called = false
      saros.get_running_loop():call_soon(function() called = true end)
      assert.same({n = 0}, saros.map(print, {}, {limit = 3}))
      assert.is_false(called)
    end)
  end)

  it("keeps the places of results that are nil", function()
    saros.run(function()
      local results = saros.map(function(x) if x ~= 2 then return x end end, {1, 2, 3, 2})
      assert.same({1, nil, 3, nil, n = 4}, results)
      -- And of items, where `n` counts them.
      assert.same({"number", "nil", "number", "nil", n = 4}, saros.map(type, results))
    end)
  end)

  it("copies the list at the start", function()
    saros.run(function()
      local list = {1, 2, 3}
      local results = saros.map(function(x)
        list[x + 1] = 100
        saros.sleep(0)
        return x
      end, list, {limit = 1})
      assert.same({1, 2, 3, n = 3}, results)
    end)
  end)

  it("takes any callable, and runs each item in a task of its own", function()
    saros.run(function()
      local callable = setmetatable({}, {__call = function() return saros.current_task() end})
      local tasks = saros.map(callable, {1, 2}, {limit = 1})
      assert.not_equal(tasks[1], tasks[2])
      assert.not_equal(saros.current_task(), tasks[1])
    end)
  end)

  it("begins all at once without a limit, in order", function()
    local trace = traced(function(trace) saros.map(counting(trace), {3, 1, 2}) end)
    assert.same({"begin 3", "begin 1", "begin 2", "end 1", "end 2", "end 3"}, trace)
  end)

  it("begins the next as soon as there is a place", function()
    local trace = traced(function(trace) saros.map(counting(trace), {3, 1, 2, 0}, {limit = 2}) end)
    -- iteration: 1 begin 3, begin 1;  2 end 1;  3 begin 2;  4 end 3;  5 end 2, begin 0
    assert.same({
      "begin 3", "begin 1", "end 1", "begin 2", "end 3", "begin 0", "end 0", "end 2",
    }, trace)
  end)

  it("has the order of events of a TaskGroup with a Semaphore", function()
    local trace = traced(function(trace)
      local loop = saros.get_running_loop()
      local function count(n)
        trace[#trace + 1] = "iteration " .. n
        if n < 8 then loop:call_soon(count, n + 1) end
      end
      loop:call_soon(count, 1)
      saros.map(counting(trace), {1, 0}, {limit = 1})
      trace[#trace + 1] = "done"
      while #trace < 13 do saros.sleep(0) end
    end)
    assert.same({
      "iteration 1", "begin 1",
      "iteration 2", "end 1",
      "iteration 3", "begin 0", "end 0",
      "iteration 4", "iteration 5", "done",
    }, {table.unpack(trace, 1, 10)})
  end)

  it("never has more under way than the limit", function()
    saros.run(function()
      local active, most, items = 0, 0, {}
      for i = 1, 200 do items[i] = i end
      local results = saros.map(function(i)
        active = active + 1
        most = math.max(most, active)
        for _ = 1, i * 7 % 5 do saros.sleep(0) end
        active = active - 1
        return -i
      end, items, {limit = 7})
      assert.equal(7, most)
      for i = 1, 200 do assert.equal(-i, results[i]) end
    end)
  end)

  it("makes no more tasks than the limit for a list of 100,000 #many", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      local items, most = {}, 0
      for i = 1, 100000 do items[i] = i end
      local results = saros.map(function(i)
        if i % 1000 == 0 then most = math.max(most, loop:stats().tasks) end
        return i
      end, items, {limit = 10})
      assert.equal(100000, results.n)
      assert.equal(100000, results[100000])
      -- The main task, those under way, and those that have just made their successor.
      assert.is_true(most <= 1 + 2 * 10, most .. " tasks")
    end)
  end)

  it("gives each item a copy of the caller's context", function()
    saros.run(function()
      local var = saros.ContextVar("var", "none")
      local function exchange(i)
        local before = var:get()
        var:set("item " .. i)
        saros.sleep(0)
        return before
      end
      assert.same({"none", "none", "none", n = 3}, saros.map(exchange, {1, 2, 3}, {limit = 1}))
      assert.equal("none", var:get())
      var:set("caller")
      assert.same({"caller", "caller", "caller", n = 3}, saros.map(exchange, {1, 2, 3}, {limit = 2}))
      assert.equal("caller", var:get())
    end)
  end)

  it("works with tasks that begin at once", function()
    saros.run(function()
      saros.get_running_loop():set_task_factory(saros.eager_task_factory)
      local items, active, most = {}, 0, 0
      for i = 1, 200 do items[i] = i end
      local results = saros.map(function(i)
        active = active + 1
        most = math.max(most, active)
        if i % 3 == 0 then saros.sleep(0) end
        active = active - 1
        return -i
      end, items, {limit = 4})
      for i = 1, 200 do assert.equal(-i, results[i]) end
      assert.is_true(most <= 4)
      local begun = 0
      raises(saros.OSError, saros.map, function()
        begun = begun + 1
        error(saros.OSError("down"))
      end, {1, 2})
      assert.equal(1, begun)
    end)
  end)

  describe("when an item fails", function()
    it("cancels the rest, awaits them, and raises the same value", function()
      local object = saros.ValueError("mine")
      local trace = traced(function(trace)
        local function work(x)
          local scope <close> = setmetatable({}, {__close = function()
            if x == "bad" then return end
            saros.sleep(0)
            trace[#trace + 1] = x .. " closed"
          end})
          if x == "bad" then error(object) end
          trace[#trace + 1] = x .. " waits in " .. type(scope)
          wait_forever()
        end
        local _, failure = pcall(saros.map, work, {"a", "bad", "b"})
        assert.equal(object, failure)
        trace[#trace + 1] = "raised"
      end)
      assert.same({"a waits in table", "b waits in table", "a closed", "b closed", "raised"}, trace)
    end)

    it("begins no other", function()
      local trace = traced(function(trace)
        raises(saros.OSError, saros.map, function(i)
          trace[#trace + 1] = i
          saros.sleep(0)
          if i == 2 then error(saros.OSError("down")) end
          wait_forever()
        end, {1, 2, 3, 4}, {limit = 2})
        saros.sleep(0)
      end)
      assert.same({1, 2}, trace)
    end)

    it("cancels what a place became free for in the same iteration before it runs", function()
      local trace = traced(function(trace)
        raises(saros.OSError, saros.map, function(i)
          trace[#trace + 1] = i
          saros.sleep(0)
          if i == 1 then error(saros.OSError("down")) end
        end, {1, 2, 3}, {limit = 2})
      end)
      assert.same({1, 2}, trace)
    end)

    it("raises values of any type, nil included", function()
      saros.run(function()
        assert.same({false, nil, n = 2}, table.pack(pcall(saros.map, error, {n = 1})))
        assert.same({false, 7, n = 2}, table.pack(pcall(saros.map, error, {7})))
        local _, failure = pcall(saros.map, function(x) return x.y end, {5})
        assert.matches("attempt to index a number value", failure)
      end)
    end)

    it("raises the first error, and reports a later one", function()
      saros.run(function()
        local contexts = {}
        saros.get_running_loop():set_exception_handler(function(_, context)
          contexts[#contexts + 1] = context
        end)
        local _, failure = pcall(saros.map, function(i) error("number " .. i, 0) end, {1, 2})
        assert.equal("number 1", failure)
        saros.sleep(0)
        collectgarbage()
        collectgarbage()
        assert.equal(1, #contexts)
        assert.equal("number 2", contexts[1].exception)
      end)
    end)

    it("reports nothing that it raises", function()
      local contexts = {}
      saros.run(function()
        saros.get_running_loop():set_exception_handler(function(_, context)
          contexts[#contexts + 1] = context.message
        end)
        pcall(saros.map, error, {"a"})
        collectgarbage()
      end)
      assert.same({}, contexts)
    end)

    it("takes an item that was cancelled from elsewhere for one", function()
      saros.run(function()
        local cancelled
        local failure = raises(saros.CancelledError, saros.map, function(i)
          if i == 1 then saros.current_task():cancel("from elsewhere") end
          local scope <close> = setmetatable({}, {__close = function(_, problem)
            cancelled = cancelled or problem
          end})
          assert.is_table(scope)
          wait_forever()
        end, {1, 2})
        assert.equal("from elsewhere", failure.message)
        assert.is_truthy(cancelled)
        assert.equal(0, saros.current_task():cancelling())
      end)
    end)
  end)

  describe("when the calling task is cancelled", function()
    it("cancels all, and ends when they have ended", function()
      local trace = traced(function(trace)
        local task = saros.create_task(saros.map, function(x)
          local ok = pcall(wait_forever)
          assert.is_false(ok)
          for _ = 1, x do saros.sleep(0) end
          trace[#trace + 1] = x
          return x
        end, {2, 1, 3}, {limit = 2})
        saros.sleep(0)
        saros.sleep(0)
        task:cancel("enough")
        assert.equal("enough", raises(saros.CancelledError, task.await, task).message)
        trace[#trace + 1] = "cancelled"
      end)
      assert.same({1, 2, "cancelled"}, trace)
    end)

    it("again while it waits for them, waits on", function()
      local trace = traced(function(trace)
        local task = saros.create_task(saros.map, function()
          local ok = pcall(wait_forever)
          assert.is_false(ok)
          for _ = 1, 10 do saros.sleep(0) end
          trace[#trace + 1] = "ended"
        end, {1})
        saros.sleep(0)
        saros.sleep(0)
        for _ = 1, 4 do
          task:cancel()
          saros.sleep(0)
        end
        raises(saros.CancelledError, task.await, task)
        trace[#trace + 1] = "cancelled"
      end)
      assert.same({"ended", "cancelled"}, trace)
    end)

    it("before it began to wait, cancels all where they wait", function()
      local trace = traced(function(trace)
        local task = saros.create_task(function()
          saros.current_task():cancel()
          saros.map(function(x)
            raises(saros.CancelledError, wait_forever)
            trace[#trace + 1] = x
          end, {1, 2})
        end)
        raises(saros.CancelledError, task.await, task)
      end)
      assert.same({1, 2}, trace)
    end)

    it("raises the error of an item that fails for it", function()
      saros.run(function()
        local task = saros.create_task(saros.map, function()
          pcall(wait_forever)
          error(saros.OSError("cannot clean up"))
        end, {1})
        saros.sleep(0)
        saros.sleep(0)
        task:cancel()
        raises(saros.OSError, task.await, task)
      end)
    end)

    it("in the iteration in which the last item ended, is cancelled", function()
      saros.run(function()
        local task
        task = saros.create_task(saros.map, function()
          local loop = saros.get_running_loop()
          -- The done callback of this item runs first, then this.
          loop:call_soon(loop.call_soon, loop, task.cancel, task)
        end, {1})
        raises(saros.CancelledError, task.await, task)
      end)
    end)

    it("stops at a time limit", function()
      saros.run(function()
        local ended = 0
        raises(saros.TimeoutError, saros.wait_for, saros.map, 0.001, function()
          pcall(wait_forever)
          ended = ended + 1
        end, {1, 2, 3}, {limit = 2})
        assert.equal(2, ended)
      end)
    end)
  end)

  it("ends with its loop", function()
    local loop = saros.new_event_loop()
    local contexts, ended = {}, 0
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context.message end)
    local task = loop:create_task(saros.map, function()
      pcall(wait_forever)
      ended = ended + 1
    end, {1, 2})
    loop:run_once()
    loop:run_once()
    loop:close()
    assert.is_true(task:cancelled())
    assert.equal(2, ended)
    assert.same({}, contexts)
  end)

  it("ends what a failing task factory left behind", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      local made, ended = 0, false
      loop:set_task_factory(function(_, ...)
        made = made + 1
        if made == 2 then error("no more tasks", 0) end
        loop:set_task_factory(nil)
        local task = loop:create_task(...)
        loop:set_task_factory(function() error("no more tasks", 0) end)
        return task
      end)
      local ok, failure = pcall(saros.map, function()
        local _ <close> = setmetatable({}, {__close = function() ended = true end})
        wait_forever()
      end, {1, 2})
      loop:set_task_factory(nil)
      assert.is_false(ok)
      assert.equal("no more tasks", failure)
      assert.equal(1, #saros.all_tasks())
      assert.is_false(ended) -- it was cancelled before it ran
    end)
  end)

  describe("refuses", function()
    it("a limit below one, and options that it does not know", function()
      raises(saros.ValueError, saros.map, print, {}, {limit = 0})
      assert.equal("the limit must be at least 1, got -2",
        raises(saros.ValueError, saros.map, print, {}, {limit = -2}).message)
      assert.matches("known: limit", raises(saros.ValueError, saros.map, print, {}, {limits = 1}).message)
    end)

    it("arguments of the wrong type", function()
      assert.error_matches(function() saros.map(nil, {}) end,
        "bad argument #1 to 'map' %(function expected, got nil%)")
      assert.error_matches(function() saros.map(print, "list") end,
        "bad argument #2 to 'map' %(table expected, got string%)")
      assert.error_matches(function() saros.map(print, {}, 3) end,
        "bad argument #3 to 'map' %(table expected, got number%)")
      assert.error_matches(function() saros.map(print, {}, {limit = 1.5}) end,
        "option 'limit': integer expected, got number")
    end)

    it("to run where no task can suspend, and begins nothing", function()
      local called = false
      local function note() called = true end
      raises(saros.RuntimeError, saros.map, note, {1})
      saros.run(function()
        local failure
        saros.get_running_loop():call_soon(function()
          failure = raises(saros.RuntimeError, saros.map, note, {1})
        end)
        coroutine.wrap(function() raises(saros.RuntimeError, saros.map, note, {1}) end)()
        saros.sleep(0)
        saros.sleep(0)
        assert.matches("a callback cannot suspend", failure.message)
      end)
      assert.is_false(called)
    end)
  end)
end)
