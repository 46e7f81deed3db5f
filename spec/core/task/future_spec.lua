local saros = require "saros"
local raises = require "spec.support.raises"

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("core.task.future", function()
  local loop, contexts

  before_each(function()
    loop = saros.new_event_loop()
    contexts = {}
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)
  after_each(function() loop:close() end)

  describe("results", function()
    it("are any number of values, nils included", function()
      for n = 0, 20 do
        local future = loop:create_future()
        future:set_result(table.unpack({}, 1, n))
        assert.equal(n, select("#", future:result()))
      end
      local future = loop:create_future()
      future:set_result(nil, 2, nil, false, nil)
      assert.same({ n = 5, nil, 2, nil, false, nil }, table.pack(future:result()))
      assert.same({ n = 5, nil, 2, nil, false, nil }, table.pack(future:result()))
    end)

    it("come back from await, in a task and by the function", function()
      loop:run_until_complete(function()
        local future = loop:create_future()
        loop:call_soon(future.set_result, future, 1, nil, 3, nil)
        assert.same({ n = 4, 1, nil, 3, nil }, table.pack(future:await()))
        assert.same({ n = 4, 1, nil, 3, nil }, table.pack(saros.await(future)))
        local empty = loop:create_future()
        loop:call_soon(empty.set_result, empty)
        assert.equal(0, select("#", empty:await()))
        assert.equal(0, select("#", empty:await()))
      end)
    end)

    it("are hundreds of values", function()
      local values = {}
      for i = 1, 250 do values[i] = i end
      loop:run_until_complete(function()
        local future = loop:create_future()
        loop:call_soon(function() future:set_result(table.unpack(values)) end)
        assert.same(values, { future:await() })
      end)
    end)
  end)

  describe("set_exception", function()
    it("takes any value, and await raises that very value", function()
      local object = saros.ValueError { message = "m", key = {} }
      local values = { n = 7, object, {}, "text", 12, false, print, nil }
      loop:run_until_complete(function()
        for i = 1, values.n do
          local future = loop:create_future()
          future:set_exception(values[i])
          for _, call in ipairs { future.result, future.await, saros.await } do
            local ok, failure = pcall(call, future)
            assert.is_false(ok)
            assert.is_true(rawequal(values[i], failure))
          end
          assert.is_true(rawequal(values[i], future:exception()))
        end
      end)
    end)

    it("makes an object of a kind, the same one each time", function()
      local Mine = saros.Error:extend("Mine")
      local future = loop:create_future()
      future:set_exception(Mine)
      assert.is_true(saros.is_error(future:exception(), Mine))
      assert.equal(future:exception(), raises(Mine, future.result, future))
    end)

    it("leaves an object as it is", function()
      local object = saros.ValueError("m")
      local future = loop:create_future()
      future:set_exception(object)
      assert.is_nil(object.traceback)
      assert.equal(object, future:exception())
    end)

    it("wants a value", function()
      local future = loop:create_future()
      assert.error_matches(function() future:set_exception() end,
        "bad argument #1 to 'set_exception' %(value expected%)")
      assert.is_false(future:done())
    end)
  end)

  it("refuses to be done twice, and says what it is", function()
    local done, cancelled = loop:create_future(), loop:create_future()
    done:set_result(1)
    cancelled:cancel()
    for future, word in pairs { [done] = "done", [cancelled] = "cancelled" } do
      assert.matches(word, raises(saros.InvalidStateError, future.set_result, future, 2).message)
      assert.matches(word, raises(saros.InvalidStateError, future.set_exception, future, "x").message)
    end
    local pending = loop:create_future()
    raises(saros.InvalidStateError, pending.result, pending)
    raises(saros.InvalidStateError, pending.exception, pending)
    assert.equal(1, done:result())
  end)

  it("refuses the same through a failing set_exception of a kind", function()
    local future = loop:create_future()
    future:set_result("kept")
    raises(saros.InvalidStateError, future.set_exception, future, saros.ValueError)
    assert.equal("kept", future:result())
  end)

  describe("cancel", function()
    it("gives the same error object every time, with what cancel was given", function()
      local message = {}
      local future = loop:create_future()
      assert.is_true(future:cancel(message))
      assert.is_false(future:cancel("again"))
      local first = raises(saros.CancelledError, future.result, future)
      assert.equal(message, first.message)
      assert.equal(first, raises(saros.CancelledError, future.result, future))
      assert.equal(first, raises(saros.CancelledError, future.exception, future))
      loop:run_until_complete(function()
        assert.equal(first, raises(saros.CancelledError, future.await, future))
      end)
    end)

    it("has no message without one", function()
      local future = loop:create_future()
      future:cancel()
      local failure = raises(saros.CancelledError, future.result, future)
      assert.is_nil(failure.message)
      assert.equal("CancelledError", tostring(failure))
      assert.is_nil(failure.traceback)
    end)
  end)

  describe("done callbacks", function()
    it("are called with the future, once, in order, in the next iteration", function()
      local future, calls = loop:create_future(), {}
      for i = 1, 20 do
        future:add_done_callback(function(...) calls[#calls + 1] = { i, select("#", ...), (...) } end)
      end
      future:set_result()
      assert.equal(0, #calls)
      loop:run()
      assert.equal(20, #calls)
      for i = 1, 20 do assert.same({ i, 1, future }, calls[i]) end
    end)

    it("are removed by the function, each time it was added", function()
      local future, calls = loop:create_future(), 0
      local function callback() calls = calls + 1 end
      local function other() calls = calls + 100 end
      for _, f in ipairs { callback, other, callback, callback } do future:add_done_callback(f) end
      assert.equal(3, future:remove_done_callback(callback))
      assert.equal(0, future:remove_done_callback(callback))
      assert.equal(0, future:remove_done_callback(print))
      future:set_result()
      loop:run()
      assert.equal(100, calls)
    end)

    it("may be callables, and are kept alive with the future only", function()
      local weak = setmetatable({}, { __mode = "k" })
      local future = loop:create_future()
      local called
      do
        local callable = setmetatable({}, { __call = function(_, f) called = f end })
        weak[callable] = true
        future:add_done_callback(callable)
      end
      collect()
      assert.is_table(next(weak))
      future:set_result()
      loop:run()
      assert.equal(future, called)
      collect()
      assert.is_nil(next(weak))
    end)

    it("report their errors, and the others run", function()
      local future, order = loop:create_future(), {}
      future:add_done_callback(function() order[#order + 1] = 1 end)
      future:add_done_callback(function() error("went wrong") end)
      future:add_done_callback(function() order[#order + 1] = 3 end)
      future:set_result()
      loop:run()
      assert.same({ 1, 3 }, order)
      assert.equal(1, #contexts)
      assert.matches("went wrong", contexts[1].exception)
    end)

    it("may be added by thousands and removed one by one", function()
      local future, callbacks, calls = loop:create_future(), {}, 0
      for i = 1, 2000 do
        callbacks[i] = function() calls = calls + i end
        future:add_done_callback(callbacks[i])
      end
      for i = 1, 2000, 2 do assert.equal(1, future:remove_done_callback(callbacks[i])) end
      future:set_result()
      loop:run()
      assert.equal(1000 * 1001, calls)
    end)

    it("refuse what cannot be called", function()
      local future = loop:create_future()
      assert.error_matches(function() future:add_done_callback({}) end,
        "bad argument #1 to 'add_done_callback' %(function expected, got table%)")
      assert.error_matches(function() future:add_done_callback() end,
        "bad argument #1 to 'add_done_callback' %(function expected, got no value%)")
    end)
  end)

  describe("an error that nobody retrieves", function()
    local function forget(value)
      local future = loop:create_future()
      future:set_exception(value)
      return nil
    end

    it("is reported when the future is collected", function()
      local object = saros.ValueError("lost")
      forget(object)
      assert.equal(0, #contexts)
      collect()
      assert.equal(1, #contexts)
      assert.equal(object, contexts[1].exception)
      assert.is_true(saros.isfuture(contexts[1].future))
      assert.matches("never retrieved", contexts[1].message)
      assert.is_nil(contexts[1].task)
      collect()
      assert.equal(1, #contexts)
    end)

    it("is reported when the loop closes, in the order of failing", function()
      local kept = {}
      for i = 1, 5 do
        kept[i] = loop:create_future()
        kept[i]:set_exception("lost " .. i)
      end
      loop:close()
      assert.equal(5, #contexts)
      for i = 1, 5 do
        assert.equal("lost " .. i, contexts[i].exception)
        assert.equal(kept[i], contexts[i].future)
      end
      collect()
      assert.equal(5, #contexts)
    end)

    it("may be nil, false or a string", function()
      forget(nil)
      forget(false)
      forget("text")
      collect()
      assert.equal(3, #contexts)
    end)

    for name, retrieve in pairs {
      exception = function(future) future:exception() end,
      result = function(future) pcall(future.result, future) end,
      await = function(future) pcall(future.await, future) end,
      ["saros.await"] = function(future) pcall(saros.await, future) end,
      gather = function(future) pcall(saros.await, saros.gather(future)) end,
      cancel = function(future) future:cancel() end,
    } do
      it("is silenced by " .. name, function()
        loop:run_until_complete(function()
          local future = loop:create_future()
          future:set_exception("retrieved")
          retrieve(future)
        end)
        collect()
        loop:close()
        collect()
        assert.equal(0, #contexts)
      end)
    end

    it("is not silenced by done(), nor by a callback that does not look", function()
      local future = loop:create_future()
      future:add_done_callback(function() end)
      future:set_exception("lost")
      assert.is_true(future:done())
      assert.is_false(future:cancelled())
      loop:run()
      future = nil -- luacheck: ignore
      collect()
      assert.equal(1, #contexts)
    end)

    it("is not reported for a cancelled future", function()
      loop:create_future():cancel()
      collect()
      loop:close()
      assert.equal(0, #contexts)
    end)

    it("may be retrieved by the handler, and the future used again", function()
      local resurrected
      loop:set_exception_handler(function(_, context) resurrected = context.future end)
      forget("lost")
      collect()
      assert.equal("lost", resurrected:exception())
      collect()
      assert.is_true(resurrected:done())
    end)

    it("does no harm when the handler fails", function()
      saros.set_logger(setmetatable({}, { __index = function() return function() end end }))
      loop:set_exception_handler(error)
      forget("lost")
      collect()
      saros.set_logger(nil)
      assert.equal(1, loop:run_until_complete(function() return 1 end))
    end)
  end)

  describe("memory", function()
    it("of futures and their results is freed", function()
      local weak = setmetatable({}, { __mode = "k" })
      for i = 1, 50 do
        local future, result = loop:create_future(), {}
        future:set_result(i, result)
        weak[future], weak[result] = true, true
      end
      local pending = loop:create_future()
      weak[pending] = true
      pending = nil -- luacheck: ignore
      collect()
      assert.is_nil(next(weak))
    end)

    it("of a future in a circle with its result, its callback and its error is freed", function()
      local weak = setmetatable({}, { __mode = "k" })
      do
        local one, two, three = loop:create_future(), loop:create_future(), loop:create_future()
        one:set_result(one)
        two:add_done_callback(function() return two end)
        three:set_exception(saros.Error { message = "m", future = three })
        three:exception()
        weak[one], weak[two], weak[three] = true, true, true
      end
      collect()
      collect()
      assert.is_nil(next(weak))
    end)
  end)

  it("outlives its loop", function()
    local other = saros.new_event_loop()
    local done, failed, pending = other:create_future(), other:create_future(), other:create_future()
    done:set_result(1)
    failed:set_exception("x")
    assert.equal("x", failed:exception())
    other:close()
    assert.equal(1, done:result())
    assert.equal("x", failed:exception())
    assert.is_false(pending:done())
    assert.is_false(pending:cancelled())
    raises(saros.RuntimeError, done.add_done_callback, done, print)
    pcall(pending.set_result, pending, 2)
    pcall(pending.cancel, pending)
    other = nil -- luacheck: ignore
    collect()
    assert.equal(1, done:result())
    pcall(done.get_loop, done)
    pcall(done.add_done_callback, done, print)
    pcall(pending.add_done_callback, pending, print)
    pcall(pending.set_result, pending, 2)
    local new <close> = saros.new_event_loop()
    assert.equal(3, new:run_until_complete(function()
      pcall(pending.await, pending)
      return 3
    end))
  end)

  it("belongs to its loop: awaiting it from another raises", function()
    local other <close> = saros.new_event_loop()
    local foreign = other:create_future()
    local failure = loop:run_until_complete(function()
      local ok, failure = pcall(foreign.await, foreign)
      assert.is_false(ok)
      return failure
    end)
    assert.is_true(saros.is_error(failure))
    assert.matches("loop", failure.message)
    assert.is_false(foreign:done())
    foreign:set_result("fine there")
    assert.equal("fine there", other:run_until_complete(foreign))
  end)

  it("tells its loop, and its state in its string form", function()
    local future = loop:create_future()
    assert.equal(loop, future:get_loop())
    assert.matches("^Future: .*pending", tostring(future))
    future:cancel()
    assert.matches("cancelled", tostring(future))
  end)

  it("is a future by isfuture, as a task is", function()
    assert.is_true(saros.isfuture(loop:create_future()))
    assert.is_true(saros.isfuture(loop:create_task(function() end)))
    for _, value in ipairs { 1, "x", {}, print, loop, io.stdout, true } do
      assert.is_false(saros.isfuture(value))
    end
    assert.is_false(saros.isfuture(nil))
    loop:run()
  end)

  it("refuses to be anything else", function()
    local future = loop:create_future()
    for _, name in ipairs {
      "await", "done", "cancelled", "result", "exception", "set_result", "set_exception",
      "add_done_callback", "remove_done_callback", "cancel", "get_loop",
    } do
      assert.error_matches(function() future[name](loop) end, "Future expected, got EventLoop")
      assert.error_matches(function() future[name]() end, "Future expected, got no value")
      assert.error_matches(function() future[name](io.stdout) end, "Future expected, got FILE%*")
    end
  end)
end)
