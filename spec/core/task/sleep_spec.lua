local saros = require "saros"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

describe("core.task.sleep", function()
  local loop

  before_each(function() loop = saros.new_event_loop() end)
  after_each(function() loop:close() end)

  it("gives back its further arguments, nils included", function()
    loop:run_until_complete(function()
      for _, delay in ipairs { 0, -1, 0.0001 } do
        assert.equal(0, select("#", saros.sleep(delay)))
        assert.same({ n = 3, nil, 2, nil }, table.pack(saros.sleep(delay, nil, 2, nil)))
      end
      local values = {}
      for i = 1, 200 do values[i] = i end
      assert.same(values, { saros.sleep(0, table.unpack(values)) })
      assert.same(values, { saros.sleep(0.0001, table.unpack(values)) })
    end)
  end)

  it("is never early, by the loop's time", function()
    loop:run_until_complete(function()
      for i = 1, 20 do
        local delay = i * 0.00013
        local begin = loop:time()
        saros.sleep(delay)
        assert.is_true(loop:time() - begin >= delay)
      end
    end)
  end)

  it("wakes sleepers by deadline, equal ones in the order in which they fell asleep", function()
    local order = {}
    ticking.run(function()
      local tasks = {}
      for i, delay in ipairs { 30, 10, 20, 10, 30, 10.5 } do
        tasks[i] = saros.create_task(function()
          saros.sleep(delay)
          order[#order + 1] = i
        end)
      end
      saros.gather(tasks):await()
    end)
    assert.same({ 2, 4, 6, 3, 1, 5 }, order)
  end)

  it("takes an infinite delay for never", function()
    local task = loop:create_task(saros.sleep, math.huge)
    loop:call_later(0.002, task.cancel, task)
    raises(saros.CancelledError, loop.run_until_complete, loop, task)
  end)

  it("leaves no timer when it is cancelled", function()
    local task = loop:create_task(saros.sleep, 3600)
    loop:run_once()
    assert.equal(1, loop:stats().timers)
    task:cancel("m")
    assert.equal(0, loop:stats().timers)
    local failure = raises(saros.CancelledError, loop.run_until_complete, loop, task)
    assert.equal("m", failure.message)
  end)

  it("sleeps again after a cancellation that was swallowed", function()
    local order = {}
    local task = loop:create_task(function()
      order[#order + 1] = tostring((pcall(saros.sleep, 3600)))
      saros.sleep(0.001)
      order[#order + 1] = "slept"
    end)
    loop:run_once()
    task:cancel()
    loop:run_until_complete(task)
    assert.same({ "false", "slept" }, order)
  end)

  it("takes a number as Lua does", function()
    loop:run_until_complete(function()
      saros.sleep("0")
      saros.sleep(0)
      saros.sleep(0.0)
    end)
  end)

  it("refuses types, and NaN, without suspending", function()
    loop:run_until_complete(function()
      assert.error_matches(function() saros.sleep() end,
        "bad argument #1 to 'sleep' %(number expected, got no value%)")
      assert.error_matches(function() saros.sleep("soon") end,
        "bad argument #1 to 'sleep' %(number expected, got string%)")
      assert.error_matches(function() saros.sleep({}) end,
        "bad argument #1 to 'sleep' %(number expected, got table%)")
      assert.matches("NaN", raises(saros.ValueError, saros.sleep, 0 / 0).message)
    end)
  end)
end)
