local saros = require "saros"
local raises = require "spec.support.raises"

local EventLoop = saros.EventLoop

-- A class that records the calls of one method and passes them on.
local function recording(method, calls)
  local class = EventLoop:extend("Recording")
  class[method] = function(self, ...)
    calls[#calls + 1] = table.pack(...)
    return EventLoop[method](self, ...)
  end
  return class
end

describe("core.loop.class", function()
  it("makes classes that make loops", function()
    local Mine = EventLoop:extend("Mine")
    function Mine:double(x) return 2 * x end
    local loop <close> = Mine()
    assert.equal(14, loop:double(7))
    assert.matches("^Mine: ", tostring(loop))
    assert.matches("Mine", tostring(Mine))
    local ran
    loop:call_soon(function() ran = saros.get_running_loop() end)
    loop:run()
    assert.equal(loop, ran)
  end)

  it("makes classes of classes", function()
    local Base = EventLoop:extend("Base")
    local Derived = Base:extend("Derived")
    function Base:who() return "base" end
    function Base:only() return "only in base" end
    function Derived:who() return "derived of " .. Base.who(self) end
    local loop <close> = Derived()
    assert.equal("derived of base", loop:who())
    assert.equal("only in base", loop:only())
  end)

  it("gives a class's arguments to init", function()
    local Mine = EventLoop:extend("Mine")
    function Mine:init(...) self.arguments = table.pack(...) end
    local loop <close> = Mine(1, nil, "x", nil)
    assert.same({ n = 4, 1, nil, "x", nil }, loop.arguments)
  end)

  it("lets an error in init out", function()
    local Mine = EventLoop:extend("Mine")
    function Mine.init() error(saros.ValueError("no")) end
    raises(saros.ValueError, Mine)
  end)

  it("keeps fields of a loop for itself", function()
    local Mine = EventLoop:extend("Mine")
    Mine.shared = "class"
    local one <close> = Mine()
    local two <close> = Mine()
    one.field = 1
    two.field = 2
    one.shared = "own"
    assert.equal(1, one.field)
    assert.equal(2, two.field)
    assert.equal("own", one.shared)
    assert.equal("class", two.shared)
    one.shared = nil
    assert.equal("class", one.shared)
    assert.is_nil(Mine.field)
    assert.is_nil(EventLoop.field)
  end)

  it("frees a loop whose fields refer to it", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local loop = saros.new_event_loop()
      loop.myself = loop
      loop.closure = function() return loop end
      weak[loop] = true
      loop:close()
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  describe("overriding call_soon", function()
    it("is seen by everything that schedules a callback", function()
      local calls = {}
      local loop <close> = recording("call_soon", calls)()
      local order = {}
      loop:call_soon(function() order[#order + 1] = "soon" end)
      local future = loop:create_future()
      future:add_done_callback(function() order[#order + 1] = "done" end)
      assert.equal(1, #calls)
      future:set_result()
      assert.equal(2, #calls)
      future:add_done_callback(function() order[#order + 1] = "late" end)
      assert.equal(3, #calls)
      loop:run_until_complete(future)
      assert.same({ "soon", "done", "late" }, order)
    end)

    it("is seen by the steps of tasks, which name the task and its line", function()
      local names = {}
      local Mine = EventLoop:extend("Mine")
      function Mine:call_soon(fn, ...)
        names[#names + 1] = tostring(fn)
        local handle = EventLoop.call_soon(self, fn, ...)
        assert.is_false(handle:cancelled())
        return handle
      end
      local loop <close> = Mine()
      local line
      local task = loop:create_task(function()
        line = debug.getinfo(1, "l").currentline + 1
        saros.sleep(0)
        local future = loop:create_future()
        loop:call_soon(future.set_result, future, 7)
        return future:await()
      end)
      task:set_name("worker")
      assert.equal(7, loop:run_until_complete(task))
      -- The first step was scheduled before the task had its name.
      assert.is_true(#names >= 4)
      local named = false
      for _, name in ipairs(names) do
        if name:find("worker", 1, true) and name:find("class_spec.lua:" .. line, 1, true) then named = true end
      end
      assert.is_true(named, table.concat(names, "\n"))
    end)

    it("decides when a step runs", function()
      local held = {}
      local Mine = EventLoop:extend("Mine")
      function Mine:call_soon(fn, ...)
        if self.holding then
          held[#held + 1] = fn
          return EventLoop.call_soon(self, function() end)
        end
        return EventLoop.call_soon(self, fn, ...)
      end
      local loop <close> = Mine()
      local order = {}
      loop.holding = true
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = loop:create_task(function() order[#order + 1] = i end)
      end
      loop.holding = false
      loop:run_once()
      assert.same({}, order)
      for i = 3, 1, -1 do loop:call_soon(held[i]) end
      loop:run()
      assert.same({ 3, 2, 1 }, order)
      for i = 1, 3 do assert.is_true(tasks[i]:done()) end
    end)

    it("may run a step itself, later ones included, without harm", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:call_soon(fn, ...)
        local handle = EventLoop.call_soon(self, fn, ...)
        -- The same step twice: the second one finds nothing to do, or says what is wrong.
        pcall(EventLoop.call_soon, self, fn, ...)
        return handle
      end
      local loop <close> = Mine()
      local reports = {}
      loop:set_exception_handler(function(_, context) reports[#reports + 1] = context end)
      local order = {}
      loop:run_until_complete(function()
        for i = 1, 5 do
          order[#order + 1] = i
          saros.sleep(0)
        end
      end)
      assert.same({ 1, 2, 3, 4, 5 }, order)
    end)

    it("reports its error instead of losing it", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:call_soon(...)
        if self.refusing then error(saros.ValueError("refused")) end
        return EventLoop.call_soon(self, ...)
      end
      local loop <close> = Mine()
      loop.refusing = true
      raises(saros.ValueError, loop.call_soon, loop, print)
      raises(saros.ValueError, loop.create_task, loop, print)
      loop.refusing = false
      assert.equal(3, loop:run_until_complete(function() return 3 end))
    end)
  end)

  describe("overriding call_later and call_at", function()
    it("call_later is seen by sleep and by timeouts", function()
      local calls = {}
      local loop <close> = recording("call_later", calls)()
      loop:run_until_complete(function() saros.sleep(0.001) end)
      assert.equal(1, #calls)
      assert.equal(0.001, calls[1][1])
    end)

    it("call_at is seen by call_later and timeout scopes", function()
      local calls = {}
      local loop <close> = recording("call_at", calls)()
      local before = loop:time()
      loop:call_later(60, print, "x"):cancel()
      assert.equal(1, #calls)
      assert.is_true(calls[1][1] >= before + 60)
      assert.equal("x", calls[1][3])
      loop:run_until_complete(function()
        saros.sleep(0.001)
        local _ <close> = saros.timeout(60)
      end)
      assert.equal(3, #calls)
    end)

    it("decides the deadline", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:call_later(_, ...) return EventLoop.call_later(self, 0, ...) end
      local loop <close> = Mine()
      local before = loop:time()
      loop:run_until_complete(function() saros.sleep(3600) end)
      assert.is_true(loop:time() < before + 60)
    end)
  end)

  describe("overriding time", function()
    it("is the clock of timers, sleep, and timeouts", function()
      local Mine = EventLoop:extend("Mine")
      Mine.now = 1000.0
      function Mine:time() return self.now end
      local loop <close> = Mine()
      local handle = loop:call_later(50, print)
      assert.equal(1050, handle:when())
      handle:cancel()
      local order = {}
      loop:call_later(3000, function() order[#order + 1] = "timer" end)
      local task = loop:create_task(function()
        saros.sleep(2000)
        order[#order + 1] = "slept"
      end)
      loop:run_once()
      for _ = 1, 3 do
        loop:call_soon(function() end)
        loop:run_once()
      end
      assert.same({}, order)
      loop.now = 3000.0
      loop:run_until_complete(task)
      assert.same({ "slept" }, order)
      loop.now = 4000.0
      loop:run()
      assert.same({ "slept", "timer" }, order)
    end)

    it("is asked again after every wait, so that a timer is never early", function()
      local Mine = EventLoop:extend("Mine")
      -- A clock at a quarter of the speed: a poll that waited long enough by its start comes early.
      function Mine:time() return EventLoop.time(self) / 4 end
      local loop <close> = Mine()
      local due = loop:time() + 0.002
      local fired
      loop:call_at(due, function() fired = loop:time() end)
      loop:run()
      assert.is_true(fired >= due)
    end)

    it("reports a time that is no number", function()
      local Mine = EventLoop:extend("Mine")
      function Mine.time() return "soon" end
      local loop <close> = Mine()
      assert.has_error(function() loop:call_later(1, print) end)
      local ran
      loop:call_soon(function() ran = true end)
      loop:run()
      assert.is_true(ran)
    end)
  end)

  describe("overriding run_once", function()
    it("is called for every iteration", function()
      local Mine = EventLoop:extend("Mine")
      local iterations = 0
      function Mine:run_once()
        iterations = iterations + 1
        return EventLoop.run_once(self)
      end
      local loop <close> = Mine()
      loop:run_until_complete(function() for _ = 1, 9 do saros.sleep(0) end end)
      assert.equal(loop:stats().iterations, iterations)
      assert.is_true(iterations >= 10)
    end)

    it("ends the run when it raises, and the loop can be used again", function()
      local Mine = EventLoop:extend("Mine")
      function Mine:run_once()
        if self.failing then error(saros.ValueError("no iteration")) end
        return EventLoop.run_once(self)
      end
      local loop <close> = Mine()
      loop.failing = true
      raises(saros.ValueError, loop.run_forever, loop)
      assert.is_false(loop:is_running())
      loop.failing = false
      assert.equal(1, loop:run_until_complete(function() return 1 end))
    end)
  end)

  it("takes a method assigned to one loop for that loop alone", function()
    local loop <close> = saros.new_event_loop()
    local other <close> = saros.new_event_loop()
    local seen = {}
    function loop:call_soon(fn, ...)
      seen[#seen + 1] = tostring(fn)
      return EventLoop.call_soon(self, fn, ...)
    end
    function loop:time() return EventLoop.time(self) + 1e6 end
    assert.is_true(loop:call_later(1, print):when() > 1e6 + 1)
    assert.is_true(other:call_later(1, print):when() < loop:time())
    local task = loop:create_task(function() saros.sleep(0) end):set_name("alone")
    loop:run_until_complete(task)
    assert.is_true(#seen >= 2)
    local before = #seen
    other:run_until_complete(function() saros.sleep(0) end)
    assert.equal(before, #seen)
    loop.call_soon = nil
    loop:run_until_complete(function() saros.sleep(0) end)
    assert.equal(before, #seen)
  end)

  it("takes a method that a class gains while a loop of it runs", function()
    local Mine = EventLoop:extend("Mine")
    local loop <close> = Mine()
    local calls = 0
    loop:run_until_complete(function()
      saros.sleep(0)
      function Mine:call_soon(...)
        calls = calls + 1
        return EventLoop.call_soon(self, ...)
      end
      loop:call_soon(function() end)
      assert.equal(1, calls)
      saros.sleep(0)
      saros.sleep(0)
    end)
    assert.is_true(calls >= 2)
  end)

  it("refuses what is no class", function()
    assert.error_matches(function() EventLoop:extend() end,
      "bad argument #1 to 'extend' %(string expected, got no value%)")
    assert.error_matches(function() EventLoop.extend({}, "Name") end, "loop class expected, got table")
    assert.error_matches(function() EventLoop.extend(1, "Name") end, "table expected, got number")
  end)
end)
