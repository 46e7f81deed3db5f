local saros = require "saros"
local raises = require "spec.support.raises"

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("core.task.gather", function()
  local loop, contexts

  before_each(function()
    loop = saros.new_event_loop()
    contexts = {}
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)
  after_each(function() loop:close() end)

  local function run(main, ...)
    return loop:run_until_complete(main, ...)
  end

  local function after(turns, ...)
    local values = table.pack(...)
    return function()
      for _ = 1, turns do saros.sleep(0) end
      return table.unpack(values, 1, values.n)
    end
  end

  it("gives a future of a list with n, each one's first result, in the order of arguments", function()
    run(function()
      local future = saros.gather(after(2, "a", "extra"), after(0), after(1, nil, "x"), after(0, false))
      assert.is_true(saros.isfuture(future))
      assert.same({ n = 4, "a", nil, nil, false }, future:await())
      assert.same({ n = 4, "a", nil, nil, false }, future:result())
    end)
  end)

  it("takes a list and options", function()
    run(function()
      assert.same({ n = 2, 1, 2 }, saros.gather({ after(1, 1), after(0, 2) }):await())
      assert.same({ n = 2, 1, 2 }, saros.gather({ after(1, 1), after(0, 2) }, {}):await())
      assert.same({ n = 1, 1 }, saros.gather({ after(1, 1) }, { return_exceptions = false }):await())
    end)
  end)

  it("takes functions, tasks, futures, gathers, callables and awaitables together", function()
    run(function()
      local future = loop:create_future()
      loop:call_soon(future.set_result, future, "future")
      local callable = setmetatable({}, { __call = function() return "callable" end })
      local awaitable = setmetatable({}, { __await = function() saros.sleep(0) return "awaitable" end })
      local results = saros.gather(after(1, "function"), loop:create_task(after(0, "task")), future,
        saros.gather(after(0, "inner")), callable, awaitable):await()
      assert.same({ n = 6, "function", "task", "future", { n = 1, "inner" }, "callable", "awaitable" }, results)
    end)
  end)

  it("runs the same function twice, and the same future once", function()
    run(function()
      local calls = 0
      local function count() calls = calls + 1 return calls end
      assert.same({ n = 2, 1, 2 }, saros.gather(count, count):await())
      local task = loop:create_task(count)
      assert.same({ n = 3, 3, 3, 3 }, saros.gather(task, task, task):await())
      assert.equal(3, calls)
    end)
  end)

  it("of nothing is done at once", function()
    run(function()
      for _, future in ipairs { saros.gather(), saros.gather({}), saros.gather({}, { return_exceptions = true }) } do
        assert.is_true(future:done())
        assert.same({ n = 0 }, future:await())
      end
    end)
  end)

  it("fails with the very error of the first child that fails; the others go on in silence", function()
    local object = saros.ValueError("first")
    local finished = false
    run(function()
      local ok, failure = pcall(saros.await, saros.gather(
        function() saros.sleep(0) error(object) end,
        function() saros.sleep(0) saros.sleep(0) error("second", 0) end,
        function() for _ = 1, 4 do saros.sleep(0) end finished = true end))
      assert.is_false(ok)
      assert.equal(object, failure)
      assert.is_false(finished)
      for _ = 1, 6 do saros.sleep(0) end
    end)
    assert.is_true(finished)
    collect()
    loop:close()
    assert.equal(0, #contexts)
  end)

  it("may fail with any value", function()
    run(function()
      local values = { n = 5, {}, "text", 12, false, nil }
      for i = 1, values.n do
        local ok, failure = pcall(saros.await, saros.gather(after(1), function() error(values[i], 0) end))
        assert.is_false(ok)
        assert.is_true(rawequal(values[i], failure))
        saros.sleep(0)
      end
    end)
  end)

  describe("with return_exceptions", function()
    it("has error objects as results, and wraps what is none", function()
      run(function()
        local object, value = saros.ValueError("m"), { "any" }
        local results = saros.gather({
          function() error(object) end,
          after(1, "fine"),
          function() error("text", 0) end,
          function() error(value) end,
          function() error(nil) end,
        }, { return_exceptions = true }):await()
        assert.equal(5, results.n)
        assert.equal(object, results[1])
        assert.equal("fine", results[2])
        for i = 3, 5 do assert.is_true(saros.is_error(results[i], saros.Error)) end
        assert.equal("text", results[3].value)
        assert.matches("text", results[3].message)
        assert.equal(value, results[4].value)
        assert.is_nil(results[5].value)
      end)
      collect()
      assert.equal(0, #contexts)
    end)

    it("wraps a value that has no text, which used to leave the gather waiting", function()
      run(function()
        local mute = setmetatable({}, { __tostring = function() error("mute") end })
        local results = saros.gather({ function() error(mute) end }, { return_exceptions = true }):await()
        assert.equal("table whose __tostring fails", results[1].message)
        assert.is_true(rawequal(mute, results[1].value))
      end)
    end)

    it("has a CancelledError for a child that was cancelled", function()
      run(function()
        local child = loop:create_task(saros.sleep, 3600)
        local future = saros.gather({ child, after(0, "fine") }, { return_exceptions = true })
        loop:call_soon(child.cancel, child, "why")
        local results = future:await()
        assert.is_true(saros.is_error(results[1], saros.CancelledError))
        assert.equal("why", results[1].message)
        assert.equal("fine", results[2])
      end)
    end)
  end)

  it("cancels its children when it is cancelled, and is done when they are", function()
    run(function()
      local cleaned = {}
      local function child(i)
        return function()
          local _ <close> = setmetatable({}, {
            __close = function() for _ = 1, i do saros.sleep(0) end cleaned[#cleaned + 1] = i end,
          })
          saros.sleep(3600)
        end
      end
      local future = saros.gather(child(3), child(1), child(2))
      saros.sleep(0)
      assert.is_true(future:cancel())
      assert.is_false(future:done())
      raises(saros.CancelledError, saros.await, future)
      assert.same({ 1, 2, 3 }, cleaned)
    end)
  end)

  it("of 10,000 tasks gives 10,000 results #many", function()
    run(function()
      local list = {}
      for i = 1, 10000 do list[i] = after(1, i) end
      local results = saros.gather(list):await()
      assert.equal(10000, results.n)
      for i = 1, 10000 do
        if results[i] ~= i then error("result " .. i .. " is " .. tostring(results[i])) end
      end
    end)
  end)

  it("is reported like any future when it failed and nobody looked", function()
    run(function()
      saros.gather(function() error("lost", 0) end)
      for _ = 1, 5 do saros.sleep(0) end
    end)
    collect()
    assert.equal(1, #contexts)
    assert.equal("lost", contexts[1].exception)
  end)

  it("works on futures outside of a loop, as they have one", function()
    local one, two = loop:create_future(), loop:create_future()
    local both = saros.gather(one, two)
    one:set_result(1)
    two:set_result(2)
    assert.same({ n = 2, 1, 2 }, loop:run_until_complete(both))
    raises(saros.RuntimeError, saros.gather, print)
  end)

  it("lives while its children do, and is freed with them", function()
    local weak = setmetatable({}, { __mode = "k" })
    local seen
    run(function()
      do
        local future = saros.gather(after(2, {}), after(1))
        weak[future] = true
        future:add_done_callback(function(f) seen = f:result() end)
      end
      collect()
      for _ = 1, 6 do saros.sleep(0) end
    end)
    assert.equal(2, seen.n)
    seen = nil
    collect()
    assert.is_nil(next(weak))
    assert.is_nil(seen)
  end)

  it("that nobody keeps, of futures that nobody keeps, is freed", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local one, two = loop:create_future(), loop:create_future()
      local both = saros.gather(one, two)
      weak[one], weak[two], weak[both] = true, true, true
    end
    collect()
    collect()
    assert.is_nil(next(weak))
  end)

  it("can be cancelled when tasks gather each other in a circle, which used to overflow the C stack", function()
    local tasks, ended = {}, {}
    for i = 1, 3 do
      tasks[i] = loop:create_task(function()
        local ok, failure = pcall(function() return saros.gather(tasks[i % 3 + 1]):await() end)
        ended[#ended + 1] = ("%d %s %s"):format(i, ok, saros.is_error(failure, saros.CancelledError))
        error(failure, 0)
      end)
    end
    loop:run_once()
    assert.is_true(tasks[1]:cancel())
    loop:run()
    table.sort(ended)
    assert.same({ "1 false true", "2 false true", "3 false true" }, ended)
    for i = 1, 3 do assert.is_true(tasks[i]:cancelled()) end
  end)

  it("refuses to be cancelled when too many are nested, which used to overflow the C stack", function()
    local innermost = loop:create_future()
    local future = innermost
    for _ = 1, 1000 do future = saros.gather(future) end
    local one_too_many = saros.gather(future)
    local failure = raises(saros.RuntimeError, one_too_many.cancel, one_too_many)
    assert.equal("cannot cancel more than 1000 gathers that are nested in each other", failure.message)
    assert.is_false(innermost:done())
    assert.is_true(future:cancel())
    assert.is_true(innermost:cancelled())
  end)

  describe("bad input", function()
    it("refuses an unknown option and lists the known ones", function()
      run(function()
        local failure = raises(saros.ValueError, saros.gather, { after(0) }, { return_exception = true })
        assert.matches("return_exception'", failure.message)
        assert.matches("return_exceptions", failure.message)
        assert.equal(1, #saros.all_tasks())
      end)
    end)

    it("refuses what cannot be awaited, and starts nothing", function()
      run(function()
        assert.error_matches(function() saros.gather(after(0), 12) end,
          "bad argument #2 to 'gather' %(.+ expected, got number%)")
        assert.error_matches(function() saros.gather(nil) end,
          "bad argument #1 to 'gather' %(.+ expected, got nil%)")
        assert.error_matches(function() saros.gather({ after(0), "x" }) end, "'gather'.*string")
        assert.error_matches(function() saros.gather({ after(0) }, "x") end,
          "bad argument #2 to 'gather' %(table expected, got string%)")
        assert.error_matches(function() saros.gather({ after(0) }, { return_exceptions = 1 }) end, "boolean")
        assert.equal(1, #saros.all_tasks())
      end)
    end)

    it("refuses futures of different loops", function()
      local other <close> = saros.new_event_loop()
      local ok, failure = pcall(saros.gather, loop:create_future(), other:create_future())
      assert.is_false(ok)
      assert.is_true(saros.is_error(failure))
      assert.matches("loop", failure.message)
    end)
  end)
end)
