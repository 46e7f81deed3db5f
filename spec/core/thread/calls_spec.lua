local saros = require "saros"
local raises = require "spec.support.raises"

-- What functions that run in other threads use: busted gives a spec's functions an _ENV that cannot travel.
local io, ipairs, math, pcall, tostring = io, ipairs, math, pcall, tostring

describe("core.thread.calls", function()
  describe("loop:threadsafe at home", function()
    local loop, order

    before_each(function() loop, order = saros.new_event_loop(), {} end)
    after_each(function() loop:close() end)

    local function record(...) order[#order + 1] = table.concat({...}, " ") end

    it("keeps its place among the callbacks, with the very arguments", function()
      local callable = loop:threadsafe(record)
      local seen
      local look = loop:threadsafe(function(...) seen = table.pack(...) end)
      loop:call_soon(record, 1)
      callable(2, "b")
      loop:call_soon(record, 3)
      look(io.stdout, nil)
      loop:run()
      assert.same({"1", "2 b", "3"}, order)
      assert.same({n = 2, io.stdout, nil}, seen)
      assert.matches("^ThreadsafeCallable: ", tostring(callable))
    end)

    it("raises on a closed loop, and for what cannot be called", function()
      local callable = loop:threadsafe(record)
      loop:close()
      assert.equal("Event loop is closed", raises(saros.RuntimeError, callable).message)
      raises(saros.RuntimeError, loop.threadsafe, loop, record)
      local other <close> = saros.new_event_loop()
      assert.error_matches(function() other:threadsafe(1) end, "function expected")
    end)

    it("keeps the function alive as long as it lives itself, and no longer", function()
      local weak = setmetatable({}, {__mode = "k"})
      local callable
      do
        local function target() record("called") end
        weak[target] = true
        callable = loop:threadsafe(target)
      end
      collectgarbage()
      callable()
      loop:run()
      assert.same({"called"}, order)
      callable = nil -- luacheck: ignore
      for _ = 1, 3 do
        collectgarbage()
        for _ = 1, 2 do
          loop:call_soon(math.abs, 1)
          loop:run_once()
        end
      end
      collectgarbage()
      assert.is_nil(next(weak))
    end)

    it("runs in the context in which it was made", function()
      local var = saros.ContextVar("var", "none")
      local callable = saros.copy_context():run(function()
        var:set("inside")
        return loop:threadsafe(function() record(var:get()) end)
      end)
      callable()
      loop:run()
      assert.same({"inside"}, order)
    end)
  end)

  describe("from other threads #threads", function()
    it("a callable schedules its function, with copies", function()
      saros.run(function()
        local loop = saros.get_running_loop()
        local got = saros.Queue()
        local given = {1}
        local callable = loop:threadsafe(function(...) got:put_nowait({...}) end)
        saros.to_thread(function()
          for i = 1, 3 do callable(i, given) end
        end)
        for i = 1, 3 do
          local values = got:get()
          assert.same({i, {1}}, values)
          assert.are_not.equal(given, values[2])
        end
      end)
    end)

    it("a proxy schedules a copy of a function", function()
      saros.run(function()
        local loop = saros.get_running_loop()
        local count, results = 0, saros.Channel(10)
        saros.to_thread(function()
          for _ = 1, 3 do
            loop:call_soon_threadsafe(function(n)
              count = count + n
              results:send(count)
            end, 5)
          end
        end)
        for _ = 1, 3 do assert.equal(5, results:recv()) end
        assert.equal(0, count)
      end)
    end)

    it("what cannot travel raises there, and errors go to the exception handler here", function()
      local contexts = {}
      saros.run(function()
        local loop = saros.get_running_loop()
        loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
        local callable = loop:threadsafe(function(message) error(saros.ValueError(message)) end)
        local messages = saros.to_thread(function()
          local list = {}
          for i, call in ipairs {
            function() callable(1, io.stdout) end,
            function() loop:call_soon_threadsafe(function() end, io.stdout) end,
            function() loop:call_soon_threadsafe(1) end,
          } do
            local _, failure = pcall(call)
            list[i] = tostring(failure)
          end
          callable("raised here")
          return list
        end)
        assert.equal("TransferError: argument 2: userdata cannot be transferred", messages[1])
        assert.equal("TransferError: argument 1: userdata cannot be transferred", messages[2])
        assert.matches("function expected, got number", messages[3])
        saros.sleep(0.01)
      end)
      assert.equal(1, #contexts)
      assert.equal("raised here", contexts[1].exception.message)
    end)

    it("a loop shuts down while many threads call in", function()
      for round = 1, 8 do
        local loop = saros.new_event_loop()
        local calls = 0
        local callable = loop:threadsafe(function() calls = calls + 1 end)
        local threads = {}
        for i = 1, 4 do
          threads[i] = saros.Thread {target = function(kind)
            local function call()
              if kind == 1 then
                callable({"argument"})
              elseif kind == 2 then
                loop:call_soon_threadsafe(math.abs, 1)
              elseif kind == 3 then
                saros.run_coroutine_threadsafe(loop, saros.sleep, 10)
              else
                saros.run_coroutine_threadsafe(loop, math.abs, -1):result()
              end
            end
            for _ = 1, 100000 do
              local ok, failure = pcall(call)
              if not ok then return tostring(failure) end
            end
          end, args = {i}}:start()
        end
        loop:call_later(0.002 * round, loop.stop, loop)
        loop:run_forever()
        loop:close()
        for _, thread in ipairs(threads) do assert.is_true(thread:join(20)) end
      end
    end)
  end)
end)
