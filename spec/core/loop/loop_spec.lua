local saros = require "saros"
local fds = require "spec.support.fds"
local raises = require "spec.support.raises"

describe("core.loop.loop", function()
  local loop

  before_each(function() loop = saros.new_event_loop() end)
  after_each(function() loop:close() end)

  describe("time", function()
    it("is monotonic and read afresh on every call", function()
      local last, later = loop:time(), 0
      for _ = 1, 1000000 do
        local now = loop:time()
        assert.is_true(now >= last)
        if now > last then later = later + 1 end
        if later == 20 then break end
        last = now
      end
      assert.equal(20, later)
      assert.equal("float", math.type(last))
    end)

    it("is that of saros.monotonic", function()
      local before = saros.monotonic()
      local now = loop:time()
      assert.is_true(before <= now and now <= saros.monotonic())
    end)

    it("wall_time is seconds since the epoch", function()
      local now = os.time()
      assert.is_true(math.abs(loop:wall_time() - now) < 3)
    end)

    it("answers after close", function()
      loop:close()
      assert.is_number(loop:time())
      assert.is_number(loop:wall_time())
    end)
  end)

  describe("debug mode", function()
    it("is on from the start where SAROS_DEBUG asks for it", function()
      local function debug_with(value)
        local command = ("SAROS_DEBUG=%s \"${SAROS_LUA:-lua5.4}\" -e '%s'"):format(value,
          "print(require(\"saros\").new_event_loop():get_debug())")
        local pipe <close> = assert(io.popen(command))
        return pipe:read("l")
      end
      assert.equal("true", debug_with("1"))
      assert.equal("false", debug_with("0"))
      assert.equal("false", debug_with(""))
    end)

    it("is off, and switched by set_debug", function()
      local expected = os.getenv("SAROS_DEBUG") == "1"
      assert.equal(expected, loop:get_debug())
      loop:set_debug(true)
      assert.is_true(loop:get_debug())
      loop:set_debug(false)
      assert.is_false(loop:get_debug())
    end)

    it("needs to be told which", function()
      assert.error_matches(function() loop:set_debug() end, "bad argument #1 to 'set_debug'")
    end)
  end)

  describe("close", function()
    it("may be repeated, and is the end of a scope", function()
      loop:close()
      loop:close()
      assert.is_true(loop:is_closed())
      local other
      do
        local scoped <close> = saros.new_event_loop()
        other = scoped
        assert.is_false(other:is_closed())
      end
      assert.is_true(other:is_closed())
    end)

    it("refuses while the loop runs", function()
      local failure
      loop:call_soon(function() failure = raises(saros.RuntimeError, loop.close, loop) end)
      loop:run()
      assert.matches("running", failure.message)
      assert.is_false(loop:is_closed())
    end)

    it("drops what was scheduled", function()
      local dropped = setmetatable({}, { __mode = "v" })
      do
        local one, two, three = {}, {}, {}
        dropped[1], dropped[2], dropped[3] = one, two, three
        loop:call_soon(print, one)
        loop:call_later(60, print, two)
        loop:call_soon_threadsafe(print, three)
      end
      loop:close()
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(dropped))
    end)

    it("makes every use an error that says so", function()
      local future = loop:create_future()
      loop:close()
      local reader, writer = fds.pipe()
      local uses = {
        run_forever = {}, run = {}, run_once = {}, run_until_complete = { future },
        call_soon = { print }, call_soon_threadsafe = { print }, call_later = { 1, print },
        call_at = { 1, print }, create_task = { print }, create_future = {},
        add_signal_handler = { "SIGUSR1", print }, remove_signal_handler = { "SIGUSR1" },
        add_reader = { reader, print }, add_writer = { writer, print },
        remove_reader = { reader }, remove_writer = { writer },
      }
      for name, arguments in pairs(uses) do
        local failure = raises(saros.RuntimeError, loop[name], loop, table.unpack(arguments))
        assert.matches("closed", failure.message, nil, name)
      end
      fds.close(reader)
      fds.close(writer)
    end)

    it("leaves the queries usable", function()
      loop:close()
      assert.is_false(loop:is_running())
      assert.is_table(loop:stats())
      assert.is_boolean(loop:get_debug())
      loop:stop()
    end)

    it("happens by itself, in silence, to a loop that nobody refers to", function()
      local weak = setmetatable({}, { __mode = "v" })
      local reports = 0
      do
        local lost = saros.new_event_loop()
        weak[1] = lost
        lost:set_exception_handler(function() reports = reports + 1 end)
        lost:create_task(function() lost:create_future():await() end)
        lost:run_once()
        lost:call_soon(print, "never")
        lost:call_later(5, print, "never")
        lost:create_task(print, "never")
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
      assert.equal(0, reports)
    end)

    it("is quick to make and close many", function()
      for i = 1, 300 do
        local other <close> = saros.new_event_loop()
        local ran
        other:call_soon(function() ran = i end)
        other:run()
        assert.equal(i, ran)
      end
    end)
  end)

  describe("running", function()
    it("is seen from inside", function()
      local inside, running
      loop:call_soon(function()
        inside, running = loop:is_running(), saros.get_running_loop()
      end)
      assert.is_false(loop:is_running())
      loop:run()
      assert.is_true(inside)
      assert.equal(loop, running)
      assert.is_false(loop:is_running())
      raises(saros.RuntimeError, saros.get_running_loop)
    end)

    it("is refused inside a running loop, of this loop and of another", function()
      local other <close> = saros.new_event_loop()
      local failures = {}
      loop:call_soon(function()
        for _, target in ipairs { loop, other } do
          for _, method in ipairs { "run_forever", "run", "run_once" } do
            failures[#failures + 1] = raises(saros.RuntimeError, target[method], target).message
          end
          local failure = raises(saros.RuntimeError, target.run_until_complete, target,
            target:create_future())
          failures[#failures + 1] = failure.message
        end
      end)
      loop:run()
      assert.equal(8, #failures)
      for _, message in ipairs(failures) do assert.matches("running", message) end
      assert.is_false(other:is_running())
    end)

    it("goes on after an error in a nested attempt", function()
      local ran
      loop:call_soon(function()
        pcall(loop.run_forever, loop)
        loop:call_soon(function() ran = saros.get_running_loop() end)
      end)
      loop:run()
      assert.equal(loop, ran)
    end)
  end)

  it("has a string form that tells its class and state", function()
    assert.matches("^EventLoop: ", tostring(loop))
    loop:close()
    assert.matches("closed", tostring(loop))
  end)

  it("is equal to itself alone, and refuses to be anything else", function()
    local other <close> = saros.new_event_loop()
    assert.are_not.equal(loop, other)
    assert.error_matches(function() loop.call_soon({}, print) end, "EventLoop expected, got table")
    assert.error_matches(function() loop.is_running(nil) end, "EventLoop expected, got nil")
    assert.error_matches(function() loop.time(io.stdout) end, "EventLoop expected, got FILE%*")
    assert.error_matches(function() loop.stop(loop:create_future()) end, "EventLoop expected, got Future")
  end)

  describe("stats", function()
    it("counts iterations, callbacks, tasks and timers", function()
      local before = loop:stats()
      for _ = 1, 5 do loop:call_soon(function() end) end
      local timer = loop:call_later(60, print)
      local future = loop:create_future()
      local task = loop:create_task(future.await, future)
      loop:run_once()
      local after = loop:stats()
      assert.equal(1, after.iterations - before.iterations)
      assert.equal(6, after.callbacks - before.callbacks)
      assert.equal(1, after.tasks)
      assert.equal(1, after.timers)
      timer:cancel()
      future:set_result()
      loop:run_until_complete(task)
      assert.equal(0, loop:stats().tasks)
      assert.equal(0, loop:stats().timers)
    end)

    it("measures how the time was spent, and how late timers were", function()
      loop:call_later(0.004, function()
        local begin = loop:time()
        while loop:time() < begin + 0.002 do end
      end)
      loop:run()
      local stats = loop:stats()
      assert.is_true(stats.idle > 0.003)
      assert.is_true(stats.busy >= 0.002)
      for i, bucket in ipairs(stats.lag) do
        local before = stats.lag[i - 1]
        assert.is_true(i == 1 or bucket.le > before.le and bucket.count >= before.count)
      end
      assert.same({le = math.huge, count = 1}, stats.lag[#stats.lag])
    end)

    it("counts no time as busy or idle while the loop does not run", function()
      loop:call_soon(function() end)
      loop:run_once()
      local before = loop:stats()
      saros.run(saros.sleep, 0.01)
      local after = loop:stats()
      assert.equal(before.busy, after.busy)
      assert.equal(before.idle, after.idle)
    end)

    it("can be asked for while the loop runs, and when it is closed", function()
      local inside
      loop:call_soon(function()
        local begin = loop:time()
        while loop:time() < begin + 0.002 do end
        inside = loop:stats()
      end)
      loop:run()
      assert.is_true(inside.busy >= 0.002)
      assert.equal(1, inside.callbacks)
      loop:close()
      assert.equal(1, loop:stats().callbacks)
    end)

    it("counts delays up to a bound by the loop's own clock", function()
      local now = 100.0
      function loop.time() return now end
      -- Fires a timer that is late by so many seconds, and another one that counts with it.
      local function fire(late)
        loop:call_later(1, function() end)
        loop:call_later(1 + late / 2, function() end)
        now = now + 1 + late
        loop:run_once()
      end
      fire(0)
      fire(0.0005)
      fire(0.5)
      fire(0.5)
      fire(3600)
      local counts = {}
      for i, bucket in ipairs(loop:stats().lag) do counts[i] = {bucket.le, bucket.count} end
      assert.same({
        {0.0001, 1}, {0.001, 2}, {0.01, 2}, {0.1, 2}, {1.0, 4}, {10.0, 4}, {math.huge, 5},
      }, counts)
    end)
  end)
end)
