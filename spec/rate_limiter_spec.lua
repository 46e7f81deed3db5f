local saros = require "saros"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

-- Runs `main(limiter, loop)` where a second passes in every iteration.
local function with_limiter(rate, per, main)
  return ticking.run(function()
    return main(saros.RateLimiter(rate, per), saros.get_running_loop())
  end)
end

-- A timer fires in the iteration after the one in which its time came, the task that it wakes goes on
-- in the next, and in each the second may pass before or after.
local SLACK = 3

local function check_time(now, due, what)
  local late = now - due
  assert.is_true(late >= 0 and late <= SLACK, what .. " came " .. late .. " s late")
end

-- A task that acquires once and leaves its name and the time in the trace.
local function waiter(limiter, trace, name)
  local loop = saros.get_running_loop()
  return saros.create_task(function()
    limiter:acquire()
    trace[#trace + 1] = name
    trace[name] = loop.now
  end)
end

describe("saros.rate_limiter", function()
  it("gives a burst of its rate at once, without suspending", function()
    with_limiter(3, 30, function(limiter, loop)
      local start = loop.now
      for _ = 1, 3 do limiter:acquire() end
      assert.equal(start, loop.now)
      assert.is_false(limiter:try_acquire())
    end)
  end)

  it("tells its limits, and has one second for a period", function()
    local limiter = saros.RateLimiter(5)
    assert.equal(5, limiter.rate)
    assert.equal(1, limiter.per)
    assert.equal("0.5", tostring(saros.RateLimiter(2, "0.5").per))
  end)

  it("makes who comes then wait until the next token is due, and not less", function()
    with_limiter(2, 10, function(limiter, loop)
      local start = loop.now
      for _ = 1, 2 do limiter:acquire() end
      for i = 1, 4 do
        limiter:acquire()
        check_time(loop.now, start + i * 5, "token " .. i)
      end
    end)
  end)

  it("sets its timer to the very moment at which the next token is due", function()
    local deadlines = {}
    local loop <close> = ticking.TickingLoop()
    function loop:call_at(when, ...)
      deadlines[#deadlines + 1] = when
      return saros.EventLoop.call_at(self, when, ...)
    end
    loop:run_until_complete(function()
      local limiter = saros.RateLimiter(3, 15)
      for _ = 1, 3 + 20 do limiter:acquire() end
    end)
    for i = 2, 20 do assert.equal(deadlines[1] + (i - 1) * 5, deadlines[i]) end
    assert.equal(20, #deadlines)
  end)

  it("lets the bucket fill up again, and no further", function()
    with_limiter(2, 10, function(limiter)
      for _ = 1, 2 do limiter:acquire() end
      saros.sleep(6)
      assert.is_true(limiter:try_acquire())
      assert.is_false(limiter:try_acquire())
      saros.sleep(100)
      assert.is_true(limiter:try_acquire())
      assert.is_true(limiter:try_acquire())
      assert.is_false(limiter:try_acquire())
    end)
  end)

  it("counts the time in which the bucket was not full to the fraction of a token", function()
    with_limiter(2, 10, function(limiter, loop)
      assert.is_true(limiter:try_acquire())
      loop.now = loop.now + 3 -- 0.6 of a token
      assert.is_true(limiter:try_acquire())
      assert.is_false(limiter:try_acquire())
      loop.now = loop.now + 1.9
      assert.is_false(limiter:try_acquire())
      loop.now = loop.now + 0.1
      assert.is_true(limiter:try_acquire())
      assert.is_false(limiter:try_acquire())
    end)
  end)

  it("takes rates and periods that are no whole numbers", function()
    with_limiter(1.5, 0.75, function(limiter, loop)
      assert.is_true(limiter:try_acquire())
      assert.is_false(limiter:try_acquire())
      loop.now = loop.now + 0.25 -- half a token, which was there, and a half
      assert.is_true(limiter:try_acquire())
      assert.is_false(limiter:try_acquire())
    end)
  end)

  it("serves in order of arrival", function()
    with_limiter(1, 5, function(limiter, loop)
      local start = loop.now
      limiter:acquire()
      local trace, tasks = {}, {}
      for i, name in ipairs {"a", "b", "c"} do tasks[i] = waiter(limiter, trace, name) end
      saros.gather(tasks):await()
      assert.same({"a", "b", "c"}, {table.unpack(trace)})
      for i, name in ipairs(trace) do check_time(trace[name], start + i * 5, name) end
    end)
  end)

  it("hands out all tokens that became due while the loop was held", function()
    with_limiter(3, 30, function(limiter, loop)
      for _ = 1, 3 do limiter:acquire() end
      local trace = {}
      for _, name in ipairs {"a", "b", "c"} do waiter(limiter, trace, name) end
      saros.sleep(0)
      loop.now = loop.now + 20
      for _ = 1, SLACK do saros.sleep(0) end
      assert.same({"a", "b"}, {table.unpack(trace)})
    end)
  end)

  it("hands out no more than a burst after the loop was held for long", function()
    with_limiter(2, 10, function(limiter, loop)
      for _ = 1, 2 do limiter:acquire() end
      local trace = {}
      for _, name in ipairs {"a", "b", "c"} do waiter(limiter, trace, name) end
      saros.sleep(0)
      loop.now = loop.now + 1000
      local now = loop.now
      for _ = 1, SLACK do saros.sleep(0) end
      assert.same({"a", "b"}, {table.unpack(trace)})
      saros.sleep(10)
      check_time(trace.c, now + 5, "the third")
    end)
  end)

  it("lets nobody overtake, not even when a token is due already", function()
    with_limiter(1, 10, function(limiter, loop)
      limiter:acquire()
      local trace = {}
      local first = waiter(limiter, trace, "a")
      saros.sleep(0)
      loop.now = loop.now + 10
      -- The timer has not fired yet.
      assert.is_false(limiter:try_acquire())
      local second = waiter(limiter, trace, "b")
      first:await()
      second:await()
      assert.same({"a", "b"}, {table.unpack(trace)})
      assert.is_true(trace.b - trace.a >= 9)
    end)
  end)

  it("does not drift over 10,000 acquires #many", function()
    with_limiter(3, 12.5, function(limiter, loop)
      local start = loop.now
      for _ = 1, 3 do limiter:acquire() end
      for i = 1, 10000 do
        limiter:acquire()
        check_time(loop.now, start + i * 12.5 / 3, "token " .. i)
      end
    end)
  end)

  describe("cancelled", function()
    it("while it waits, gives its place to the next and takes no token", function()
      with_limiter(1, 10, function(limiter, loop)
        local start = loop.now
        limiter:acquire()
        local trace = {}
        local first = waiter(limiter, trace, "a")
        local second = waiter(limiter, trace, "b")
        saros.sleep(4)
        first:cancel()
        second:await()
        assert.is_true(first:cancelled())
        check_time(trace.b, start + 10, "the token")
      end)
    end)

    it("in the middle, changes nothing for the others", function()
      with_limiter(1, 5, function(limiter, loop)
        local start = loop.now
        limiter:acquire()
        local trace = {}
        local a = waiter(limiter, trace, "a")
        local b = waiter(limiter, trace, "b")
        local c = waiter(limiter, trace, "c")
        saros.sleep(0)
        b:cancel()
        saros.gather {a, c}:await()
        check_time(trace.a, start + 5, "the first")
        check_time(trace.c, start + 10, "the third")
      end)
    end)

    it("in the iteration in which it was given a token, passes it on", function()
      with_limiter(1, 10, function(limiter, loop)
        limiter:acquire()
        local trace = {}
        local first = waiter(limiter, trace, "a")
        local second = waiter(limiter, trace, "b")
        saros.sleep(0)
        loop.now = loop.now + 10
        assert.is_false(limiter:try_acquire()) -- gives the token to the first
        first:cancel()
        local now = loop.now
        second:await()
        assert.is_true(first:cancelled())
        check_time(trace.b, now, "the token")
      end)
    end)

    it("in that iteration, with nobody behind it, leaves the token", function()
      with_limiter(1, 10, function(limiter, loop)
        limiter:acquire()
        local first = waiter(limiter, {}, "a")
        saros.sleep(0)
        loop.now = loop.now + 10
        assert.is_false(limiter:try_acquire())
        first:cancel()
        saros.sleep(0)
        saros.sleep(0)
        assert.is_true(limiter:try_acquire())
        assert.is_false(limiter:try_acquire())
      end)
    end)

    it("and alone, leaves no timer behind", function()
      -- `run` ends early only when nothing is scheduled any more.
      local loop <close> = saros.new_event_loop()
      local limiter = saros.RateLimiter(1, 3600)
      local task = loop:create_task(function()
        limiter:acquire()
        limiter:acquire()
      end)
      loop:call_later(0.001, task.cancel, task)
      loop:run()
      assert.is_true(task:cancelled())
      assert.equal(0, loop:stats().timers)
    end)
  end)

  it("never gives a token early on a real clock", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      local limiter = saros.RateLimiter(1, 0.002)
      limiter:acquire()
      local start = loop:time()
      for i = 1, 5 do
        limiter:acquire()
        -- The bucket was full a moment before `start`.
        assert.is_true(loop:time() >= start + i * 0.002 - 0.001)
      end
    end)
  end)

  it("belongs to the loop of its first wait", function()
    local limiter = saros.RateLimiter(1, 1)
    local function wait_twice()
      limiter:acquire()
      limiter:acquire()
    end
    ticking.run(wait_twice)
    raises(saros.RuntimeError, ticking.run, wait_twice)
    raises(saros.RuntimeError, ticking.run, function() limiter:try_acquire() end)
  end)

  it("goes on with the clock of another loop while nobody has waited", function()
    local limiter = saros.RateLimiter(2, 10)
    with_limiter(1, 1, function(_, loop)
      loop.now = 1000
      assert.is_true(limiter:try_acquire())
    end)
    with_limiter(1, 1, function(_, loop)
      assert.is_true(limiter:try_acquire())
      assert.is_false(limiter:try_acquire())
      loop.now = loop.now + 5
      assert.is_true(limiter:try_acquire())
    end)
  end)

  describe("refuses", function()
    it("a rate below one and a period that is not positive", function()
      for _, rate in ipairs {0.5, 0, -1, math.huge, 0 / 0} do
        raises(saros.ValueError, saros.RateLimiter, rate)
      end
      for _, per in ipairs {0, -1, math.huge, 0 / 0} do
        raises(saros.ValueError, saros.RateLimiter, 1, per)
      end
      assert.equal("the rate must be finite and at least 1, got 0.5",
        raises(saros.ValueError, saros.RateLimiter, 0.5).message)
      assert.equal("the period must be finite and more than 0, got 0",
        raises(saros.ValueError, saros.RateLimiter, 1, 0).message)
    end)

    it("arguments of the wrong type", function()
      assert.error_matches(function() saros.RateLimiter() end,
        "bad argument #1 to 'RateLimiter' %(number expected, got nil%)")
      assert.error_matches(function() saros.RateLimiter(1, {}) end,
        "bad argument #2 to 'RateLimiter' %(number expected, got table%)")
    end)

    it("to be used outside a loop", function()
      local limiter = saros.RateLimiter(1)
      raises(saros.RuntimeError, limiter.acquire, limiter)
      raises(saros.RuntimeError, limiter.try_acquire, limiter)
    end)

    it("to wait in a callback, and goes on as before", function()
      with_limiter(1, 5, function(limiter, loop)
        limiter:acquire()
        local failure
        loop:call_soon(function() failure = raises(saros.RuntimeError, limiter.acquire, limiter) end)
        saros.sleep(0)
        saros.sleep(0)
        assert.matches("a callback cannot suspend", failure.message)
        limiter:acquire()
      end)
    end)
  end)
end)
