local saros = require "saros"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

-- A task that takes the lock, leaves its name in the trace, and gives the lock back after some turns.
local function taker(lock, trace, name, turns)
  return saros.create_task(function()
    lock:acquire()
    trace[#trace + 1] = name
    for _ = 1, turns or 0 do saros.sleep(0) end
    lock:release()
  end)
end

-- Runs `main(lock, trace, tasks)` with a lock that is held, and three tasks that wait for it.
local function with_waiters(main)
  local trace = {}
  saros.run(function()
    local lock = saros.Lock()
    lock:acquire()
    local tasks = {}
    for i = 1, 3 do tasks[i] = taker(lock, trace, i) end
    saros.sleep(0)
    main(lock, trace, tasks)
  end)
  return trace
end

local function pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

describe("saros.lock", function()
  it("begins free", function()
    assert.is_false(saros.Lock():locked())
  end)

  it("is held from acquire to release, and taken at once when it is free, even outside a loop", function()
    local lock = saros.Lock()
    assert.is_true(lock:acquire())
    assert.is_true(lock:locked())
    lock:release()
    assert.is_false(lock:locked())
    assert.is_true(lock:acquire())
  end)

  it("cannot be waited for outside a loop, nor in a callback", function()
    local lock = saros.Lock()
    lock:acquire()
    raises(saros.RuntimeError, lock.acquire, lock)
    saros.run(function()
      local failure
      saros.get_running_loop():call_soon(function() failure = raises(saros.RuntimeError, lock.acquire, lock) end)
      saros.sleep(0)
      assert.equal("cannot wait for the Lock outside a task: a callback cannot suspend", failure.message)
    end)
    assert.is_true(lock:locked())
  end)

  it("refuses to be released when nobody holds it", function()
    local lock = saros.Lock()
    assert.equal("Lock is not acquired.", raises(saros.RuntimeError, lock.release, lock).message)
    lock:acquire()
    lock:release()
    raises(saros.RuntimeError, lock.release, lock)
    assert.is_false(lock:locked())
  end)

  it("returns true to who waited", function()
    saros.run(function()
      local lock = saros.Lock()
      lock:acquire()
      saros.get_running_loop():call_soon(lock.release, lock)
      assert.is_true(lock:acquire())
      assert.is_true(lock:locked())
    end)
  end)

  it("makes a task that takes it twice wait for somebody else", function()
    ticking.run(function()
      local lock = saros.Lock()
      lock:acquire()
      raises(saros.TimeoutError, saros.wait_for, lock.acquire, 3, lock)
      assert.is_true(lock:locked())
    end)
  end)

  it("lets one in at a time, in the order in which they came", function()
    saros.run(function()
      local lock, trace, inside = saros.Lock(), {}, 0
      local tasks = {}
      for i = 1, 5 do
        tasks[i] = function()
          local _ <close> = lock:hold()
          inside = inside + 1
          assert.equal(1, inside)
          trace[#trace + 1] = i
          pass(i)
          inside = inside - 1
        end
      end
      saros.gather(tasks):await()
      assert.same({1, 2, 3, 4, 5}, trace)
      assert.is_false(lock:locked())
    end)
  end)

  it("may be released by another task than the one that took it", function()
    with_waiters(function(lock, trace)
      saros.create_task(lock.release, lock)
      pass(1)
      assert.same({}, trace)
      pass(1)
      assert.same({1}, trace)
    end)
  end)

  it("is free between its release and the next iteration, in which the first who waits takes it", function()
    with_waiters(function(lock, trace)
      lock:release()
      assert.is_false(lock:locked())
      saros.sleep(0)
      assert.same({1}, trace)
    end)
  end)

  it("is not taken from the first who waits by somebody who comes while it is free", function()
    local trace = with_waiters(function(lock, trace)
      lock:release()
      assert.is_false(lock:locked())
      lock:acquire() -- waits behind the three
      trace[#trace + 1] = "late"
      lock:release()
    end)
    assert.same({1, 2, 3, "late"}, trace)
  end)

  it("is taken at once when all who wait have been cancelled", function()
    local trace = with_waiters(function(lock, trace, tasks)
      for _, task in ipairs(tasks) do task:cancel() end
      lock:release()
      assert.is_true(lock:acquire())
      assert.same({}, trace)
      assert.is_false(tasks[1]:done())
      saros.sleep(0)
      for _, task in ipairs(tasks) do assert.is_true(task:cancelled()) end
      assert.is_true(lock:locked())
      lock:release()
    end)
    assert.same({}, trace)
  end)

  it("passes over a waiter that is cancelled, the first, one in the middle, the last", function()
    for i, expected in ipairs {{2, 3}, {1, 3}, {1, 2}} do
      local trace = with_waiters(function(lock, trace, tasks)
        tasks[i]:cancel()
        pass(3)
        assert.is_true(tasks[i]:cancelled())
        assert.is_true(lock:locked())
        assert.same({}, trace)
        lock:release()
        pass(3)
        assert.is_false(lock:locked())
      end)
      assert.same(expected, trace)
    end
  end)

  it("passes over a waiter that is cancelled in the iteration of the release, before it or after", function()
    for _, cancel_first in ipairs {true, false} do
      for i, expected in ipairs {{2, 3}, {1, 3}, {1, 2}} do
        local trace = with_waiters(function(lock, _, tasks)
          if cancel_first then tasks[i]:cancel() end
          lock:release()
          if not cancel_first then tasks[i]:cancel() end
          pass(5)
          assert.is_true(tasks[i]:cancelled())
          assert.is_false(lock:locked())
        end)
        assert.same(expected, trace)
      end
    end
  end)

  it("wakes the next one a turn later when the one that was woken is cancelled", function()
    with_waiters(function(lock, trace, tasks)
      lock:release()
      tasks[1]:cancel()
      saros.sleep(0)
      assert.same({}, trace)
      saros.sleep(0)
      assert.same({2}, trace)
    end)
  end)

  it("wakes nobody for a woken one that is cancelled when it was taken meanwhile", function()
    with_waiters(function(lock, trace, tasks)
      lock:release()
      tasks[1]:cancel()
      tasks[2]:cancel()
      tasks[3]:cancel()
      saros.sleep(0)
      assert.is_false(lock:locked())
      lock:acquire()
      taker(lock, trace, "late")
      pass(3)
      assert.same({}, trace)
      lock:release()
      pass(2)
      assert.same({"late"}, trace)
    end)
  end)

  it("raises the cancellation, with its message, at the acquire", function()
    saros.run(function()
      local lock, failure = saros.Lock(), nil
      lock:acquire()
      local task = saros.create_task(function() failure = raises(saros.CancelledError, lock.acquire, lock) end)
      saros.sleep(0)
      task:cancel("enough")
      task:await()
      assert.equal("enough", failure.message)
      assert.is_true(lock:locked())
      lock:release()
      assert.is_false(lock:locked())
    end)
  end)

  it("does not suspend when it is free, so a cancellation comes later", function()
    saros.run(function()
      local lock, taken = saros.Lock(), false
      local task = saros.create_task(function()
        saros.current_task():cancel()
        taken = lock:acquire()
        saros.sleep(0)
      end)
      raises(saros.CancelledError, task.await, task)
      assert.is_true(taken)
    end)
  end)

  it("serves 2,000 who wait in their order, whatever many of them are cancelled #many", function()
    saros.run(function()
      local lock, trace, tasks, expected = saros.Lock(), {}, {}, {}
      lock:acquire()
      for i = 1, 2000 do tasks[i] = taker(lock, trace, i) end
      saros.sleep(0)
      for i = 1, 2000 do
        if i % 3 == 0 then tasks[i]:cancel() else expected[#expected + 1] = i end
      end
      lock:release()
      saros.gather(tasks, {return_exceptions = true}):await()
      assert.same(expected, trace)
      assert.is_false(lock:locked())
    end)
  end)

  it("belongs to the loop of its first wait", function()
    local lock = saros.Lock()
    local function wait()
      lock:acquire()
      saros.get_running_loop():call_soon(lock.release, lock)
      lock:acquire()
      lock:release()
    end
    saros.run(wait)
    local failure = raises(saros.RuntimeError, saros.run, wait)
    assert.equal("this Lock is bound to a different event loop", failure.message)
  end)

  it("belongs to no loop before somebody waits", function()
    local lock = saros.Lock()
    for _ = 1, 2 do
      saros.run(function()
        lock:acquire()
        lock:release()
      end)
    end
    assert.is_false(lock:locked())
  end)
end)
