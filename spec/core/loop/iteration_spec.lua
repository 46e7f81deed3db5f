local saros = require "saros"
local fds = require "spec.support.fds"
local raises = require "spec.support.raises"

describe("core.loop.iteration", function()
  local loop, order

  local function record(...) order[#order + 1] = table.concat({ ... }, " ") end

  before_each(function()
    loop = saros.new_event_loop()
    order = {}
  end)
  after_each(function() loop:close() end)

  describe("run_once", function()
    it("runs what is ready, and not what that schedules", function()
      loop:call_soon(function()
        record("first")
        loop:call_soon(record, "scheduled by the first")
      end)
      loop:call_soon(record, "second")
      loop:run_once()
      assert.same({ "first", "second" }, order)
      loop:run_once()
      assert.same({ "first", "second", "scheduled by the first" }, order)
    end)

    it("waits for the nearest deadline when nothing is ready", function()
      loop:call_later(0.002, record, "timer")
      while #order == 0 do loop:run_once() end
      assert.same({ "timer" }, order)
    end)

    it("does not wait when something is ready, nor when the loop was stopped", function()
      loop:call_later(3600, record, "timer")
      loop:call_soon(record, "ready")
      loop:run_once()
      loop:stop()
      loop:run_once()
      assert.same({ "ready" }, order)
    end)

    it("finishes the iteration that a failing callback is part of", function()
      local failures = 0
      loop:set_exception_handler(function() failures = failures + 1 end)
      loop:call_soon(error, "x")
      loop:call_soon(record, "behind it")
      loop:run_once()
      assert.equal(1, failures)
      assert.same({ "behind it" }, order)
    end)

    it("cannot be called by a callback, nor by a task", function()
      local failures = {}
      loop:call_soon(function() failures[1] = raises(saros.RuntimeError, loop.run_once, loop).message end)
      loop:create_task(function() failures[2] = raises(saros.RuntimeError, loop.run_once, loop).message end)
      loop:run()
      assert.equal(2, #failures)
      for _, message in ipairs(failures) do assert.matches("running", message) end
    end)
  end)

  describe("run", function()
    it("returns at once when there is nothing to do", function()
      loop:run()
      assert.equal(0, loop:stats().callbacks)
    end)

    it("returns when no callback, timer or task is left", function()
      loop:call_soon(record, "callback")
      loop:create_task(function()
        saros.sleep(0.001)
        record("task")
        loop:call_soon(function()
          loop:create_task(function()
            record("task of a callback")
            loop:call_later(0.002, function()
              record("timer of a task")
              loop:call_soon(record, "callback of a timer")
            end)
          end)
        end)
      end)
      loop:run()
      assert.same({ "callback", "task", "task of a callback", "timer of a task", "callback of a timer" }, order)
    end)

    it("waits for I/O that is watched", function()
      local reader, writer = fds.pipe()
      loop:add_reader(reader, function()
        record(fds.read(reader))
        loop:remove_reader(reader)
      end)
      loop:call_later(0.002, fds.write, writer, "data")
      loop:run()
      assert.same({ "data" }, order)
      fds.close(reader)
      fds.close(writer)
    end)

    it("does not wait for signal handlers", function()
      loop:add_signal_handler("SIGUSR1", record, "signal")
      loop:call_soon(record, "callback")
      loop:run()
      assert.same({ "callback" }, order)
    end)

    it("does not wait for cancelled timers", function()
      loop:call_later(3600, record):cancel()
      local handle = loop:call_later(3600, record)
      loop:call_later(0.001, handle.cancel, handle)
      loop:run()
      assert.equal(0, loop:stats().timers)
    end)

    it("ends with stop(), and can be taken up again", function()
      loop:call_soon(function()
        record("stops")
        loop:stop()
        loop:call_soon(record, "left for the next run")
      end)
      loop:run()
      assert.same({ "stops" }, order)
      loop:run()
      assert.same({ "stops", "left for the next run" }, order)
    end)

    it("lets a KeyboardInterrupt raised by a callback out, and can be taken up again", function()
      loop:call_soon(record, "before")
      loop:call_soon(error, saros.KeyboardInterrupt("by hand"))
      loop:call_soon(record, "behind")
      raises(saros.KeyboardInterrupt, loop.run, loop)
      assert.is_false(loop:is_running())
      assert.same({ "before" }, order)
      loop:run()
      assert.same({ "before", "behind" }, order)
    end)
  end)

  describe("run_until_complete", function()
    it("gives all results of a function, nils included", function()
      assert.same({ n = 4, 1, nil, "x", nil },
        table.pack(loop:run_until_complete(function(...) return ... end, 1, nil, "x", nil)))
      assert.equal(0, select("#", loop:run_until_complete(function() end)))
    end)

    it("gives the results of a future, a task, and anything that can be awaited", function()
      local future = loop:create_future()
      loop:call_soon(future.set_result, future, 1, nil, 3)
      assert.same({ n = 3, 1, nil, 3 }, table.pack(loop:run_until_complete(future)))
      local task = loop:create_task(function() return "a", nil end)
      assert.same({ n = 2, "a", nil }, table.pack(loop:run_until_complete(task)))
      local awaitable = setmetatable({}, { __await = function(self) saros.sleep(0); return self, 2 end })
      assert.same({ awaitable, 2 }, { loop:run_until_complete(awaitable) })
    end)

    it("calls any callable", function()
      local callable = setmetatable({}, { __call = function(_, x) saros.sleep(0) return x end })
      assert.equal(5, loop:run_until_complete(callable, 5))
    end)

    it("raises the very value that was raised", function()
      local object = saros.ValueError { message = "m", key = {} }
      for _, value in ipairs { object, {}, 12, false } do
        local ok, failure = pcall(loop.run_until_complete, loop, function() error(value) end)
        assert.is_false(ok)
        assert.is_true(rawequal(value, failure))
      end
      local ok, failure = pcall(loop.run_until_complete, loop, function() error(nil) end)
      assert.is_false(ok)
      assert.is_nil(failure)
    end)

    it("says when the loop stopped before the future was done", function()
      local future = loop:create_future()
      loop:call_soon(loop.stop, loop)
      local failure = raises(saros.RuntimeError, loop.run_until_complete, loop, future)
      assert.matches("stopped", failure.message)
      future:set_result("late")
      assert.equal("late", loop:run_until_complete(future))
    end)

    it("leaves no callback behind on a future that was not done", function()
      local future = loop:create_future()
      for _ = 1, 3 do
        loop:call_soon(loop.stop, loop)
        raises(saros.RuntimeError, loop.run_until_complete, loop, future)
      end
      future:set_result()
      loop:call_later(0.001, function()
        record("the run goes on")
        loop:stop()
      end)
      loop:run_forever()
      assert.same({ "the run goes on" }, order)
    end)

    it("refuses what it cannot wait for", function()
      for value, name in pairs { [12] = "number", ["text"] = "string", [{}] = "table", [true] = "boolean" } do
        assert.error_matches(function() loop:run_until_complete(value) end,
          "bad argument #1 to 'run_until_complete' %(.+ expected, got " .. name .. "%)")
      end
      assert.error_matches(function() loop:run_until_complete() end, "bad argument #1 to 'run_until_complete'")
    end)

    it("refuses a future of another loop", function()
      local other <close> = saros.new_event_loop()
      local ok, failure = pcall(loop.run_until_complete, loop, other:create_future())
      assert.is_false(ok)
      assert.is_true(saros.is_error(failure))
      assert.matches("loop", failure.message)
      assert.equal(2, loop:run_until_complete(function() return 2 end))
    end)
  end)

  it("runs I/O callbacks even when callbacks never cease", function()
    local reader, writer = fds.pipe()
    local turns, seen = 0, nil
    local function spin()
      turns = turns + 1
      if not seen then loop:call_soon(spin) end
    end
    loop:add_reader(reader, function()
      seen = fds.read(reader)
      loop:remove_reader(reader)
    end)
    loop:call_soon(spin)
    loop:call_soon(fds.write, writer, "x")
    loop:run()
    assert.equal("x", seen)
    assert.is_true(turns < 100000)
    fds.close(reader)
    fds.close(writer)
  end)

  it("moves due timers in every iteration, even when callbacks never cease", function()
    local turns, fired = 0, nil
    local due = loop:time() + 0.001
    local function spin()
      turns = turns + 1
      if not fired then
        loop:call_soon(spin)
      end
    end
    local late_turns = 0
    loop:call_at(due, function() fired = true end)
    loop:call_soon(spin)
    loop:call_soon(function() end)
    -- The iteration after the one in which the clock passed the deadline has to run the timer.
    while not fired do
      local passed = loop:time() >= due
      loop:run_once()
      if passed and not fired then late_turns = late_turns + 1 end
    end
    assert.equal(0, late_turns)
    loop:run()
    assert.is_true(turns > 1)
  end)
end)
