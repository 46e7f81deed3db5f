local core = require "saros.core"
local saros = require "saros"
local fds = require "spec.support.fds"
local process = require "spec.support.process"
local raises = require "spec.support.raises"

local VirtualClockLoop = saros.testing.VirtualClockLoop
local VirtualClockPolicy = saros.testing.VirtualClockPolicy

-- Real seconds; long against the pauses of a busy machine are only those that are never waited for.
local SOON = 0.03

local function here()
  return debug.getinfo(2, "l").currentline
end

-- What should jump must not wait for an hour when it does not.
local function limited(loop)
  core.set_limit(loop, 60, function() error(saros.KeyboardInterrupt("the loop waits in real time")) end)
  return loop
end

-- A file that can be read after SOON.
local function delayed_byte()
  return assert(io.popen(("sleep %g; printf x"):format(SOON)))
end

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

  describe("while something is outstanding", function()
    it("does not let a time limit expire while bytes are on their way", function()
      local payload = ("x"):rep(1 << 20)
      run(function()
        local server <close> = saros.start_server(function(reader, writer)
          writer:write(reader:readexactly(#payload))
          writer:drain()
        end, "127.0.0.1", 0)
        local reader, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
        writer:write(payload)
        local echo = saros.wait_for(reader.readexactly, 30, reader, #payload)
        assert.is_true(echo == payload)
        writer:close()
        assert.is_true(loop:time() < 30)
      end)
    end)

    it("fires a timer when its deadline is reached by real time, never early", function()
      run(function()
        local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        saros.sleep(100)
        local reader, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
        local began, from = saros.monotonic(), loop:time()
        raises(saros.TimeoutError, saros.wait_for, reader.read, SOON, reader, 1)
        assert.is_true(loop:time() - from >= SOON)
        assert.is_true(saros.monotonic() - began >= SOON)
        writer:close()
      end)
    end)

    it("jumps again when the connection is closed, and never goes back", function()
      run(function()
        do
          local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
          local _, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
          local last = loop:time()
          for _ = 1, 1000 do
            local now = loop:time()
            assert.is_true(now >= last)
            last = now
          end
          writer:close()
        end
        local left = loop:time()
        saros.sleep(3600)
        assert.is_true(loop:time() >= left + 3600)
        assert.is_true(loop:time() < left + 3660)
        local still = loop:time()
        assert.equal(still, loop:time())
      end)
    end)

    it("keeps the time that passed while a connection was open", function()
      run(function()
        local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        local transport = loop:create_connection(function() return {} end, "127.0.0.1", server:sockets()[1].port)
        saros.sleep(SOON)
        transport:abort()
        server:abort_clients()
        server:close()
        local open = loop:time()
        server:wait_closed()
        local closed = loop:time()
        assert.is_true(closed >= open)
        assert.is_true(closed >= SOON)
        assert.equal(closed, loop:time())
      end)
    end)

    it("sends what protocols write in the poll", function()
      local rounds = 0
      run(function()
        local done = loop:create_future()
        local server <close> = loop:create_server(function()
          local echo = {}
          function echo:connection_made(transport) self.transport = transport end
          function echo:data_received(data) self.transport:write(data) end
          return echo
        end, "127.0.0.1", 0)
        local client = {}
        function client:connection_made(transport)
          self.transport = transport
          transport:write("ping")
        end
        function client:data_received(data)
          rounds = rounds + 1
          if rounds == 100 then return done:set_result() end
          self.transport:write(data)
        end
        loop:create_connection(function() return client end, "127.0.0.1", server:sockets()[1].port)
        saros.wait_for(done, 50)
        client.transport:close()
      end)
      assert.equal(100, rounds)
      assert.is_true(loop:time() < 50)
    end)

    it("ends the run when a protocol stops the loop, or an interrupt is raised in one", function()
      local client = {}
      function client.data_received(_, data)
        if data == "stop" then loop:stop() else error(saros.KeyboardInterrupt(data)) end
      end
      local peer
      run(function()
        local server = loop:create_server(function()
          return { connection_made = function(_, transport) peer = transport end }
        end, "127.0.0.1", 0)
        loop:create_connection(function() return client end, "127.0.0.1", server:sockets()[1].port)
        while not peer do saros.sleep(0) end
      end)
      loop:call_later(3600, record, "timer")
      peer:write("stop")
      loop:run_forever()
      peer:write("interrupt")
      assert.equal("interrupt", raises(saros.KeyboardInterrupt, loop.run_forever, loop).message)
      assert.same({}, order)
    end)

    it("waits for a look-up", function()
      run(function()
        local addresses = saros.wait_for(loop.getaddrinfo, 3600, loop, "localhost", 80)
        assert.is_true(#addresses > 0)
        assert.is_true(loop:time() < 3600)
      end)
    end)

    it("waits for a reader", function()
      local file <close> = delayed_byte()
      loop:add_reader(file, function()
        record("read", file:read(1))
        loop:remove_reader(file)
      end)
      loop:call_later(3600, record, "timer")
      loop:run()
      assert.same({ "read x", "timer" }, order)
      assert.is_true(loop:time() >= 3600)
    end)

    it("waits for a writer", function()
      local reader, writer = fds.pipe()
      fds.fill(writer)
      loop:add_writer(writer, function()
        record("written")
        loop:remove_writer(writer)
      end)
      local file <close> = delayed_byte()
      loop:add_reader(file, function()
        loop:remove_reader(file)
        while #(fds.read(reader, 65536) or "") == 65536 do end
      end)
      loop:call_later(3600, record, "timer")
      loop:run()
      fds.close(reader)
      fds.close(writer)
      assert.same({ "written", "timer" }, order)
    end)

    it("jumps in spite of listeners and signal handlers", function()
      run(function()
        local _ <close> = saros.start_server(function() end, "127.0.0.1", 0)
        loop:add_signal_handler("SIGUSR1", print)
        saros.sleep(3600)
      end)
      assert.equal(3600, loop:time())
    end)
  end)

  describe("when nothing can happen", function()
    it("raises an error that names the tasks and the lines where they wait", function()
      local lines = {}
      local failure = raises(saros.RuntimeError, run, function()
        saros.create_task(function()
          lines[1] = here() + 1
          saros.Event():wait()
        end):set_name("worker")
        saros.current_task():set_name("main")
        lines[2] = here() + 1
        saros.Queue():get()
      end)
      assert.equal(("the loop waits for ever: nothing is ready, timed or outstanding; 2 waiting tasks:\n"
        .. "  main at spec/virtual_clock_spec.lua:%d\n"
        .. "  worker at spec/virtual_clock_spec.lua:%d"):format(lines[2], lines[1]), failure.message)
    end)

    it("raises it out of run_until_complete, run_forever, run and run_once, and the loop can be used again", function()
      local message = "the loop waits for ever: nothing is ready, timed or outstanding"
      assert.equal(message, raises(saros.RuntimeError, loop.run_until_complete, loop, loop:create_future()).message)
      assert.equal(message, raises(saros.RuntimeError, loop.run_forever, loop).message)
      assert.equal(message, raises(saros.RuntimeError, loop.run_once, loop).message)
      local task = loop:create_task(function() saros.Event():wait() end):set_name("stuck")
      local failure = raises(saros.RuntimeError, loop.run, loop)
      assert.matches("1 waiting task:\n  stuck at spec/virtual_clock_spec.lua:%d+$", failure.message)
      assert.is_false(loop:is_running())
      task:cancel()
      assert.equal(5, run(function()
        saros.sleep(1)
        return 5
      end))
    end)

    it("raises it for a server that nobody will call", function()
      local failure = raises(saros.RuntimeError, run, function()
        local server <close> = saros.start_server(function() end, "127.0.0.1", 0)
        server:serve_forever()
      end)
      assert.matches("1 waiting task:\n  Task%-%d+ at spec/virtual_clock_spec.lua:%d+$", failure.message)
    end)

    it("returns from run() when nothing is left at all", function()
      loop:call_later(5, record, "timer")
      loop:run()
      assert.same({ "timer" }, order)
      loop:run()
      assert.equal(5, loop:time())
    end)

    it("tells a task that has not begun by its function", function()
      loop.call_soon = function(self) return VirtualClockLoop.call_soon(self, function() end) end
      local line = here() + 1
      loop:create_task(function() end):set_name("forgotten")
      local failure = raises(saros.RuntimeError, loop.run, loop)
      assert.matches("\n  forgotten at spec/virtual_clock_spec.lua:" .. line .. "$", failure.message)
    end)
  end)

  describe("a manual clock", function()
    before_each(function()
      loop:close()
      loop = limited(VirtualClockLoop { manual = true })
    end)

    it("moves by advance alone, which fires each timer at its own deadline", function()
      for _, when in ipairs { 3, 1, 2.5, 5.5, 1 } do loop:call_at(when, record_time, "timer") end
      loop:advance(0.5)
      assert.equal(0.5, loop:time())
      assert.same({}, order)
      loop:advance(4.5)
      assert.same({ "timer 1.0", "timer 1.0", "timer 2.5", "timer 3.0" }, order)
      assert.equal(5, loop:time())
      loop:advance(0.5)
      assert.equal("timer 5.5", order[5])
    end)

    it("runs all that a timer makes ready before it moves on", function()
      local event = saros.Event()
      loop:create_task(function()
        event:wait()
        record_time("woken")
        for _ = 1, 100 do saros.sleep(0) end
        record_time("later")
        loop:call_later(0.5, record_time, "new timer")
        loop:call_later(0, record_time, "no delay")
      end)
      loop:call_later(1, event.set, event)
      loop:call_later(2, record_time, "last")
      loop:advance(10)
      assert.same({ "woken 1.0", "later 1.0", "no delay 1.0", "new timer 1.5", "last 2.0" }, order)
      assert.equal(10, loop:time())
    end)

    it("suspends a task until time has come and everything due has run", function()
      run(function()
        saros.create_task(function()
          saros.sleep(5)
          record_time("slept")
          saros.sleep(0)
          record_time("and on")
        end)
        loop:call_later(3, record_time, "timer")
        loop:advance(5)
        record_time("advanced")
        loop:advance(0)
        record_time("nothing")
      end)
      assert.same({ "timer 3.0", "slept 5.0", "and on 5.0", "advanced 5.0", "nothing 5.0" }, order)
    end)

    it("ends at exactly the sum", function()
      for i = 1, 10 do
        local from = loop:time()
        loop:advance(0.1 * i)
        assert.equal(from + 0.1 * i, loop:time())
      end
    end)

    it("drives the loop outside, whatever else stops it, and reports errors as ever", function()
      local contexts = {}
      loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
      loop:call_later(1, loop.stop, loop)
      loop:call_later(2, error, saros.ValueError("no"))
      loop:call_later(3, record_time, "timer")
      loop:advance(4)
      assert.same({ "timer 3.0" }, order)
      assert.equal(1, #contexts)
      assert.is_true(saros.is_error(contexts[1].exception, saros.ValueError))
      assert.is_false(loop:is_running())
    end)

    it("lets a cancelled advance be: time stays where it is, and the next one works", function()
      run(function()
        local advancing = saros.create_task(loop.advance, loop, 100)
        loop:call_later(10, function()
          record_time("cancels")
          advancing:cancel()
        end)
        raises(saros.CancelledError, advancing.await, advancing)
        assert.equal(10, loop:time())
        loop:advance(1)
        assert.equal(11, loop:time())
      end)
    end)

    it("refuses an advance during another", function()
      run(function()
        local first = saros.create_task(loop.advance, loop, 10)
        saros.sleep(0)
        local failure = raises(saros.RuntimeError, loop.advance, loop, 1)
        assert.equal("the clock is being advanced already", failure.message)
        first:await()
      end)
      assert.equal(10, loop:time())
    end)

    it("refuses an advance in a callback", function()
      loop:call_soon(function()
        order[1] = raises(saros.RuntimeError, loop.advance, loop, 1).message
      end)
      loop:run()
      assert.equal("advance() in a callback can neither wait nor run the loop: call it in a task or outside of "
        .. "the loop", order[1])
    end)

    it("refuses an advance while another loop runs, and on a clock that moves by itself", function()
      local other <close> = VirtualClockLoop()
      other:run_until_complete(function()
        raises(saros.RuntimeError, loop.advance, loop, 1)
      end)
      loop:advance(1)
      assert.equal(1, loop:time())
      assert.equal("the clock moves by itself: advance() is for VirtualClockLoop{manual=true}",
        raises(saros.RuntimeError, other.advance, other, 1).message)
    end)

    it("fires what is due without an advance", function()
      loop:call_later(0, record_time, "no delay")
      loop:call_at(-1, record_time, "past")
      loop:run()
      assert.same({ "past 0.0", "no delay 0.0" }, order)
    end)

    it("waits for what is outstanding without moving", function()
      local file <close> = delayed_byte()
      loop:add_reader(file, function()
        file:read(1)
        loop:remove_reader(file)
        record_time("read")
        loop:stop()
      end)
      loop:call_later(1e-6, record, "timer")
      loop:run_forever()
      assert.same({ "read 0.0" }, order)
      assert.is_true(loop:stats().iterations < 50) -- it does not turn meanwhile
    end)

    it("raises an error when nobody will ever move it", function()
      local line
      local failure = raises(saros.RuntimeError, run, function()
        saros.current_task():set_name("sleeper")
        line = here() + 1
        saros.sleep(1)
      end)
      assert.equal("the loop waits for ever: nothing is ready or outstanding, and the clock is manual, but 1 timer "
        .. "will be due when advance() moves the clock; 1 waiting task:\n"
        .. "  sleeper at spec/virtual_clock_spec.lua:" .. line, failure.message)
      loop:advance(1)
      assert.equal(1, loop:time())
    end)

    it("moves the wall clock as well", function()
      local wall = loop:wall_time()
      loop:advance(60)
      assert.equal(wall + 60, loop:wall_time())
    end)

    it("refuses what is no time to pass", function()
      assert.error_matches(function() loop:advance() end, "bad argument #1 to 'advance' %(number expected, got nil%)")
      assert.error_matches(function() loop:advance({}) end, "number expected, got table")
      assert.equal("time cannot go back by 1 seconds", raises(saros.ValueError, loop.advance, loop, -1).message)
      assert.equal("argument #1 to 'advance' is NaN", raises(saros.ValueError, loop.advance, loop, 0 / 0).message)
      assert.equal("argument #1 to 'advance' is not finite",
        raises(saros.ValueError, loop.advance, loop, math.huge).message)
      loop:close()
      raises(saros.RuntimeError, loop.advance, loop, 1)
      raises(saros.RuntimeError, loop.set_wall_time, loop, 1)
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
