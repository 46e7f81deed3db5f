local saros = require "saros"
local raises = require "spec.support.raises"
local virtual_clocks = require "spec.support.virtual_clocks"

local here, limited, delayed_byte = virtual_clocks.here, virtual_clocks.limited, virtual_clocks.delayed_byte

local VirtualClockLoop = saros.testing.VirtualClockLoop

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
        .. "  sleeper at spec/virtual_clock_manual_spec.lua:" .. line, failure.message)
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
end)
