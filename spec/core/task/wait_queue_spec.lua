-- What all primitives have in common: the queue of the tasks that wait. It is one file, however long, because all of it
-- is about tasks in one queue, which the same two functions make.

local saros = require "saros"
local core = require "saros.core"
local raises = require "spec.support.raises"

local queue_functions = core.wait_queue
local park, wake, wake_first, is_used =
  queue_functions.park, queue_functions.wake, queue_functions.wake_first, queue_functions.is_used

local function pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("core.task.wait_queue", function()
  local contexts

  -- A loop whose reports are kept.
  local function new_loop(class)
    local loop = (class or saros.EventLoop)()
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
    return loop
  end

  before_each(function() contexts = {} end)

  -- Runs `main(queue, trace, tasks)` on this loop with tasks that wait and leave their numbers, negative
  -- when they were cancelled.
  local function with_waiters(count, main, loop)
    loop = loop or new_loop()
    local trace, tasks = {}, {}
    loop:run_until_complete(function()
      local queue = core.WaitQueue("Gate")
      for i = 1, count do
        tasks[i] = loop:create_task(function()
          local ok, failure = park(queue)
          trace[#trace + 1] = ok and i or -i
          if not ok then error(failure, 0) end
        end)
      end
      pass(1)
      main(queue, trace, tasks, loop)
      for _, task in ipairs(tasks) do task:cancel() end
      pass(2)
    end)
    loop:close()
    return trace
  end

  describe("wakes", function()
    it("one, some or all in the order of arrival, and says how many", function()
      local trace = with_waiters(6, function(queue, trace)
        assert.equal(1, wake(queue))
        assert.equal(2, wake(queue, 2))
        assert.same({}, trace)
        pass(1)
        assert.same({1, 2, 3}, trace)
        assert.equal(3, wake(queue, math.huge))
        assert.equal(0, wake(queue, math.huge))
        assert.equal(0, wake(queue, 0))
        pass(1)
      end)
      assert.same({1, 2, 3, 4, 5, 6}, trace)
    end)

    it("nobody twice", function()
      local trace = with_waiters(2, function(queue)
        for _ = 1, 3 do wake_first(queue) end
        assert.equal(1, wake(queue, 5))
        pass(3)
      end)
      assert.same({1, 2}, trace)
    end)

    it("nobody when nobody waits", function()
      local queue = core.WaitQueue("Gate")
      assert.equal(0, wake(queue, 3))
      wake_first(queue)
      assert.is_false(is_used(queue))
    end)

    it("those behind one that was cancelled, wherever it stands", function()
      local trace = with_waiters(5, function(queue, _, tasks)
        tasks[1]:cancel()
        tasks[3]:cancel()
        assert.equal(1, wake(queue))
        tasks[5]:cancel()
        assert.equal(1, wake(queue, math.huge))
        pass(1)
      end)
      -- Each goes on in the order in which it was woken or cancelled.
      assert.same({-1, -3, 2, -5, 4}, trace)
    end)
  end)

  it("keeps one that was cancelled in its place until its turn, as asyncio does", function()
    with_waiters(2, function(queue, trace, tasks)
      tasks[1]:cancel()
      wake_first(queue)
      pass(1)
      assert.same({-1}, trace)
      wake_first(queue)
      pass(1)
      assert.same({-1, 2}, trace)
    end)
  end)

  it("is used while somebody waits or was woken, not by those who were cancelled", function()
    with_waiters(2, function(queue, _, tasks)
      assert.is_true(is_used(queue))
      tasks[1]:cancel()
      assert.is_true(is_used(queue))
      wake(queue)
      assert.is_true(is_used(queue))
      pass(1)
      assert.is_false(is_used(queue))
    end)
    with_waiters(2, function(queue, _, tasks)
      tasks[1]:cancel()
      tasks[2]:cancel()
      assert.is_false(is_used(queue))
    end)
  end)

  it("says that a wait was cancelled, and whether the task had been woken before", function()
    for _, woken in ipairs {true, false} do
      local loop = new_loop()
      local results
      loop:run_until_complete(function()
        local queue = core.WaitQueue("Gate")
        local task = loop:create_task(function() results = table.pack(park(queue)) end)
        pass(1)
        if woken then wake(queue) end
        task:cancel("enough")
        task:await()
      end)
      loop:close()
      assert.equal(3, results.n)
      assert.is_false(results[1])
      assert.equal("enough", results[2].message)
      assert.equal(woken, results[3])
    end
  end)

  it("cancels a wait at once that begins after the request", function()
    with_waiters(1, function(queue, trace, tasks, loop)
      local late = loop:create_task(function()
        saros.current_task():cancel()
        local ok = park(queue)
        trace[#trace + 1] = ok
      end)
      pass(1)
      assert.is_false(late:done())
      assert.same({}, trace)
      pass(1)
      assert.same({false}, trace)
      tasks[1]:cancel()
      assert.is_false(is_used(queue))
    end)
  end)

  it("keeps its order while it grows, and while its beginning moves", function()
    local trace, expected = {}, {}
    local loop = new_loop()
    loop:run_until_complete(function()
      local queue = core.WaitQueue("Gate")
      local created, woken = 0, 0
      for round = 1, 60 do
        for _ = 1, round % 7 * 3 do
          created = created + 1
          local number = created
          loop:create_task(function()
            park(queue)
            trace[#trace + 1] = number
          end)
        end
        pass(1)
        woken = woken + wake(queue, round % 5 * 3)
        pass(1)
        assert.equal(woken, #trace)
      end
      wake(queue, math.huge)
      pass(1)
      for i = 1, created do expected[i] = i end
    end)
    loop:close()
    assert.same(expected, trace)
  end)

  it("does not grow while waiters come and go behind one that stays #many", function()
    with_waiters(1, function(queue, trace, _, loop)
      -- Two come before one of them goes.
      local function come_and_go(times)
        local previous
        for _ = 1, times do
          local task = loop:create_task(park, queue)
          pass(1)
          if previous then previous:cancel() end
          previous = task
        end
        previous:cancel()
        pass(1)
      end
      come_and_go(50)
      collect()
      local before = collectgarbage("count")
      come_and_go(2000)
      collect()
      assert.is_true(collectgarbage("count") - before < 16)
      assert.equal(1, wake(queue, 5))
      pass(1)
      assert.same({1}, trace)
    end)
  end)

  it("is what asyncio's queue of futures is, whatever comes in one iteration #many", function()
    -- Workers that wait again and again, against a list of entries, in a game whose moves are the same in
    -- every run. `turns` are the workers that go on in the next iteration, in order.
    local loop, state = new_loop(), 4711
    local function random(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % n + 1
    end
    local trace, expected = {}, {}
    loop:run_until_complete(function()
      local queue, entries, turns, workers = core.WaitQueue("Gate"), {}, {}, {}

      local function add_worker()
        local number = #workers + 1
        local entry = {number = number, state = "new"}
        workers[number] = loop:create_task(function()
          while true do
            local ok, _, woken = park(queue)
            trace[#trace + 1] = ("%d %s %s"):format(number, ok, woken)
          end
        end)
        turns[#turns + 1] = entry
      end

      local function wake_some(n)
        for _, entry in ipairs(entries) do
          if n == 0 then break end
          if entry.state == "waits" then
            entry.state = "woken"
            turns[#turns + 1] = entry
            n = n - 1
          end
        end
      end

      local function cancel(entry)
        workers[entry.number]:cancel()
        if entry.state == "waits" then
          entry.state = "cancelled"
          turns[#turns + 1] = entry
        elseif entry.state == "woken" then
          entry.state = "woken and cancelled"
        end
      end

      local results = {woken = "true nil", cancelled = "false false", ["woken and cancelled"] = "false true"}
      local function take_turns()
        for _, entry in ipairs(turns) do
          if entry.state ~= "new" then
            expected[#expected + 1] = ("%d %s"):format(entry.number, results[entry.state])
            for i, other in ipairs(entries) do
              if other == entry then table.remove(entries, i) break end
            end
          end
          entries[#entries + 1] = {number = entry.number, state = "waits"}
        end
        turns = {}
        pass(1)
      end

      for round = 1, 400 do
        for _ = 1, random(6) do
          local move = random(10)
          if move <= 2 and #workers < 40 then
            add_worker()
          elseif move <= 9 and #entries > 0 then
            cancel(entries[random(#entries)])
          else
            local n = random(4) - 1
            wake(queue, n)
            wake_some(n)
          end
        end
        take_turns()
        if round % 50 == 0 then -- all at once, while the last ones come
          if #workers < 45 then add_worker() end
          wake(queue, math.huge)
          wake_some(math.huge)
          take_turns()
        end
        assert.same(expected, trace)
      end
    end)
    loop:close()
  end)

  it("knows who waits still after it was closed up in the iteration in which others were woken", function()
    for _, woken in ipairs {3, 4} do
      with_waiters(8, function(queue, trace, tasks, loop)
        for i = 3, 6 do tasks[i]:cancel() end
        pass(1) -- four have left from the middle; the ring is full
        for i = 9, 12 do
          tasks[i] = loop:create_task(function()
            park(queue)
            trace[#trace + 1] = i
          end)
        end
        assert.equal(woken, wake(queue, woken))
        pass(1) -- those who come do so before the others go on
        assert.same({-3, -4, -5, -6, 1, 2, 7, woken == 4 and 8 or nil}, trace)
        assert.equal(8 - woken, wake(queue, math.huge))
        pass(1)
        assert.equal(12, #trace)
      end)
    end
  end)

  it("is left by a task in the middle, before those ahead of it go on", function()
    local trace = with_waiters(9, function(queue, _, tasks)
      for i = 2, 8 do
        tasks[i]:cancel()
        pass(1)
      end
      assert.equal(2, wake(queue, 9))
      pass(1)
    end)
    assert.same({-2, -3, -4, -5, -6, -7, -8, 1, 9}, trace)
  end)

  describe("of a loop", function()
    it("is bound to it by the first wait, its sibling as well", function()
      local getters = core.WaitQueue("Pipe")
      local putters = core.WaitQueue("Pipe", getters)
      local function use(queue)
        saros.get_running_loop():call_soon(wake, queue)
        return park(queue)
      end
      assert.is_true(saros.run(use, putters))
      for _, queue in ipairs {getters, putters} do
        local failure = raises(saros.RuntimeError, saros.run, use, queue)
        assert.equal("this Pipe is bound to a different event loop", failure.message)
      end
    end)

    it("is empty once that has closed", function()
      local loop, queue, trace = new_loop(), core.WaitQueue("Gate"), {}
      for i = 1, 3 do
        loop:create_task(function()
          local ok = park(queue)
          trace[#trace + 1] = ok and i or -i
        end)
      end
      loop:run_once()
      assert.is_true(is_used(queue))
      loop:close()
      assert.same({-1, -2, -3}, trace)
      assert.is_false(is_used(queue))
      assert.equal(0, wake(queue, 9))
      wake_first(queue)
      assert.equal(0, #contexts)
    end)

    it("may be used by the scopes of tasks while it closes", function()
      local loop, queue, trace = new_loop(), core.WaitQueue("Gate"), {}
      for i = 1, 5 do
        loop:create_task(function()
          local _ <close> = setmetatable({}, {__close = function()
            trace[#trace + 1] = i
            wake(queue, 1)
            wake_first(queue)
            is_used(queue)
          end})
          park(queue)
          error("never woken", 0)
        end)
      end
      loop:run_once()
      loop:close()
      assert.same({1, 2, 3, 4, 5}, trace)
    end)

    it("survives one that is collected without having been closed", function()
      for _, count in ipairs {1, 3, 50} do
        local lock = saros.Lock()
        do
          local loop = new_loop()
          loop:create_task(function()
            lock:acquire()
            saros.sleep(3600)
          end)
          for _ = 1, count do loop:create_task(lock.acquire, lock) end
          loop:run_once()
        end
        collect()
        assert.is_true(lock:locked())
        lock:release()
        assert.is_true(lock:acquire())
        saros.run(function()
          local failure = raises(saros.RuntimeError, lock.acquire, lock)
          assert.equal("this Lock is bound to a different event loop", failure.message)
          lock:release()
          assert.is_false(lock:locked())
          assert.is_true(lock:acquire())
        end)
      end
      saros.run(pass, 3) -- other tasks in the places of those
    end)

    it("survives it in every primitive", function()
      local event, condition = saros.Event(), saros.Condition()
      local semaphore, barrier = saros.Semaphore(0), saros.Barrier(5)
      local empty, full = saros.Queue(), saros.Queue(1)
      full:put_nowait(1)
      do
        local loop = new_loop()
        for _ = 1, 3 do
          loop:create_task(event.wait, event)
          loop:create_task(semaphore.acquire, semaphore)
          loop:create_task(barrier.wait, barrier)
          loop:create_task(empty.get, empty)
          loop:create_task(full.put, full, 2)
          loop:create_task(function()
            local _ <close> = condition:hold()
            condition:wait()
          end)
        end
        loop:run_once()
      end
      collect()
      event:set()
      semaphore:release()
      condition:acquire()
      condition:notify_all()
      condition:release()
      empty:put_nowait(1)
      full:get_nowait()
      barrier:abort()
      saros.run(function()
        assert.is_true(event:wait())
        assert.is_true(semaphore:acquire())
        assert.is_true(condition:acquire())
        assert.equal(1, empty:get())
        full:put(2)
        raises(saros.BrokenBarrierError, barrier.wait, barrier)
        raises(saros.RuntimeError, semaphore.acquire, semaphore)
        raises(saros.RuntimeError, empty.get, empty)
        raises(saros.RuntimeError, full.put, full, 3)
      end)
    end)
  end)

  describe("with a task whose coroutine the program", function()
    -- Runs `main(lock, tasks, trace)` with a lock that is held, and three tasks that wait for it.
    local function with_lock(main)
      local loop, trace = new_loop(), {}
      loop:run_until_complete(function()
        local lock, tasks = saros.Lock(), {}
        lock:acquire()
        for i = 1, 3 do
          tasks[i] = loop:create_task(function()
            local _ <close> = lock:hold()
            trace[#trace + 1] = i
          end)
        end
        pass(1)
        main(lock, tasks, trace)
      end)
      loop:close()
    end

    it("has closed passes over it: the lock used to be lost with it", function()
      with_lock(function(lock, tasks, trace)
        coroutine.close(tasks[1]:get_coro())
        assert.is_false(tasks[1]:done())
        lock:release()
        pass(4)
        assert.same({2, 3}, trace)
        assert.is_false(lock:locked())
        assert.is_true(lock:acquire())
      end)
    end)

    it("has closed, the only one, is not in use", function()
      with_lock(function(lock, tasks)
        for i = 1, 3 do coroutine.close(tasks[i]:get_coro()) end
        lock:release()
        assert.is_true(lock:acquire())
      end)
    end)

    it("has closed and then cancels ends that task with an error", function()
      with_lock(function(lock, tasks, trace)
        coroutine.close(tasks[2]:get_coro())
        tasks[2]:cancel()
        lock:release()
        pass(4)
        local failure = raises(saros.RuntimeError, tasks[2].await, tasks[2])
        assert.matches("resumed or closed by the program", failure.message)
        assert.same({1, 3}, trace)
      end)
    end)

    it("has resumed gives an error to who resumed it, and the lock to the next", function()
      with_lock(function(lock, tasks, trace)
        local ok, failure = coroutine.resume(tasks[1]:get_coro())
        assert.is_true(ok) -- a task's body is protected: the error is its result
        assert.is_nil(failure)
        lock:release()
        pass(4)
        assert.same({2, 3}, trace)
        assert.is_false(lock:locked())
      end)
    end)
  end)

  describe("with an overridden call_soon", function()
    it("wakes as ever", function()
      local Mine = saros.EventLoop:extend("Mine")
      local calls = 0
      function Mine:call_soon(...)
        calls = calls + 1
        return saros.EventLoop.call_soon(self, ...)
      end
      local trace = with_waiters(3, function(queue, _, tasks)
        tasks[2]:cancel()
        calls = 0
        assert.equal(2, wake(queue, math.huge))
        assert.equal(2, calls)
        pass(1)
      end, new_loop(Mine))
      assert.same({-2, 1, 3}, trace)
    end)

    it("lets its error out, and the task waits still", function()
      local Mine = saros.EventLoop:extend("Mine")
      local broken = false
      function Mine:call_soon(...)
        if broken then error("no room", 0) end
        return saros.EventLoop.call_soon(self, ...)
      end
      local trace = with_waiters(3, function(queue, trace)
        for _, fn in ipairs {wake, wake_first} do
          broken = true
          local ok, failure = pcall(fn, queue)
          broken = false
          assert.is_false(ok)
          assert.equal("no room", failure)
        end
        pass(1)
        assert.same({}, trace)
        assert.equal(3, wake(queue, 9))
        pass(1)
      end, new_loop(Mine))
      assert.same({1, 2, 3}, trace)
    end)

    it("wakes each task once when it uses the queue itself: it used to wake the same one for ever", function()
      local Mine = saros.EventLoop:extend("Mine")
      local queue_to_use
      function Mine:call_soon(...)
        if queue_to_use then wake(queue_to_use) end
        return saros.EventLoop.call_soon(self, ...)
      end
      local trace = with_waiters(4, function(queue)
        queue_to_use = queue
        assert.equal(1, wake(queue))
        queue_to_use = nil
        assert.equal(0, wake(queue, 9))
        pass(1)
      end, new_loop(Mine))
      table.sort(trace)
      assert.same({1, 2, 3, 4}, trace)
    end)
  end)

  it("wakes a task once that is cancelled while an overridden call_soon wakes it", function()
    local Mine = saros.EventLoop:extend("Mine")
    local queue_to_use
    function Mine:call_soon(...)
      if queue_to_use then wake(queue_to_use) end
      return saros.EventLoop.call_soon(self, ...)
    end
    local loop = new_loop(Mine)
    local slept
    loop:run_until_complete(function()
      local queue = core.WaitQueue("Gate")
      local task = loop:create_task(function()
        local ok = park(queue)
        assert.is_false(ok)
        local future = loop:create_future()
        loop:call_later(0.01, future.set_result, future, "slept")
        slept = future:await()
      end)
      pass(1)
      queue_to_use = queue
      task:cancel()
      queue_to_use = nil
      task:await()
    end)
    loop:close()
    assert.equal("slept", slept)
  end)

  it("lets finalizers release locks and wake who waits", function()
    with_waiters(2, function(queue, trace)
      local lock = saros.Lock()
      lock:acquire()
      setmetatable({}, {__gc = function()
        lock:release()
        wake(queue, 9)
      end})
      collect()
      assert.is_false(lock:locked())
      pass(1)
      assert.same({1, 2}, trace)
    end)
  end)

  it("is collected with the tasks in it when nobody refers to them", function()
    local weak = setmetatable({}, {__mode = "k"})
    do
      local loop, queue = new_loop(), core.WaitQueue("Gate")
      weak[queue] = true
      for _ = 1, 20 do loop:create_task(park, queue) end
      loop:run_once()
    end
    collect()
    collect()
    assert.is_nil(next(weak))
  end)

  it("takes nothing but queues", function()
    for _, fn in pairs(queue_functions) do
      assert.error_matches(function() fn({}) end, "bad argument #1 .*WaitQueue expected, got table")
    end
    assert.error_matches(function() core.WaitQueue("Gate", {}) end, "WaitQueue expected, got table")
  end)

  it("names its primitive where nothing can wait, however long the name is", function()
    local failure = raises(saros.RuntimeError, park, core.WaitQueue(("x"):rep(100)))
    assert.equal("cannot wait for the " .. ("x"):rep(23) .. " outside a task: no running event loop", failure.message)
  end)
end)
