local saros = require "saros"
local raises = require "spec.support.raises"

-- A loop whose clock stands still, but for timers, which fire in the next iteration, and for what
-- the spec adds to `now`.
local JumpingLoop = saros.EventLoop:extend("JumpingLoop")

function JumpingLoop:init()
  self.now = 100.0
end

function JumpingLoop:time()
  return self.now
end

local function fire(loop, when, fn, ...)
  loop.now = math.max(loop.now, when)
  fn(...)
end

function JumpingLoop:call_at(when, fn, ...)
  return self:call_soon(fire, self, when, fn, ...)
end

local function run(main, ...)
  local runner <close> = saros.Runner {loop_factory = JumpingLoop}
  return runner:run(main, ...)
end

-- The times of the first calls, counted from the start, of a function whose calls take as long as
-- `durations` says.
local function call_times(interval, durations)
  local times = {}
  run(function()
    local loop = saros.get_running_loop()
    local start = loop.now
    raises(saros.Error, saros.periodic, interval, function()
      times[#times + 1] = loop.now - start
      local duration = durations[#times]
      if not duration then error(saros.Error("enough")) end
      loop.now = loop.now + duration
    end)
  end)
  return times
end

describe("saros.periodic", function()
  it("calls at once, then once in every interval", function()
    assert.same({0, 2, 4, 6}, call_times(2, {0, 0, 0}))
  end)

  it("keeps to the grid, however long the calls take", function()
    assert.same({0, 2, 4, 6}, call_times(2, {0.5, 1.5, 1}))
  end)

  it("skips the points that pass during a call", function()
    assert.same({0, 6, 8, 16}, call_times(2, {5, 1, 7}))
  end)

  it("does not skip a point that is due when the call ends", function()
    assert.same({0, 2, 6, 8}, call_times(2, {2, 4, 0}))
  end)

  it("does not skip or double a point because of rounding", function()
    local durations = {}
    for i = 1, 200 do durations[i] = i % 2 == 0 and 0.1 or 0 end
    local times = call_times(0.1, durations)
    for i, time in ipairs(times) do
      assert.is_true(math.abs(time - (i - 1) * 0.1) < 1e-9, "call " .. i .. " at " .. time)
    end
  end)

  it("passes the arguments to any callable, in the calling task", function()
    run(function()
      local seen
      local callable = setmetatable({}, {__call = function(_, ...)
        seen = table.pack(saros.current_task(), ...)
        error("enough", 0)
      end})
      local ok, failure = pcall(saros.periodic, 1, callable, "a", nil)
      assert.is_false(ok)
      assert.equal("enough", failure)
      assert.same({saros.current_task(), "a", nil, n = 3}, seen)
    end)
  end)

  it("lets the function suspend, without calling it twice at a time", function()
    run(function()
      local active, calls = 0, 0
      raises(saros.Error, saros.periodic, 1, function()
        active = active + 1
        assert.equal(1, active)
        saros.sleep(2.5)
        active = active - 1
        calls = calls + 1
        if calls == 3 then error(saros.Error("enough")) end
      end)
      assert.equal(3, calls)
    end)
  end)

  it("ends with the function's error, the same object", function()
    run(function()
      local object = saros.ValueError("mine")
      assert.equal(object, raises(saros.ValueError, saros.periodic, 1, function() error(object) end))
    end)
  end)

  it("is cancelled between two calls, and leaves no timer behind", function()
    -- On a plain loop, whose `run` ends early only when nothing is scheduled any more.
    local loop <close> = saros.new_event_loop()
    local calls = 0
    local task = loop:create_task(saros.periodic, 3600, function() calls = calls + 1 end)
    loop:call_later(0.001, task.cancel, task)
    loop:run()
    assert.is_true(task:cancelled())
    assert.equal(1, calls)
  end)

  it("is cancelled within a call", function()
    run(function()
      local task = saros.create_task(saros.periodic, 1, function()
        saros.get_running_loop():create_future():await()
      end)
      saros.sleep(0)
      task:cancel()
      raises(saros.CancelledError, task.await, task)
    end)
  end)

  it("never calls early on a real clock", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      local start, calls = loop:time(), 0
      raises(saros.Error, saros.periodic, 0.001, function()
        assert.is_true(loop:time() >= start + calls * 0.001)
        calls = calls + 1
        if calls == 4 then error(saros.Error("enough")) end
      end)
    end)
  end)

  describe("refuses", function()
    it("an interval that is not positive and finite", function()
      for _, interval in ipairs {0, -1, 0 / 0, math.huge} do
        raises(saros.ValueError, saros.periodic, interval, print)
      end
    end)

    it("arguments of the wrong type", function()
      assert.error_matches(function() saros.periodic(nil, print) end,
        "bad argument #1 to 'periodic' %(number expected, got nil%)")
      assert.error_matches(function() saros.periodic(1) end,
        "bad argument #2 to 'periodic' %(function expected, got nil%)")
    end)

    it("to run outside a loop", function()
      raises(saros.RuntimeError, saros.periodic, 1, print)
    end)
  end)
end)
