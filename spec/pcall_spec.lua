local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"

local CANCELLED, INTERRUPT = saros.CancelledError("enough"), saros.KeyboardInterrupt()

-- Both functions, as one that takes the function and its arguments.
local calls = {
  pcall = saros.pcall,
  xpcall = function(fn, ...) return saros.xpcall(fn, function(failure) return failure end, ...) end,
}

describe("saros.pcall", function()
  for name, call in pairs(calls) do
    describe(name, function()
      it("gives true and the results", function()
        assert.same({n = 4, true, 1, nil, 3}, table.pack(call(function(...) return ... end, 1, nil, 3)))
        assert.same({n = 1, true}, table.pack(call(function() end)))
        assert.same({true, "called"}, {call(setmetatable({}, {__call = function() return "called" end}))})
      end)

      it("gives false and the very error, whatever it is", function()
        local values = {n = 5, saros.ValueError("mine"), "text", 12, false, nil}
        for i = 1, values.n do
          local results = table.pack(call(function() error(values[i], 0) end))
          assert.equal(2, results.n)
          assert.is_false(results[1])
          assert.is_true(rawequal(values[i], results[2]))
        end
      end)

      it("lets a cancellation and an interrupt through, whoever's they are", function()
        for _, object in ipairs {CANCELLED, INTERRUPT} do
          local ok, failure = pcall(call, function() error(object) end)
          assert.is_false(ok)
          assert.equal(object, failure)
        end
      end)

      it("takes a cancellation for a result where it is none", function()
        assert.same({true, CANCELLED}, {call(function() return CANCELLED end)})
        assert.same({true, false, CANCELLED}, {call(function() return false, CANCELLED end)})
      end)

      it("catches errors that carry a cancellation", function()
        local group = saros.ExceptionGroup {message = "some", errors = {CANCELLED}}
        assert.same({false, group}, {call(function() error(group) end)})
      end)

      it("lets the function suspend, and its task be cancelled there", function()
        saros.run(function()
          assert.same({n = 2, true, "value"}, table.pack(call(saros.sleep, 0, "value")))
          local reached = false
          local task = saros.create_task(function()
            call(saros.sleep, 3600)
            reached = true
          end)
          saros.sleep(0)
          task:cancel("enough")
          assert.equal("enough", raises(saros.CancelledError, task.await, task).message)
          assert.is_true(task:cancelled())
          assert.is_false(reached)
        end)
      end)

      it("catches the error of a task that it awaits, but not that it was cancelled", function()
        saros.run(function()
          local failing = saros.create_task(function() error("mine", 0) end)
          assert.same({false, "mine"}, {call(failing.await, failing)})
          local cancelled = saros.create_task(saros.sleep, 3600)
          cancelled:cancel()
          raises(saros.CancelledError, call, cancelled.await, cancelled)
        end)
      end)

      it("catches the TimeoutError that a cancellation became", function()
        saros.run(function()
          local ok, failure = call(saros.wait_for, saros.sleep, 0, 3600)
          assert.is_false(ok)
          assert.is_true(saros.is_error(failure, saros.TimeoutError))
          assert.equal(0, saros.current_task():cancelling())
        end)
      end)

      it("can be nested: a cancellation passes all of them, an error ends in the innermost", function()
        local levels = {}
        local function nested(depth, object)
          if depth == 0 then error(object, 0) end
          local ok, failure = call(nested, depth - 1, object)
          levels[#levels + 1] = depth
          return ok, failure
        end
        raises(saros.CancelledError, nested, 5, CANCELLED)
        assert.same({}, levels)
        assert.is_true((nested(5, "text")))
        assert.same({1, 2, 3, 4, 5}, levels)
      end)

      it("fails as Lua's own does for what cannot be called", function()
        local ok, failure = call(nil)
        assert.is_false(ok)
        assert.matches("attempt to call a nil value", failure)
      end)
    end)
  end

  describe("xpcall's handler", function()
    it("sees the place of the error, and gives the results", function()
      local function culprit() error("mine", 0) end
      local ok, trace, extra = saros.xpcall(function()
        culprit()
      end, function(failure) return debug.traceback(failure, 1), "dropped" end)
      assert.is_false(ok)
      assert.matches("^mine\n", trace)
      assert.matches("in upvalue 'culprit'", trace)
      assert.is_nil(extra)
    end)

    it("sees neither a cancellation nor an interrupt", function()
      for _, object in ipairs {CANCELLED, INTERRUPT} do
        local called = false
        local ok, failure = pcall(saros.xpcall, error, function() called = true end, object)
        assert.is_false(ok)
        assert.equal(object, failure)
        assert.is_false(called)
      end
    end)

    it("may turn an error into a value, a cancellation too, which is its result then", function()
      assert.same({false, CANCELLED}, {saros.xpcall(error, function() return CANCELLED end, "text")})
      assert.same({n = 2, false}, table.pack(saros.xpcall(error, function() end, "text")))
    end)

    it("gets the error after the function has waited", function()
      saros.run(function()
        local ok, result = saros.xpcall(function()
          saros.sleep(0)
          error("mine", 0)
        end, string.upper)
        assert.same({false, "MINE"}, {ok, result})
      end)
    end)

    it("that fails is an error in error handling, as in Lua", function()
      local expected = table.pack(xpcall(error, function() error("again") end, "text"))
      local actual = table.pack(saros.xpcall(error, function() error("again") end, "text"))
      assert.is_false(actual[1])
      assert.equal(type(expected[2]), type(actual[2]))
    end)

    it("must be callable", function()
      blames(function() saros.xpcall(print) end, "bad argument #2 to 'xpcall' (function expected, got nil)")
      blames(function() saros.xpcall(print, "text") end,
        "bad argument #2 to 'xpcall' (function expected, got string)")
      local handler = setmetatable({}, {__call = function(_, failure) return failure .. "!" end})
      assert.same({false, "text!"}, {saros.xpcall(error, handler, "text")})
    end)
  end)
end)
