local saros = require "saros"
local raises = require "spec.support.raises"

local EventLoop = saros.EventLoop

describe("core.loop.class", function()
  -- A sleep, a time limit that passes and one that does not, and a cancelled sleep.
  local function use_timers()
    saros.sleep(0)
    saros.sleep(0.001)
    raises(saros.TimeoutError, saros.wait_for, saros.sleep, 0.001, 60)
    raises(saros.TimeoutError, function()
      local _ <close> = saros.timeout(0)
      saros.sleep(60)
    end)
    assert.equal("slept", saros.wait_for(saros.sleep, 60, 0.001, "slept"))
    local task = saros.create_task(saros.sleep, 60)
    saros.sleep(0)
    task:cancel()
    raises(saros.CancelledError, task.await, task)
    return "used"
  end

  describe("an override", function()
    it("may return a handle of its own, which is what is cancelled", function()
      local cancelled = 0
      local Handle = {}
      Handle.__index = Handle
      function Handle:cancel()
        cancelled = cancelled + 1
        self.inner:cancel()
      end
      function Handle:when() return self.inner:when() end
      local Mine = EventLoop:extend("Mine")
      for _, method in ipairs {"call_soon", "call_at"} do
        Mine[method] = function(self, ...)
          return setmetatable({inner = EventLoop[method](self, ...)}, Handle)
        end
      end
      local loop <close> = Mine()
      assert.equal(Handle, getmetatable(loop:call_later(60, print)))
      assert.equal("used", loop:run_until_complete(use_timers))
      assert.is_true(cancelled >= 2)
      assert.equal(1, loop:stats().timers)
    end)

    it("of call_soon may return nothing, as long as nobody wants to cancel", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:call_soon(...) EventLoop.call_soon(self, ...) end
      local loop <close> = Mine()
      assert.equal("used", loop:run_until_complete(use_timers))
    end)

    it("that swallows a step leaves the task where it is until the loop is closed", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:call_soon(fn, ...)
        if not self.swallowing then return EventLoop.call_soon(self, fn, ...) end
        return EventLoop.call_soon(self, function() end)
      end
      local loop <close> = Mine()
      loop.swallowing = true
      local task = loop:create_task(function() end)
      loop.swallowing = false
      loop:run_once()
      assert.is_false(task:done())
      loop:close()
      assert.is_true(task:cancelled())
    end)

    it("that raises lets the caller know, and the loop goes on", function()
      local Mine = EventLoop:extend("Mine")
      function Mine.call_later() error("no timers", 0) end
      local loop <close> = Mine()
      assert.equal("no timers", select(2, pcall(loop.run_until_complete, loop, saros.sleep, 1)))
      assert.equal(3, loop:run_until_complete(function() return 3 end))
    end)

    it("of time that raises leaves the loop, which can go on afterwards", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:time()
        if self.broken then error("no time", 0) end
        return EventLoop.time(self)
      end
      local loop <close> = Mine()
      local fired = false
      loop:call_later(0, function() fired = true end)
      loop.broken = true
      assert.equal("no time", select(2, pcall(loop.run_once, loop)))
      assert.is_false(loop:is_running())
      loop.broken = false
      loop:run()
      assert.is_true(fired)
    end)

    it("of time may go back and forth: deadlines stay what they are", function()
      local loop <close> = saros.new_event_loop()
      local now = 100.0
      function loop.time() return now end
      local fired = {}
      local function record() fired[#fired + 1] = now end
      local function at(time)
        now = time
        loop:call_soon(function() end)
        loop:run_once()
      end
      loop:call_later(10, record)
      now = 50
      loop:call_later(5, record)
      at(54.5)
      assert.same({}, fired)
      at(55)
      at(109)
      at(20)
      assert.same({55}, fired)
      at(1e300)
      assert.same({55, 1e300}, fired)
    end)

    it("of run_once may iterate several times, or not at all", function()
      local Twice = EventLoop:extend("Twice")
      function Twice:run_once()
        EventLoop.run_once(self)
        self:call_soon(function() end)
        EventLoop.run_once(self)
      end
      local twice <close> = Twice()
      assert.equal("used", twice:run_until_complete(use_timers))
      local Never = EventLoop:extend("Never")
      function Never:run_once()
        self.calls = (self.calls or 0) + 1
        if self.calls == 3 then self:stop() end
      end
      local never <close> = Never()
      never:run_forever()
      assert.equal(3, never.calls)
      assert.equal(0, never:stats().iterations)
    end)

    it("of default_exception_handler, in a class or in a loop, gets what nobody handles", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:default_exception_handler(context) self.got = context.exception end
      local one <close> = Mine()
      one:call_soon(error, "from one")
      one:run()
      assert.equal("from one", one.got)
      local other <close> = saros.new_event_loop()
      other.default_exception_handler = Mine.default_exception_handler
      other:call_soon(error, "from other")
      other:run()
      assert.equal("from other", other.got)
    end)

    it("may call that of the class above, and gives way to it when it is removed", function()
      local calls = {}
      local Base = EventLoop:extend("Base")
      function Base:call_soon(...)
        calls[#calls + 1] = "base"
        return EventLoop.call_soon(self, ...)
      end
      local Derived = Base:extend("Derived")
      function Derived:call_soon(...)
        calls[#calls + 1] = "derived"
        return Base.call_soon(self, ...)
      end
      local loop <close> = Derived()
      local function step()
        calls = {}
        loop:create_task(function() end)
        loop:run()
        return table.concat(calls, " ")
      end
      assert.equal("derived base", step())
      Derived.call_soon = nil
      assert.equal("base", step())
      Base.call_soon = nil
      assert.equal("", step())
      function loop:call_soon(...)
        calls[#calls + 1] = "loop"
        return Derived.call_soon(self, ...)
      end
      assert.equal("loop", step())
      loop.call_soon = nil
      assert.equal("", step())
    end)

    it("of EventLoop itself is seen by the steps of the loops that are made from then on", function()
      local original, steps = EventLoop.call_soon, 0
      function EventLoop:call_soon(...)
        steps = steps + 1
        return original(self, ...)
      end
      local ok, failure = pcall(function()
        local loop <close> = saros.new_event_loop()
        return loop:run_until_complete(function()
          saros.sleep(0)
          saros.sleep(0)
        end)
      end)
      EventLoop.call_soon = original
      assert.is_true(ok, failure)
      assert.is_true(steps >= 3)
      local loop <close> = saros.new_event_loop()
      local before = steps
      loop:run_until_complete(saros.sleep, 0)
      assert.equal(before, steps)
    end)
  end)
end)
