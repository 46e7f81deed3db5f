local saros = require "saros"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

local function now() return saros.get_running_loop():time() end

describe("saros.timeout", function()
  it("lets through what is done in time", function()
    ticking.run(function()
      local scope
      do
        local limit <close> = saros.timeout(10)
        scope = limit
        saros.sleep(1)
      end
      assert.is_false(scope:expired())
      saros.sleep(20)
      assert.is_false(scope:expired())
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("raises TimeoutError at the deadline", function()
    ticking.run(function()
      local scope, start = nil, now()
      raises(saros.TimeoutError, function()
        local limit <close> = saros.timeout(5)
        scope = limit
        saros.sleep(100)
      end)
      assert.is_true(scope:expired())
      assert.is_true(now() >= start + 5)
      assert.is_true(now() < start + 20)
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("leaves results and errors of the body alone", function()
    ticking.run(function()
      local function results()
        local _ <close> = saros.timeout(5)
        return 1, nil, 3
      end
      assert.same({1, nil, 3, n = 3}, table.pack(results()))
      local object = saros.ValueError("mine")
      local failure = raises(saros.ValueError, function()
        local _ <close> = saros.timeout(5)
        saros.sleep(1)
        error(object)
      end)
      assert.equal(object, failure)
    end)
  end)

  it("keeps an error that the body raises for the cancellation", function()
    ticking.run(function()
      local scope
      raises(saros.ValueError, function()
        local limit <close> = saros.timeout(1)
        scope = limit
        pcall(saros.sleep, 100)
        error(saros.ValueError("instead"))
      end)
      assert.is_true(scope:expired())
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("is no failure when the body swallows the cancellation and ends", function()
    ticking.run(function()
      local scope
      do
        local limit <close> = saros.timeout(1)
        scope = limit
        assert.is_false(pcall(saros.sleep, 100))
      end
      assert.is_true(scope:expired())
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("has no limit with nil", function()
    ticking.run(function()
      local limit <close> = saros.timeout(nil)
      assert.is_nil(limit:when())
      saros.sleep(100)
      assert.is_false(limit:expired())
    end)
  end)

  it("expires in the next iteration with 0 and less", function()
    for _, delay in ipairs {0, -1} do
      saros.run(function()
        local reached = false
        raises(saros.TimeoutError, function()
          local _ <close> = saros.timeout(delay)
          reached = true
          saros.sleep(100)
        end)
        assert.is_true(reached)
      end)
    end
  end)

  it("does not expire when a body of no duration leaves first", function()
    saros.run(function()
      do
        local _ <close> = saros.timeout(0)
      end
      saros.sleep(0)
      saros.sleep(0)
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("ends at a point in time with timeout_at", function()
    ticking.run(function()
      local when = now() + 5
      raises(saros.TimeoutError, function()
        local limit <close> = saros.timeout_at(when)
        assert.equal(when, limit:when())
        saros.sleep(100)
      end)
      assert.is_true(now() >= when)
    end)
  end)

  it("expires at once when the point in time is past", function()
    ticking.run(function()
      raises(saros.TimeoutError, function()
        local _ <close> = saros.timeout_at(now() - 1)
        saros.sleep(100)
      end)
    end)
  end)

  it("tells a cancellation from elsewhere from its own", function()
    ticking.run(function()
      local scope
      local task = saros.create_task(function()
        local limit <close> = saros.timeout(50)
        scope = limit
        saros.sleep(100)
      end)
      saros.sleep(1)
      task:cancel()
      raises(saros.CancelledError, task.await, task)
      assert.is_true(task:cancelled())
      assert.is_false(scope:expired())
    end)
  end)

  it("stays a cancellation when one from elsewhere comes in the same iteration", function()
    saros.run(function()
      local scope
      local task = saros.create_task(function()
        local limit <close> = saros.timeout(0)
        scope = limit
        saros.sleep(100)
      end)
      -- The task starts in the next iteration, its limit expires in the one after it.
      saros.sleep(0)
      saros.sleep(0)
      assert.is_true(scope:expired())
      task:cancel()
      raises(saros.CancelledError, task.await, task)
      assert.equal(1, task:cancelling())
    end)
  end)

  it("counts cancellations from where it began", function()
    saros.run(function()
      local failure
      local task = saros.create_task(function()
        -- The cancellation is still counted: nobody calls uncancel.
        pcall(saros.sleep, 100)
        failure = raises(saros.TimeoutError, function()
          local _ <close> = saros.timeout(0)
          saros.sleep(100)
        end)
      end)
      saros.sleep(0)
      task:cancel()
      task:await()
      assert.is_true(saros.is_error(failure, saros.TimeoutError))
      assert.equal(1, task:cancelling())
    end)
  end)

  describe("nested", function()
    it("raises at the outer scope when the outer one expires first", function()
      ticking.run(function()
        local inner_failure
        raises(saros.TimeoutError, function()
          local outer <close> = saros.timeout(2)
          local ok
          ok, inner_failure = pcall(function()
            local _ <close> = saros.timeout(50)
            saros.sleep(100)
          end)
          assert.is_false(ok)
          assert.is_true(outer:expired())
          error(inner_failure)
        end)
        assert.is_true(saros.is_error(inner_failure, saros.CancelledError))
      end)
    end)

    it("raises at the inner scope when the inner one expires first", function()
      ticking.run(function()
        local outer <close> = saros.timeout(50)
        raises(saros.TimeoutError, function()
          local _ <close> = saros.timeout(2)
          saros.sleep(100)
        end)
        saros.sleep(1)
        assert.is_false(outer:expired())
      end)
    end)
  end)

  describe("reschedule", function()
    it("moves the deadline away", function()
      ticking.run(function()
        local limit <close> = saros.timeout(5)
        limit:reschedule(now() + 50)
        saros.sleep(10)
        assert.is_false(limit:expired())
      end)
    end)

    it("moves the deadline nearer, into the past too", function()
      for _, ahead in ipairs {2, -1} do
        ticking.run(function()
          raises(saros.TimeoutError, function()
            local limit <close> = saros.timeout(100)
            local when = now() + ahead
            limit:reschedule(when)
            assert.equal(when, limit:when())
            saros.sleep(50)
          end)
        end)
      end
    end)

    it("takes the deadline away, and gives one to a scope without", function()
      ticking.run(function()
        do
          local limit <close> = saros.timeout(2)
          limit:reschedule(nil)
          saros.sleep(10)
        end
        raises(saros.TimeoutError, function()
          local limit <close> = saros.timeout(nil)
          limit:reschedule(now() + 2)
          saros.sleep(100)
        end)
      end)
    end)

    it("is refused once the scope was left or has expired", function()
      ticking.run(function()
        local scope
        do
          local limit <close> = saros.timeout(5)
          scope = limit
        end
        assert.matches("finished", raises(saros.RuntimeError, scope.reschedule, scope, nil).message)
        raises(saros.TimeoutError, function()
          local limit <close> = saros.timeout(0)
          scope = limit
          local ok, failure = pcall(saros.sleep, 100)
          assert.is_false(ok)
          assert.matches("expiring",
            raises(saros.RuntimeError, limit.reschedule, limit, nil).message)
          error(failure)
        end)
        assert.matches("expired", raises(saros.RuntimeError, scope.reschedule, scope, nil).message)
      end)
    end)
  end)

  it("runs other scopes on its way out, which may suspend", function()
    ticking.run(function()
      local cleaned = false
      raises(saros.TimeoutError, function()
        local _ <close> = saros.timeout(2)
        local _ <close> = setmetatable({}, {__close = function()
          saros.sleep(3)
          cleaned = true
        end})
        saros.sleep(100)
      end)
      assert.is_true(cleaned)
    end)
  end)

  describe("refuses", function()
    it("to be used outside a loop", function()
      raises(saros.RuntimeError, saros.timeout, 1)
      raises(saros.RuntimeError, saros.timeout_at, 1)
    end)

    it("to be used in a callback", function()
      saros.run(function()
        local failure
        saros.get_running_loop():call_soon(function()
          failure = raises(saros.RuntimeError, saros.timeout, 1)
        end)
        saros.sleep(0)
        assert.matches("task", failure.message)
      end)
    end)

    it("what is no number", function()
      assert.error_matches(function() saros.timeout({}) end,
        "bad argument #1 to 'timeout' %(number expected, got table%)")
      assert.error_matches(function() saros.timeout_at(true) end,
        "bad argument #1 to 'timeout_at' %(number expected, got boolean%)")
      ticking.run(function()
        local limit <close> = saros.timeout(1)
        assert.error_matches(function() limit:reschedule("soon") end,
          "bad argument #1 to 'reschedule' %(number expected, got string%)")
      end)
    end)

    it("NaN", function()
      raises(saros.ValueError, saros.timeout, 0 / 0)
      raises(saros.ValueError, saros.timeout_at, 0 / 0)
    end)
  end)
end)
