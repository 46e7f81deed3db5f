local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"

local function pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

-- A task that takes a place, leaves its name in the trace, and gives the place back when it is told to.
local function taker(semaphore, trace, name, gate)
  return saros.create_task(function()
    semaphore:acquire()
    trace[#trace + 1] = name
    if gate then gate:wait() end
    semaphore:release()
  end)
end

-- Runs `main(semaphore, trace, tasks)` with a semaphore that has no place, and three tasks that wait.
local function with_waiters(main)
  local trace = {}
  saros.run(function()
    local semaphore = saros.Semaphore(0)
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = saros.create_task(function()
        semaphore:acquire()
        trace[#trace + 1] = i
      end)
    end
    saros.sleep(0)
    main(semaphore, trace, tasks)
  end)
  return trace
end

-- How many places are free, by taking them all.
local function count_free(semaphore)
  local free = 0
  while not semaphore:locked() do
    semaphore:acquire()
    free = free + 1
  end
  for _ = 1, free do semaphore:release() end
  return free
end

describe("saros.semaphore", function()
  for _, class in ipairs {saros.Semaphore, saros.BoundedSemaphore} do
    describe(tostring(class), function()
      local name = tostring(class):match("%a+$")

      it("has one place unless it is told otherwise", function()
        assert.equal(1, count_free(class()))
        assert.equal(1, count_free(class(nil)))
        assert.equal(3, count_free(class(3)))
        assert.equal(0, count_free(class(0)))
      end)

      it("refuses what is no number, and numbers below 0", function()
        blames(function() class({}) end,
          "bad argument #1 to '" .. name .. "' (number expected, got table)")
        blames(function() class(false) end,
          "bad argument #1 to '" .. name .. "' (number expected, got boolean)")
        local failure = raises(saros.ValueError, class, -1)
        assert.equal(name .. " initial value must be >= 0, got -1", failure.message)
        assert.equal(name .. " initial value must be a whole number, got 1.5",
          raises(saros.ValueError, saros[name], 1.5).message)
        raises(saros.ValueError, class, 0 / 0)
      end)

      it("gives its places at once while there are some, even outside a loop", function()
        local semaphore = class(2)
        assert.is_true(semaphore:acquire())
        assert.is_false(semaphore:locked())
        assert.is_true(semaphore:acquire())
        assert.is_true(semaphore:locked())
        raises(saros.RuntimeError, semaphore.acquire, semaphore)
        semaphore:release()
        assert.is_false(semaphore:locked())
        semaphore:release()
        assert.equal(2, count_free(semaphore))
      end)

      it("lets so many in at a time, in the order in which they came", function()
        saros.run(function()
          local semaphore, trace, inside, most = class(3), {}, 0, 0
          local bodies = {}
          for i = 1, 10 do
            bodies[i] = function()
              local _ <close> = semaphore:hold()
              trace[#trace + 1] = i
              inside = inside + 1
              most = math.max(most, inside)
              pass(2)
              inside = inside - 1
            end
          end
          saros.gather(bodies):await()
          assert.same({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, trace)
          assert.equal(3, most)
          assert.equal(3, count_free(semaphore))
        end)
      end)

      it("gives a released place to the first who waits, not to who comes meanwhile", function()
        saros.run(function()
          local semaphore, trace = class(1), {}
          semaphore:acquire()
          taker(semaphore, trace, "a")
          taker(semaphore, trace, "b")
          saros.sleep(0)
          semaphore:release()
          assert.is_true(semaphore:locked())
          semaphore:acquire()
          trace[#trace + 1] = "late"
          assert.same({"a", "b", "late"}, trace)
          semaphore:release()
          assert.equal(1, count_free(semaphore))
        end)
      end)

      it("says the name of its class when it cannot be waited for", function()
        local semaphore = class(0)
        saros.run(function()
          local failure
          saros.get_running_loop():call_soon(function()
            failure = raises(saros.RuntimeError, semaphore.acquire, semaphore)
          end)
          saros.sleep(0)
          assert.equal("cannot wait for the " .. name .. " outside a task: a callback cannot suspend", failure.message)
        end)
      end)

      it("belongs to the loop of its first wait", function()
        local semaphore = class(1)
        local function wait()
          semaphore:acquire()
          saros.get_running_loop():call_soon(semaphore.release, semaphore)
          semaphore:acquire()
          semaphore:release()
        end
        saros.run(wait)
        local failure = raises(saros.RuntimeError, saros.run, wait)
        assert.equal("this " .. name .. " is bound to a different event loop", failure.message)
      end)
    end)
  end

  it("of 0 places makes everybody wait for a release", function()
    with_waiters(function(semaphore, trace)
      assert.is_true(semaphore:locked())
      assert.same({}, trace)
      semaphore:release()
      saros.sleep(0)
      assert.same({1}, trace)
      assert.is_true(semaphore:locked())
    end)
  end)

  it("may be released more often than it was acquired", function()
    local semaphore = saros.Semaphore(1)
    semaphore:release()
    semaphore:release()
    assert.equal(3, count_free(semaphore))
  end)

  it("wakes as many as are released in one iteration", function()
    local trace = with_waiters(function(semaphore, trace)
      for _ = 1, 5 do semaphore:release() end
      saros.sleep(0)
      assert.same({1, 2, 3}, trace)
      assert.equal(2, count_free(semaphore))
    end)
    assert.same({1, 2, 3}, trace)
  end)

  it("gives a place that is free to who came while another one was woken", function()
    saros.run(function()
      local semaphore, trace = saros.Semaphore(0), {}
      local gate = saros.Event()
      taker(semaphore, trace, "first", gate)
      saros.sleep(0)
      semaphore:release()
      semaphore:release()
      assert.is_true(semaphore:locked()) -- the one who was woken is still in the queue
      semaphore:acquire()
      assert.same({"first"}, trace)
      assert.is_true(semaphore:locked())
    end)
  end)

  it("passes over a waiter that is cancelled, the first, one in the middle, the last", function()
    for i, expected in ipairs {{2, 3}, {1, 3}, {1, 2}} do
      local trace = with_waiters(function(semaphore, _, tasks)
        tasks[i]:cancel()
        semaphore:release()
        semaphore:release()
        pass(2)
        assert.is_true(tasks[i]:cancelled())
        assert.equal(0, count_free(semaphore))
      end)
      assert.same(expected, trace)
    end
  end)

  it("passes the place on when a waiter is cancelled in the iteration in which it was woken", function()
    with_waiters(function(semaphore, trace, tasks)
      semaphore:release()
      tasks[1]:cancel()
      assert.is_true(semaphore:locked())
      saros.sleep(0)
      assert.is_true(tasks[1]:cancelled())
      assert.same({}, trace)
      saros.sleep(0)
      assert.same({2}, trace)
      assert.equal(0, count_free(semaphore))
    end)
  end)

  it("keeps its places through every kind of cancellation", function()
    -- Each of three waiters is cancelled before the release, after it, a turn later, or not at all.
    for kind = 0, 4 ^ 3 - 1 do
      local kinds = {kind % 4, kind // 4 % 4, kind // 16 % 4}
      local left = 0
      with_waiters(function(semaphore, trace, tasks)
        local function cancel(when)
          for i = 1, 3 do if kinds[i] == when then tasks[i]:cancel() end end
        end
        cancel(1)
        semaphore:release()
        semaphore:release()
        cancel(2)
        saros.sleep(0)
        cancel(3)
        pass(6)
        left = #trace + count_free(semaphore)
        for i = 1, 3 do if kinds[i] == 1 or kinds[i] == 2 then assert.is_true(tasks[i]:cancelled()) end end
      end)
      assert.equal(2, left, table.concat(kinds, " "))
    end
  end)

  it("is free again when all who wait were cancelled, and gives its place at once", function()
    with_waiters(function(semaphore, trace, tasks)
      for _, task in ipairs(tasks) do task:cancel() end
      semaphore:release()
      assert.is_false(semaphore:locked())
      assert.is_true(semaphore:acquire())
      assert.is_true(semaphore:locked())
      pass(3)
      assert.same({}, trace)
      assert.equal(0, count_free(semaphore))
    end)
  end)

  it("raises the cancellation, with its message, at the acquire", function()
    saros.run(function()
      local semaphore, failure = saros.Semaphore(0), nil
      local task = saros.create_task(function()
        failure = raises(saros.CancelledError, semaphore.acquire, semaphore)
      end)
      saros.sleep(0)
      task:cancel("enough")
      task:await()
      assert.equal("enough", failure.message)
    end)
  end)

  it("serves 2,000 who wait in their order, whatever many of them are cancelled #many", function()
    saros.run(function()
      local semaphore, trace, tasks, expected = saros.Semaphore(0), {}, {}, {}
      for i = 1, 2000 do tasks[i] = taker(semaphore, trace, i) end
      saros.sleep(0)
      for i = 1, 2000 do
        if i % 3 == 0 then tasks[i]:cancel() else expected[#expected + 1] = i end
      end
      for _ = 1, 7 do semaphore:release() end
      saros.gather(tasks, {return_exceptions = true}):await()
      assert.same(expected, trace)
      assert.equal(7, count_free(semaphore))
    end)
  end)

  describe("bounded", function()
    it("refuses to be released more often than it was acquired", function()
      local semaphore = saros.BoundedSemaphore(2)
      assert.equal("BoundedSemaphore released too many times",
        raises(saros.ValueError, semaphore.release, semaphore).message)
      semaphore:acquire()
      semaphore:release()
      raises(saros.ValueError, semaphore.release, semaphore)
      assert.equal(2, count_free(semaphore))
      raises(saros.ValueError, saros.BoundedSemaphore(0).release, saros.BoundedSemaphore(0))
    end)

    it("counts a place that was handed to a waiter as taken", function()
      saros.run(function()
        local semaphore, trace = saros.BoundedSemaphore(1), {}
        semaphore:acquire()
        local gate = saros.Event()
        taker(semaphore, trace, "a", gate)
        saros.sleep(0)
        semaphore:release()
        semaphore:release() -- that of the task that was woken, before its turn
        raises(saros.ValueError, semaphore.release, semaphore)
        saros.sleep(0)
        assert.same({"a"}, trace)
      end)
    end)

    it("is a Semaphore", function()
      local Class = require "saros.class"
      assert.is_true(Class.is_instance(saros.BoundedSemaphore(1), saros.Semaphore))
    end)
  end)
end)
