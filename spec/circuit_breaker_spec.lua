local saros = require "saros"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

local function fail()
  error(saros.OSError("down"))
end

local function succeed(...)
  return ...
end

-- Runs `main(breaker, changes, loop)` where a second passes in every iteration; `changes` collects
-- what `on_change` is told.
local function with_breaker(options, main)
  return ticking.run(function()
    local changes = {}
    options.on_change = options.on_change or function(old, new)
      changes[#changes + 1] = old .. " to " .. new
    end
    return main(saros.CircuitBreaker(options), changes, saros.get_running_loop())
  end)
end

local function trip(breaker)
  for _ = 1, breaker.failures do raises(saros.OSError, breaker.call, breaker, fail) end
end

describe("saros.circuit_breaker", function()
  it("passes arguments and all results, in the calling task", function()
    with_breaker({}, function(breaker)
      assert.equal("closed", breaker.state)
      local function body(...) return saros.current_task(), ... end
      assert.same({saros.current_task(), 1, nil, n = 3}, table.pack(breaker:call(body, 1, nil)))
      local callable = setmetatable({}, {__call = function(_, x) return x end})
      assert.equal(7, breaker:call(callable, 7))
      assert.equal(0, select("#", breaker:call(succeed)))
    end)
  end)

  it("passes an error on, the same object, with the traceback of where it was raised", function()
    with_breaker({}, function(breaker)
      local object = saros.ValueError("mine")
      local task = saros.create_task(breaker.call, breaker, function() error(object) end)
      local _, failure = pcall(task.await, task)
      assert.equal(object, failure)
      assert.matches("circuit_breaker_spec", object.traceback:match("[^\n]*\n[^\n]*\n([^\n]*)"))
      assert.same({false, nil, n = 2}, table.pack(pcall(breaker.call, breaker, error, nil)))
    end)
  end)

  it("opens after so many failures in a row", function()
    with_breaker({failures = 3}, function(breaker, changes)
      for _ = 1, 2 do raises(saros.OSError, breaker.call, breaker, fail) end
      breaker:call(succeed)
      for _ = 1, 2 do raises(saros.OSError, breaker.call, breaker, fail) end
      assert.equal("closed", breaker.state)
      raises(saros.OSError, breaker.call, breaker, fail)
      assert.equal("open", breaker.state)
      assert.same({"closed to open"}, changes)
    end)
  end)

  it("counts an error without a value", function()
    with_breaker({failures = 1}, function(breaker)
      pcall(breaker.call, breaker, error, nil)
      assert.equal("open", breaker.state)
    end)
  end)

  it("raises at once while it is open, and calls nothing", function()
    with_breaker({failures = 1, reset_after = 10}, function(breaker, _, loop)
      trip(breaker)
      local called = false
      loop.now = loop.now + 4
      local failure = raises(saros.CircuitOpenError, breaker.call, breaker, function() called = true end)
      assert.is_false(called)
      assert.equal("CircuitOpenError: the circuit breaker is open for 6 more seconds", tostring(failure))
      assert.equal(6, failure.retry_after)
    end)
  end)

  it("is half-open as soon as the time has passed, whoever looks", function()
    with_breaker({failures = 1, reset_after = 10}, function(breaker, changes, loop)
      trip(breaker)
      loop.now = loop.now + 9
      assert.equal("open", breaker.state)
      loop.now = loop.now + 1
      assert.equal("half-open", breaker.state)
      assert.same({"closed to open"}, changes)
    end)
  end)

  it("shows its state outside a loop as well", function()
    local loop, breaker
    with_breaker({failures = 1, reset_after = 10}, function(made, _, running)
      loop, breaker = running, made
      trip(breaker)
    end)
    assert.equal("open", breaker.state)
    loop.now = loop.now + 10
    assert.equal("half-open", breaker.state)
  end)

  it("is closed by a trial call that succeeds", function()
    with_breaker({failures = 2, reset_after = 10}, function(breaker, changes, loop)
      trip(breaker)
      loop.now = loop.now + 10
      assert.equal("fine", breaker:call(succeed, "fine"))
      assert.equal("closed", breaker.state)
      assert.same({"closed to open", "open to half-open", "half-open to closed"}, changes)
      raises(saros.OSError, breaker.call, breaker, fail)
      assert.equal("closed", breaker.state)
    end)
  end)

  it("is opened again by a trial call that fails, for the whole time", function()
    with_breaker({failures = 2, reset_after = 10}, function(breaker, changes, loop)
      trip(breaker)
      loop.now = loop.now + 15
      raises(saros.OSError, breaker.call, breaker, fail)
      assert.equal("open", breaker.state)
      assert.same({"closed to open", "open to half-open", "half-open to open"}, changes)
      assert.equal(10, raises(saros.CircuitOpenError, breaker.call, breaker, succeed).retry_after)
    end)
  end)

  it("admits one call while it is half-open", function()
    with_breaker({failures = 1, reset_after = 10}, function(breaker, _, loop)
      trip(breaker)
      loop.now = loop.now + 10
      local trial = saros.create_task(breaker.call, breaker, saros.sleep, 3, "slept")
      saros.sleep(0)
      local failure = raises(saros.CircuitOpenError, breaker.call, breaker, succeed)
      assert.matches("trial call has not ended", failure.message)
      assert.is_nil(failure.retry_after)
      assert.equal("half-open", breaker.state)
      assert.equal("slept", trial:await())
      assert.equal("closed", breaker.state)
      breaker:call(succeed)
    end)
  end)

  it("stays half-open, with a free place, when the trial call is cancelled", function()
    with_breaker({failures = 1, reset_after = 10}, function(breaker, changes, loop)
      trip(breaker)
      loop.now = loop.now + 10
      local trial = saros.create_task(breaker.call, breaker, saros.sleep, 3600)
      saros.sleep(0)
      trial:cancel()
      saros.sleep(0)
      assert.is_true(trial:cancelled())
      assert.equal("half-open", breaker.state)
      breaker:call(succeed)
      assert.equal("closed", breaker.state)
      assert.same({"closed to open", "open to half-open", "half-open to closed"}, changes)
    end)
  end)

  it("counts no cancellations, and they do not end a row of failures", function()
    with_breaker({failures = 2}, function(breaker)
      for _ = 1, 5 do
        local task = saros.create_task(breaker.call, breaker, saros.sleep, 3600)
        saros.sleep(0)
        task:cancel()
        saros.sleep(0)
      end
      raises(saros.OSError, breaker.call, breaker, fail)
      assert.equal("closed", breaker.state)
      local task = saros.create_task(breaker.call, breaker, saros.sleep, 3600)
      saros.sleep(0)
      task:cancel()
      saros.sleep(0)
      raises(saros.OSError, breaker.call, breaker, fail)
      assert.equal("open", breaker.state)
    end)
  end)

  it("counts a time limit inside the call, not one around it", function()
    with_breaker({failures = 1}, function(breaker)
      raises(saros.TimeoutError, saros.wait_for, function() breaker:call(saros.sleep, 3600) end, 2)
      assert.equal("closed", breaker.state)
      raises(saros.TimeoutError, breaker.call, breaker, saros.wait_for, saros.sleep, 2, 3600)
      assert.equal("open", breaker.state)
    end)
  end)

  it("learns nothing from a call that began before the state changed", function()
    with_breaker({failures = 2, reset_after = 10}, function(breaker, changes)
      local slow = saros.create_task(breaker.call, breaker, saros.sleep, 4)
      local failing = saros.create_task(breaker.call, breaker, function()
        saros.sleep(20)
        fail()
      end)
      saros.sleep(0)
      trip(breaker)
      slow:await()
      assert.equal("open", breaker.state)
      saros.sleep(10)
      breaker:call(succeed)
      raises(saros.OSError, failing.await, failing)
      raises(saros.OSError, breaker.call, breaker, fail)
      assert.equal("closed", breaker.state)
      assert.same({"closed to open", "open to half-open", "half-open to closed"}, changes)
    end)
  end)

  it("opens once when calls fail side by side", function()
    with_breaker({failures = 1}, function(breaker, changes)
      local function fail_later()
        saros.sleep(0)
        fail()
      end
      local tasks = {}
      for i = 1, 3 do tasks[i] = saros.create_task(breaker.call, breaker, fail_later) end
      saros.gather(tasks, {return_exceptions = true}):await()
      assert.same({"closed to open"}, changes)
    end)
  end)

  describe("on_change", function()
    it("sees the new state, and may call again", function()
      local seen = {}
      local breaker
      local function on_change(_, new)
        seen[#seen + 1] = breaker.state
        assert.equal(new, breaker.state)
        if new == "open" then raises(saros.CircuitOpenError, breaker.call, breaker, succeed) end
      end
      with_breaker({failures = 1, reset_after = 10, on_change = on_change}, function(made, _, loop)
        breaker = made
        trip(breaker)
        loop.now = loop.now + 10
        breaker:call(succeed)
      end)
      assert.same({"open", "half-open", "closed"}, seen)
    end)

    it("may fail: the exception handler is told, and nothing changes", function()
      local function on_change() error("broken observer", 0) end
      with_breaker({failures = 1, reset_after = 10, on_change = on_change}, function(breaker, _, loop)
        local contexts = {}
        loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
        trip(breaker)
        assert.equal("open", breaker.state)
        loop.now = loop.now + 10
        assert.equal("fine", breaker:call(succeed, "fine"))
        assert.equal("closed", breaker.state)
        assert.equal(3, #contexts)
        assert.equal("broken observer", contexts[1].exception)
        assert.matches("on_change of a CircuitBreaker", contexts[1].message)
      end)
    end)

    it("passes a cancellation on that comes while it waits, and frees the place", function()
      local function on_change(_, new)
        if new == "half-open" then saros.sleep(3600) end
      end
      with_breaker({failures = 1, reset_after = 10, on_change = on_change}, function(breaker, _, loop)
        trip(breaker)
        loop.now = loop.now + 10
        local task = saros.create_task(breaker.call, breaker, succeed)
        saros.sleep(0)
        task:cancel()
        saros.sleep(0)
        assert.is_true(task:cancelled())
        breaker:call(succeed)
        assert.equal("closed", breaker.state)
      end)
    end)
  end)

  it("has defaults", function()
    local breaker = saros.CircuitBreaker()
    assert.equal(5, breaker.failures)
    assert.equal(60, breaker.reset_after)
  end)

  describe("refuses", function()
    it("options that it does not know, or out of range", function()
      local failure = raises(saros.ValueError, saros.CircuitBreaker, {failure = 3})
      assert.matches("known: failures, on_change, reset_after", failure.message)
      raises(saros.ValueError, saros.CircuitBreaker, {failures = 0})
      raises(saros.ValueError, saros.CircuitBreaker, {reset_after = -1})
    end)

    it("values of the wrong type", function()
      assert.error_matches(function() saros.CircuitBreaker {failures = "many"} end,
        "option 'failures': integer expected, got string")
      assert.error_matches(function() saros.CircuitBreaker {on_change = 1} end,
        "option 'on_change': function expected, got number")
      assert.error_matches(function() saros.CircuitBreaker(3) end,
        "bad argument #1 to 'CircuitBreaker' %(table expected, got number%)")
      with_breaker({}, function(breaker)
        assert.error_matches(function() breaker:call() end,
          "bad argument #1 to 'call' %(function expected, got nil%)")
        assert.equal("closed", breaker.state)
      end)
    end)

    it("to call outside a loop", function()
      local breaker = saros.CircuitBreaker()
      raises(saros.RuntimeError, breaker.call, breaker, succeed)
    end)
  end)
end)
