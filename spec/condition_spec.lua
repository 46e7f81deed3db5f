local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

local function pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

-- Runs `main(condition, trace, tasks)` with tasks that wait for the condition and leave their numbers.
local function with_waiters(count, main)
  local trace = {}
  saros.run(function()
    local condition = saros.Condition()
    local tasks = {}
    for i = 1, count do
      tasks[i] = saros.create_task(function()
        local _ <close> = condition:hold()
        local result = condition:wait()
        assert.is_true(condition:locked())
        trace[#trace + 1] = i
        return result
      end)
    end
    saros.sleep(0)
    assert.is_false(condition:locked())
    main(condition, trace, tasks)
  end)
  return trace
end

describe("saros.condition", function()
  it("has a lock of its own, which it takes and gives back", function()
    local condition = saros.Condition()
    assert.is_false(condition:locked())
    assert.is_true(condition:acquire())
    assert.is_true(condition:locked())
    assert.is_true(condition.lock:locked())
    condition:release()
    assert.is_false(condition:locked())
    raises(saros.RuntimeError, condition.release, condition)
    assert.not_equal(condition.lock, saros.Condition().lock)
  end)

  it("takes a lock that it is given, and refuses what is none", function()
    local lock = saros.Lock()
    local condition = saros.Condition(lock)
    assert.equal(lock, condition.lock)
    lock:acquire()
    assert.is_true(condition:locked())
    blames(function() saros.Condition(saros.Semaphore()) end,
      "bad argument #1 to 'Condition' (Lock expected, got Semaphore)")
    blames(function() saros.Condition(false) end,
      "bad argument #1 to 'Condition' (Lock expected, got boolean)")
  end)

  it("cannot be waited for or notified by who does not hold the lock", function()
    saros.run(function()
      local condition = saros.Condition()
      assert.equal("cannot wait on un-acquired lock",
        raises(saros.RuntimeError, condition.wait, condition).message)
      assert.equal("cannot notify on un-acquired lock",
        raises(saros.RuntimeError, condition.notify, condition).message)
      raises(saros.RuntimeError, condition.notify_all, condition)
      raises(saros.RuntimeError, condition.wait_for, condition, function() return false end)
    end)
  end)

  it("holds the lock still after a wait where nothing can wait", function()
    local condition = saros.Condition()
    condition:acquire()
    raises(saros.RuntimeError, condition.wait, condition)
    assert.is_true(condition:locked())
  end)

  it("is given to one waiter after another once they are notified", function()
    local trace = with_waiters(3, function(condition, trace, tasks)
      condition:acquire()
      condition:notify()
      pass(3)
      assert.same({}, trace) -- it waits for the lock now
      condition:release()
      pass(2)
      assert.same({1}, trace)
      assert.is_true(tasks[1]:await())
      assert.is_false(tasks[2]:done())
    end)
    assert.same({1}, trace)
  end)

  it("wakes as many as notify says", function()
    for n, expected in pairs {[0] = {}, [1] = {1}, [2] = {1, 2}, [4] = {1, 2, 3, 4}, [9] = {1, 2, 3, 4}} do
      local trace = with_waiters(4, function(condition)
        do
          local _ <close> = condition:hold()
          condition:notify(n)
        end
        pass(8)
        assert.is_false(condition:locked())
      end)
      assert.same(expected, trace)
    end
  end)

  it("wakes those who waited at the time, not those who come later", function()
    local trace = with_waiters(2, function(condition, trace)
      condition:acquire()
      condition:notify_all()
      saros.create_task(function()
        local _ <close> = condition:hold()
        condition:wait()
        trace[#trace + 1] = "late"
      end)
      condition:release()
      pass(8)
    end)
    assert.same({1, 2}, trace)
  end)

  it("is notified in vain when nobody waits", function()
    saros.run(function()
      local condition = saros.Condition()
      local _ <close> = condition:hold()
      condition:notify()
      condition:notify_all()
      raises(saros.TimeoutError, saros.wait_for, condition.wait, 0.001, condition)
      assert.is_true(condition:locked())
    end)
  end)

  it("refuses a number of waiters that is none", function()
    saros.run(function()
      local condition = saros.Condition()
      local _ <close> = condition:hold()
      blames(function() condition:notify({}) end,
        "bad argument #1 to 'notify' (number expected, got table)")
      raises(saros.ValueError, condition.notify, condition, 0 / 0)
    end)
  end)

  it("takes the lock again before a cancellation is raised", function()
    with_waiters(2, function(condition, trace, tasks)
      condition:acquire()
      tasks[1]:cancel("enough")
      pass(3)
      assert.is_false(tasks[1]:done())
      condition:release()
      pass(1)
      local failure = raises(saros.CancelledError, tasks[1].await, tasks[1])
      assert.equal("enough", failure.message)
      assert.is_false(condition:locked())
      assert.same({}, trace)
    end)
  end)

  it("takes the lock again however often the task is cancelled meanwhile", function()
    with_waiters(1, function(condition, trace, tasks)
      condition:acquire()
      for _ = 1, 5 do
        tasks[1]:cancel()
        pass(2)
        assert.is_false(tasks[1]:done())
      end
      condition:release()
      pass(1)
      assert.is_true(tasks[1]:cancelled())
      assert.is_false(condition:locked())
      assert.same({}, trace)
    end)
  end)

  it("raises a cancellation that came while a notified task waited for the lock", function()
    with_waiters(1, function(condition, trace, tasks)
      condition:acquire()
      condition:notify()
      pass(2)
      tasks[1]:cancel()
      pass(2)
      assert.is_false(tasks[1]:done())
      condition:release()
      pass(1)
      assert.is_true(tasks[1]:cancelled())
      assert.is_false(condition:locked())
      assert.same({}, trace)
    end)
  end)

  it("loses a notification with the task that is cancelled in the same iteration, as asyncio does", function()
    local trace = with_waiters(2, function(condition, _, tasks)
      condition:acquire()
      condition:notify()
      tasks[1]:cancel()
      condition:release()
      pass(4)
      assert.is_true(tasks[1]:cancelled())
      assert.is_false(tasks[2]:done())
      condition:acquire()
      condition:notify()
      condition:release()
      pass(4)
    end)
    assert.same({2}, trace)
  end)

  it("notifies the others when a waiter in the middle was cancelled", function()
    local trace = with_waiters(4, function(condition, _, tasks)
      tasks[2]:cancel()
      condition:acquire()
      condition:notify(2)
      condition:release()
      pass(6)
      assert.is_true(tasks[2]:cancelled())
    end)
    assert.same({1, 3}, trace)
  end)

  it("releases the lock while it waits, for a task that waits for the lock", function()
    saros.run(function()
      local condition, trace = saros.Condition(), {}
      local _ <close> = condition:hold()
      saros.create_task(function()
        local _ <close> = condition:hold()
        trace[#trace + 1] = "inside"
        condition:notify()
      end)
      condition:wait()
      trace[#trace + 1] = "notified"
      assert.same({"inside", "notified"}, trace)
      assert.is_true(condition:locked())
    end)
  end)

  it("shares a lock with other conditions, but not their notifications", function()
    saros.run(function()
      local lock, trace = saros.Lock(), {}
      local full, empty = saros.Condition(lock), saros.Condition(lock)
      for name, condition in pairs {full = full, empty = empty} do
        saros.create_task(function()
          local _ <close> = condition:hold()
          condition:wait()
          trace[#trace + 1] = name
        end)
      end
      saros.sleep(0)
      lock:acquire()
      empty:notify_all()
      lock:release()
      pass(4)
      assert.same({"empty"}, trace)
      full:acquire()
      full:notify_all()
      full:release()
      pass(4)
      assert.same({"empty", "full"}, trace)
      assert.is_false(lock:locked())
    end)
  end)

  describe("wait_for", function()
    it("does not wait when the predicate holds, and gives what it returned", function()
      local condition = saros.Condition()
      assert.equal("ready", condition:wait_for(function() return "ready" end))
    end)

    it("looks again after each notification, with the lock held", function()
      ticking.run(function()
        local condition, value, looks = saros.Condition(), 0, 0
        saros.create_task(function()
          for _ = 1, 3 do
            saros.sleep(2)
            local _ <close> = condition:hold()
            value = value + 1
            condition:notify_all()
          end
        end)
        local _ <close> = condition:hold()
        local result = condition:wait_for(function()
          assert.is_true(condition:locked())
          looks = looks + 1
          return value == 3 and {value}
        end)
        assert.same({3}, result)
        assert.equal(4, looks)
      end)
    end)

    it("takes any callable", function()
      local condition = saros.Condition()
      assert.equal(7, condition:wait_for(setmetatable({}, {__call = function() return 7 end})))
    end)

    it("raises what the predicate raises, at first or later, and leaves the lock to its holder", function()
      saros.run(function()
        local condition, object = saros.Condition(), saros.ValueError("mine")
        local _ <close> = condition:hold()
        local broken = false
        local function predicate() if broken then error(object) end end
        saros.create_task(function()
          local _ <close> = condition:hold()
          broken = true
          condition:notify()
        end)
        assert.equal(object, raises(saros.ValueError, condition.wait_for, condition, predicate))
        assert.is_true(condition:locked())
        assert.equal(object, raises(saros.ValueError, condition.wait_for, condition, predicate))
        assert.is_true(condition:locked())
      end)
    end)

    it("ends with a cancellation", function()
      saros.run(function()
        local condition = saros.Condition()
        local task = saros.create_task(function()
          local _ <close> = condition:hold()
          condition:wait_for(function() return false end)
        end)
        saros.sleep(0)
        task:cancel()
        pass(2)
        assert.is_true(task:cancelled())
        assert.is_false(condition:locked())
      end)
    end)

    it("refuses a predicate that cannot be called", function()
      blames(function() saros.Condition():wait_for(true) end,
        "bad argument #1 to 'wait_for' (function expected, got boolean)")
    end)
  end)

  it("wakes 2,000 who wait, one after the other #many", function()
    local expected = {}
    for i = 1, 2000 do expected[i] = i end
    local trace = with_waiters(2000, function(condition, _, tasks)
      condition:acquire()
      condition:notify_all()
      condition:release()
      saros.gather(tasks):await()
    end)
    assert.same(expected, trace)
  end)

  it("belongs to the loop of its first wait", function()
    local condition = saros.Condition()
    local function wait()
      local _ <close> = condition:hold()
      saros.create_task(function()
        local _ <close> = condition:hold()
        condition:notify()
      end)
      condition:wait()
    end
    saros.run(wait)
    local failure = raises(saros.RuntimeError, saros.run, wait)
    assert.matches("this Condition is bound to a different event loop", failure.message)
    assert.is_false(condition:locked())
  end)
end)
