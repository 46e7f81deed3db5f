local saros = require "saros"

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("core.loop.handle", function()
  local loop

  before_each(function() loop = saros.new_event_loop() end)
  after_each(function() loop:close() end)

  describe("call_soon", function()
    it("passes any number of arguments, nils among them", function()
      local seen = {}
      local function record(...) seen[#seen + 1] = table.pack(...) end
      for n = 0, 40 do
        loop:call_soon(record, table.unpack({}, 1, n))
      end
      loop:call_soon(record, nil, 2, nil, "four", nil)
      loop:run()
      for n = 0, 40 do assert.equal(n, seen[n + 1].n) end
      assert.same({ n = 5, nil, 2, nil, "four", nil }, seen[42])
    end)

    it("passes hundreds of arguments in order", function()
      local sent = {}
      for i = 1, 240 do sent[i] = i end
      local got
      loop:call_soon(function(...) got = { ... } end, table.unpack(sent))
      loop:run()
      assert.same(sent, got)
    end)

    it("calls any callable", function()
      local seen
      local callable = setmetatable({}, { __call = function(self, x) seen = { self, x } end })
      loop:call_soon(callable, 5)
      loop:run()
      assert.equal(callable, seen[1])
      assert.equal(5, seen[2])
    end)

    it("keeps callbacks and arguments alive until they ran, and no longer", function()
      local weak = setmetatable({}, { __mode = "v" })
      do
        local upvalue, argument = {}, {}
        weak.upvalue, weak.argument = upvalue, argument
        loop:call_soon(function() return upvalue end, argument)
      end
      collect()
      assert.is_table(weak.argument)
      assert.is_table(weak.upvalue)
      loop:run()
      collect()
      assert.same({}, weak)
    end)

    it("runs 200,000 callbacks of one burst in order #many", function()
      local count, ordered = 0, true
      local function check(i)
        count = count + 1
        ordered = ordered and i == count
      end
      for i = 1, 200000 do loop:call_soon(check, i) end
      loop:run()
      assert.equal(200000, count)
      assert.is_true(ordered)
    end)

    it("survives callbacks that schedule more than they replace", function()
      local total = 0
      local function grow(depth)
        total = total + 1
        if depth > 0 then
          loop:call_soon(grow, depth - 1)
          loop:call_soon(grow, depth - 1)
        end
      end
      loop:call_soon(grow, 14)
      loop:run()
      assert.equal(2 ^ 15 - 1, total)
    end)

    it("may be called while arguments are being collected", function()
      local ran = 0
      for i = 1, 100 do
        setmetatable({}, { __gc = function() loop:call_soon(function() ran = ran + 1 end) end })
        loop:call_soon(function() return i end)
      end
      collect()
      loop:run()
      assert.equal(100, ran)
    end)

    it("refuses what cannot be called", function()
      assert.error_matches(function() loop:call_soon() end,
        "bad argument #1 to 'call_soon' %(function expected, got no value%)")
      assert.error_matches(function() loop:call_soon(nil) end,
        "bad argument #1 to 'call_soon' %(function expected, got nil%)")
      assert.error_matches(function() loop:call_soon({}) end,
        "bad argument #1 to 'call_soon' %(function expected, got table%)")
      assert.error_matches(function() loop:call_soon("print") end,
        "bad argument #1 to 'call_soon' %(function expected, got string%)")
    end)
  end)

  describe("a handle", function()
    it("keeps a cancelled callback from running, also by one of the same iteration", function()
      local order = {}
      local first, second
      loop:call_soon(function()
        order[#order + 1] = "canceller"
        second:cancel()
      end)
      first = loop:call_soon(function() order[#order + 1] = "first" end)
      second = loop:call_soon(function() order[#order + 1] = "second" end)
      first:cancel()
      loop:call_soon(function() order[#order + 1] = "third" end)
      loop:run()
      assert.same({ "canceller", "third" }, order)
      assert.is_true(first:cancelled())
      assert.is_true(second:cancelled())
    end)

    it("can be cancelled twice, and after it ran", function()
      local handle = loop:call_soon(function() end)
      assert.is_false(handle:cancelled())
      loop:run()
      assert.is_false(handle:cancelled())
      handle:cancel()
      handle:cancel()
      assert.is_true(handle:cancelled())
    end)

    it("cancels nothing but its own callback, however many came since", function()
      local old = loop:call_soon(function() end)
      loop:run()
      local ran = 0
      for _ = 1, 100 do loop:call_soon(function() ran = ran + 1 end) end
      old:cancel()
      loop:run()
      assert.equal(100, ran)
    end)

    it("can be cancelled from inside its callback", function()
      local handle, inside
      handle = loop:call_soon(function()
        handle:cancel()
        inside = handle:cancelled()
      end)
      loop:run()
      assert.is_true(inside)
    end)

    it("outlives its loop", function()
      local other = saros.new_event_loop()
      local ran = other:call_soon(function() end)
      other:run()
      local pending = other:call_soon(function() error("must not run") end)
      other:close()
      pending:cancel()
      ran:cancel()
      assert.is_true(pending:cancelled())
      -- A new loop may live where the old one did; its callbacks are none of the handle's.
      local new <close> = saros.new_event_loop()
      local stale = saros.new_event_loop()
      local handle = stale:call_soon(function() end)
      stale:close()
      local count = 0
      local reused <close> = saros.new_event_loop()
      for _ = 1, 3 do reused:call_soon(function() count = count + 1 end) end
      handle:cancel()
      reused:run()
      assert.equal(3, count)
      assert.is_false(new:is_closed())
    end)

    it("does not keep its callback alive", function()
      local weak = setmetatable({}, { __mode = "v" })
      local handle
      do
        local argument = {}
        weak[1] = argument
        handle = loop:call_soon(function(x) return x end, argument)
      end
      loop:run()
      collect()
      assert.is_nil(weak[1])
      assert.is_false(handle:cancelled())
    end)

    it("frees what a cancelled callback would have had, once the iteration passed", function()
      local weak = setmetatable({}, { __mode = "v" })
      do
        local argument = {}
        weak[1] = argument
        loop:call_soon(print, argument):cancel()
      end
      loop:run()
      collect()
      assert.is_nil(weak[1])
    end)

    it("has a string form that tells its state", function()
      local handle = loop:call_soon(function() end)
      assert.matches("^Handle: ", tostring(handle))
      assert.is_nil(tostring(handle):find("cancelled"))
      handle:cancel()
      assert.matches("cancelled", tostring(handle))
    end)

    it("refuses to be anything else", function()
      local handle = loop:call_soon(function() end)
      assert.error_matches(function() handle.cancel(loop) end, "Handle expected, got EventLoop")
      assert.error_matches(function() handle.cancelled() end, "Handle expected, got no value")
    end)
  end)

  describe("a failing callback", function()
    local contexts

    before_each(function()
      contexts = {}
      loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
    end)

    it("is reported with its handle, error and traceback, and the rest runs", function()
      local order = {}
      local function failing_callback() error("went wrong") end
      loop:call_soon(function() order[#order + 1] = 1 end)
      local handle = loop:call_soon(failing_callback)
      loop:call_soon(function() order[#order + 1] = 2 end)
      loop:run()
      assert.same({ 1, 2 }, order)
      assert.equal(1, #contexts)
      local context = contexts[1]
      assert.matches("handle_spec.lua:%d+: went wrong$", context.exception)
      assert.matches("handle_spec.lua:%d+", context.traceback)
      assert.matches("callback", context.message)
      assert.matches("handle_spec.lua", context.message)
      -- The context's handle is the one that call_soon returned, or as good as it.
      assert.matches("^Handle: ", tostring(context.handle))
      assert.is_false(handle:cancelled())
      assert.is_nil(context.task)
      assert.is_nil(context.future)
    end)

    it("may raise any value", function()
      local object = saros.ValueError { message = "m", key = "k" }
      local values = { n = 6, object, "text", 12, false, {}, nil }
      for i = 1, values.n do
        loop:call_soon(error, values[i])
      end
      loop:run()
      assert.equal(6, #contexts)
      for i = 1, values.n do assert.is_true(rawequal(values[i], contexts[i].exception)) end
      assert.is_string(object.traceback)
    end)

    it("may fail in every iteration for ever", function()
      local left = 500
      local function fails()
        left = left - 1
        if left > 0 then loop:call_soon(fails) end
        error(left)
      end
      loop:call_soon(fails)
      loop:run()
      assert.equal(500, #contexts)
      assert.equal(0, contexts[500].exception)
    end)

    it("may overflow the stack, or fail deep inside it", function()
      local function deep(n) return n == 0 and error("bottom") or 1 + deep(n - 1) end
      local function endless() return 1 + endless() end
      loop:call_soon(deep, 10000)
      loop:call_soon(endless)
      local ran
      loop:call_soon(function() ran = true end)
      loop:run()
      assert.is_true(ran)
      assert.equal(2, #contexts)
      assert.matches("bottom", contexts[1].exception)
      assert.is_true(#contexts[1].traceback < 5000)
      assert.matches("stack overflow", tostring(contexts[2].exception))
    end)

    it("cannot yield", function()
      loop:call_soon(coroutine.yield)
      loop:run()
      assert.equal(1, #contexts)
      assert.matches("yield", tostring(contexts[1].exception))
    end)

    it("stops nothing when the handler fails too", function()
      local logged = {}
      saros.set_logger(setmetatable({}, {
        __index = function() return function(_, ...) logged[#logged + 1] = string.format(...) end end,
      }))
      loop:set_exception_handler(function() error("the handler too") end)
      local ran
      loop:call_soon(error, "first")
      loop:call_soon(function() ran = true end)
      loop:run()
      saros.set_logger(nil)
      assert.is_true(ran)
      assert.matches("the handler too", table.concat(logged, "\n"))
    end)
  end)
end)
