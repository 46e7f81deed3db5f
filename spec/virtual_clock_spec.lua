local core = require "saros.core"
local saros = require "saros"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local virtual_clocks = require "spec.support.virtual_clocks"

local limited = virtual_clocks.limited

local VirtualClockLoop = saros.testing.VirtualClockLoop
local VirtualClockPolicy = saros.testing.VirtualClockPolicy

describe("virtual_clock", function()
  local loop, order
  local function record(...) order[#order + 1] = table.concat({ ... }, " ") end
  local function record_time(name) record(name, loop:time()) end
  local function run(main) return loop:run_until_complete(main) end

  before_each(function()
    loop = limited(VirtualClockLoop())
    order = {}
  end)

  after_each(function() loop:close() end)

  describe("the clock", function()
    it("begins at 0, and the wall clock with the year 2000", function()
      assert.equal(0, loop:time())
      assert.equal("2000-01-01 00:00:00", os.date("!%Y-%m-%d %H:%M:%S", loop:wall_time() // 1 | 0))
    end)

    it("jumps to the next deadline, exactly, and takes no time for it", function()
      local began = saros.monotonic()
      run(function()
        saros.sleep(3600)
        record_time("hour")
        saros.sleep(0.1)
        record_time("tenth")
      end)
      assert.same({ "hour 3600.0", "tenth " .. 3600 + 0.1 }, order)
      assert.is_true(saros.monotonic() - began < 60)
    end)

    it("stands still while something is ready", function()
      run(function()
        loop:call_later(1, record_time, "timer")
        for i = 1, 200 do
          saros.sleep(0)
          if i % 100 == 0 then record_time("turn " .. i) end
        end
        saros.sleep(2)
        record_time("slept")
      end)
      assert.same({ "turn 100 0.0", "turn 200 0.0", "timer 1.0", "slept 2.0" }, order)
    end)

    it("lets ready tasks run, and what these make ready, before time moves", function()
      run(function()
        local event = saros.Event()
        loop:call_later(5, record_time, "timer")
        local waiting = saros.create_task(function()
          event:wait()
          record_time("woken")
          saros.sleep(0)
          record_time("later")
        end)
        saros.create_task(function()
          record_time("sets")
          event:set()
        end)
        waiting:await()
        saros.sleep(10)
      end)
      assert.same({ "sets 0.0", "woken 0.0", "later 0.0", "timer 5.0" }, order)
    end)

    it("fires equal deadlines at one jump, in the order in which they were set", function()
      for i = 1, 5 do loop:call_at(7, record_time, "at " .. i) end
      loop:call_at(6, record_time, "before")
      local iterations = loop:stats().iterations
      loop:run()
      assert.same({ "before 6.0", "at 1 7.0", "at 2 7.0", "at 3 7.0", "at 4 7.0", "at 5 7.0" }, order)
      assert.equal(2, loop:stats().iterations - iterations)
    end)

    it("does not drift in a million jumps #many", function()
      run(function()
        for _ = 1, 1000000 do saros.sleep(1) end
      end)
      assert.equal(1000000, loop:time())
    end)

    it("fires timers on a grid at that very deadline, however it is rounded", function()
      for i = 1, 1000 do
        loop:call_at(i * 0.1, function() order[#order + 1] = loop:time() == i * 0.1 end)
      end
      loop:run()
      assert.equal(1000, #order)
      for i = 1, 1000 do assert.is_true(order[i], i) end
    end)

    it("agrees with a sorted list about random timers that set timers", function()
      local seed = 1
      local function random(n)
        seed = (seed * 1103515245 + 12345) % 2147483648
        return (seed >> 16) % n
      end
      local expected, fired = {}, {}
      local function set(when)
        local entry = { when = when, order = #expected }
        expected[#expected + 1] = entry
        loop:call_at(when, function()
          assert.equal(when, loop:time())
          fired[#fired + 1] = entry
          if #expected < 500 then set(when + random(20)) end
        end)
      end
      for _ = 1, 50 do set(random(100) / 4) end
      loop:run()
      table.sort(expected, function(a, b)
        if a.when ~= b.when then return a.when < b.when end
        return a.order < b.order
      end)
      assert.equal(#expected, #fired)
      for i, entry in ipairs(expected) do assert.equal(entry, fired[i], i) end
    end)

    it("leaves alone what never happens", function()
      run(function()
        loop:call_later(math.huge, record, "never")
        saros.sleep(1)
      end)
      assert.equal(1, loop:time())
      assert.same({}, order)
    end)

    it("serves time limits, tickers and everything else that asks the loop for the time", function()
      run(function()
        local failure = raises(saros.TimeoutError, saros.wait_for, saros.sleep, 30, 60)
        assert.is_true(saros.is_error(failure))
        record_time("limit")
        local ticker = saros.create_task(saros.periodic, 0.1, function() record_time("tick") end)
        saros.sleep(0.25)
        ticker:cancel()
      end)
      assert.same({ "limit 30.0", "tick 30.0", "tick 30.1", "tick 30.2" }, order)
    end)

    it("gives a signal that has come its turn before time moves", function()
      run(function()
        local event = saros.Event()
        loop:add_signal_handler("SIGUSR1", function() event:set() end)
        loop:call_later(60, record, "timer")
        assert(os.execute("kill -USR1 $PPID"))
        event:wait()
        record_time("signal")
      end)
      assert.same({ "signal 0.0" }, order)
    end)
  end)

  it("lets an interrupt out before time moves", function()
    core.set_interrupt_handler(loop, function() error(saros.KeyboardInterrupt("first")) end)
    loop:call_later(3600, record, "timer")
    loop:call_soon(function() assert(io.popen("kill -INT $PPID")):close() end)
    assert.equal("first", raises(saros.KeyboardInterrupt, loop.run_forever, loop).message)
    assert.equal(0, loop:time())
    assert.same({}, order)
  end)

  describe("the wall clock", function()
    it("moves with time from where the options say", function()
      local other <close> = VirtualClockLoop { start = 1e9 }
      other:run_until_complete(function() saros.sleep(90) end)
      assert.equal(1e9 + 90, other:wall_time())
      assert.equal(90, other:time())
    end)

    it("can be stepped, which timers do not notice", function()
      run(function()
        saros.create_task(function()
          saros.sleep(10)
          record_time("timer")
        end)
        saros.sleep(4)
        loop:set_wall_time(5000.5)
        assert.equal(5000.5, loop:wall_time())
        saros.sleep(2)
        assert.equal(5002.5, loop:wall_time())
        loop:set_wall_time(-7)
        assert.equal(-7, loop:wall_time())
        saros.sleep(20)
      end)
      assert.equal(13, loop:wall_time())
      assert.same({ "timer 10.0" }, order)
    end)

    it("of a real loop is the machine's", function()
      local real <close> = saros.new_event_loop()
      assert.is_true(math.abs(real:wall_time() - os.time()) < 30)
    end)
  end)

  it("refuses bad options and bad wall times", function()
    assert.equal("unknown option 'manuel' for 'VirtualClockLoop' (known: manual, start)",
      raises(saros.ValueError, VirtualClockLoop, { manuel = true }).message)
    assert.error_matches(function() VirtualClockLoop("manual") end,
      "bad argument #1 to 'VirtualClockLoop' %(table expected, got string%)")
    assert.error_matches(function() VirtualClockLoop { manual = 1 } end,
      "option 'manual': boolean expected, got number")
    assert.error_matches(function() VirtualClockLoop { start = "now" } end,
      "option 'start': number expected, got string")
    assert.equal("option 'start' of 'VirtualClockLoop' is not finite",
      raises(saros.ValueError, VirtualClockLoop, { start = 0 / 0 }).message)
    raises(saros.ValueError, VirtualClockLoop, { start = -math.huge })
    raises(saros.ValueError, VirtualClockPolicy, { begin = 1 })
    raises(saros.ValueError, VirtualClockPolicy, { start = math.huge })
    assert.error_matches(function() loop:set_wall_time("x") end, "bad argument #1 to 'set_wall_time'")
    raises(saros.ValueError, loop.set_wall_time, loop, 0 / 0)
  end)

  describe("a subclass", function()
    it("overrides what it likes", function()
      local Mine = VirtualClockLoop:extend("Mine")
      local seen = {}
      function Mine:init(name, options)
        VirtualClockLoop.init(self, options)
        self.name = name
      end
      for _, method in ipairs { "call_soon", "call_later", "call_at", "run_once" } do
        Mine[method] = function(self, ...)
          seen[method] = true
          return VirtualClockLoop[method](self, ...)
        end
      end
      loop:close()
      loop = limited(Mine("mine", { start = 50 }))
      assert.equal("mine", loop.name)
      run(function()
        saros.sleep(0)
        saros.sleep(60)
        record_time("slept")
      end)
      assert.same({ "slept 60.0" }, order)
      assert.equal(110, loop:wall_time())
      assert.same({ call_soon = true, call_later = true, call_at = true, run_once = true }, seen)
      assert.matches("^Mine: ", tostring(loop))
    end)

    it("may show another time, by which timers then fire", function()
      local Mine = VirtualClockLoop:extend("Mine")
      function Mine:time() return 1000 + VirtualClockLoop.time(self) / 3 end
      loop:close()
      loop = limited(Mine())
      assert.equal(1000, loop:time())
      local due
      run(function()
        for i = 1, 100 do
          due = loop:time() + 0.1 * i
          saros.sleep(0.1 * i)
          assert.is_true(loop:time() >= due)
          assert.is_true(loop:time() < due + 1e-9)
        end
      end)
    end)

    it("may have its time overridden on a manual clock", function()
      local Mine = VirtualClockLoop:extend("Mine")
      function Mine:time() return 1000 + VirtualClockLoop.time(self) end
      loop:close()
      loop = limited(Mine { manual = true })
      for _, when in ipairs { 1001, 1002.5, 1004 } do loop:call_at(when, record_time, "timer") end
      loop:advance(3)
      assert.same({ "timer 1001.0", "timer 1002.5" }, order)
      assert.equal(1003, loop:time())
    end)
  end)

  it("works in debug mode", function()
    loop:set_debug(true)
    run(function()
      saros.sleep(60)
      record_time("slept")
    end)
    assert.same({ "slept 60.0" }, order)
  end)

  it("starts at 0 on a loop whose memory another one has used", function()
    run(function() saros.sleep(100) end)
    loop:close()
    loop = nil
    collectgarbage()
    local real <close> = saros.new_event_loop()
    assert.is_true(math.abs(real:time() - saros.monotonic()) < 60)
    loop = VirtualClockLoop()
    assert.equal(0, loop:time())
  end)

  describe("the policy", function()
    local before = saros.get_event_loop_policy()
    after_each(function() saros.set_event_loop_policy(before) end)

    it("makes saros.run virtual", function()
      saros.set_event_loop_policy(VirtualClockPolicy { start = 1e9 })
      local time, wall = saros.run(function()
        saros.sleep(86400)
        local running = saros.get_running_loop()
        return running:time(), running:wall_time()
      end)
      assert.equal(86400, time)
      assert.equal(1e9 + 86400, wall)
      local failure = raises(saros.RuntimeError, saros.run, function() saros.Event():wait() end)
      assert.matches("^the loop waits for ever: ", failure.message)
    end)

    it("passes its options on", function()
      saros.set_event_loop_policy(VirtualClockPolicy { manual = true })
      local made <close> = saros.new_event_loop()
      made:advance(5)
      assert.equal(5, made:time())
    end)

    it("serves a script under the launcher", function()
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      file:write([[
        local saros = require "saros"
        saros.set_event_loop_policy(saros.testing.VirtualClockPolicy())
        saros.sleep(1e6)
        print(saros.get_running_loop():time())
        saros.get_running_loop():call_later(5, function() print(saros.get_running_loop():time()) end)
        saros.create_task(function() saros.Event():wait() end):set_name("left")
      ]])
      file:close()
      local program <close> = process.saros(path)
      local outcome, output, problems = program:wait(60), program:output(), program:errors()
      os.remove(path)
      assert.equal("1000000.0\n1000005.0\n", output)
      assert.equal("exit 1", outcome)
      local place = path:gsub("%p", "%%%0") .. ":6"
      assert.matches("RuntimeError: the loop waits for ever: .*\n  left at " .. place, problems)
    end)
  end)
end)
