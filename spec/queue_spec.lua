local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"

-- Runs `main` with a queue of this size and a list in which tasks leave traces.
local function with_queue(maxsize, main)
  local trace = {}
  saros.run(function() main(saros.Queue(maxsize), trace) end)
  return trace
end

-- A task that gets once and leaves `name` and the item in the trace.
local function getter(queue, trace, name)
  return saros.create_task(function()
    local item = queue:get()
    trace[#trace + 1] = name .. item
  end)
end

-- A task that puts its own name and leaves it in the trace when that is done.
local function putter(queue, trace, name)
  return saros.create_task(function()
    queue:put(name)
    trace[#trace + 1] = "put " .. name
  end)
end

describe("saros.queue", function()
  it("iterates over its items until it is shut down", function()
    saros.run(function()
      local queue, seen = saros.Queue(), {}
      local reader = saros.create_task(function()
        for item in queue:items() do seen[#seen + 1] = item end
        return "over"
      end)
      queue:put(1)
      saros.sleep(0)
      saros.sleep(0)
      queue:put(2)
      queue:put(3)
      queue:shutdown()
      assert.equal("over", reader:await())
      assert.same({1, 2, 3}, seen)
      for _ in queue:items() do error("nothing is left") end
    end)
  end)

  it("iterates no longer when the task is cancelled, and loses no item", function()
    saros.run(function()
      local queue = saros.Queue()
      local reader = saros.create_task(function() for _ in queue:items() do error("not woken") end end)
      saros.sleep(0)
      reader:cancel()
      queue:put("kept")
      assert.is_false((pcall(reader.await, reader)))
      assert.equal("kept", queue:get())
    end)
  end)

  it("keeps the order and counts its items", function()
    local queue = saros.Queue()
    assert.is_true(queue:empty())
    queue:put_nowait("a")
    queue:put_nowait("b")
    assert.equal(2, queue:qsize())
    assert.is_false(queue:empty())
    assert.equal("a", queue:get_nowait())
    queue:put_nowait("c")
    assert.equal("b", queue:get_nowait())
    assert.equal("c", queue:get_nowait())
    assert.equal(0, queue:qsize())
  end)

  it("keeps nil and false as items", function()
    local queue = saros.Queue()
    queue:put_nowait(nil)
    queue:put_nowait(false)
    assert.equal(2, queue:qsize())
    assert.is_nil(queue:get_nowait())
    assert.is_false(queue:get_nowait())
    assert.is_true(queue:empty())
  end)

  it("has no bound unless it is given one", function()
    for _, size in ipairs {0, -1} do
      local queue = saros.Queue(size)
      assert.equal(size, queue.maxsize)
      for i = 1, 100 do queue:put_nowait(i) end
      assert.is_false(queue:full())
    end
    assert.equal(0, saros.Queue().maxsize)
  end)

  it("is full at its size, and refuses more", function()
    local queue = saros.Queue(2)
    queue:put_nowait(1)
    assert.is_false(queue:full())
    queue:put_nowait(2)
    assert.is_true(queue:full())
    raises(saros.QueueFull, queue.put_nowait, queue, 3)
    assert.equal(2, queue:qsize())
  end)

  it("refuses to give at once what it has not", function()
    local queue = saros.Queue()
    raises(saros.QueueEmpty, queue.get_nowait, queue)
  end)

  it("refuses a size that is no number", function()
    assert.error_matches(function() saros.Queue {} end,
      "bad argument #1 to 'Queue' %(number expected, got table%)")
    raises(saros.ValueError, saros.Queue, 0 / 0)
  end)

  it("makes get wait for an item", function()
    with_queue(0, function(queue, trace)
      local task = getter(queue, trace, "a")
      saros.sleep(0)
      assert.is_false(task:done())
      queue:put_nowait(1)
      saros.sleep(0)
      assert.same({"a1"}, trace)
    end)
  end)

  it("makes put wait for a slot", function()
    with_queue(1, function(queue, trace)
      putter(queue, trace, "a")
      putter(queue, trace, "b")
      saros.sleep(0)
      assert.same({"put a"}, trace)
      assert.equal("a", queue:get())
      saros.sleep(0)
      assert.same({"put a", "put b"}, trace)
      assert.equal("b", queue:get_nowait())
    end)
  end)

  it("serves getters in the order in which they came", function()
    with_queue(0, function(queue, trace)
      for _, name in ipairs {"a", "b", "c"} do getter(queue, trace, name) end
      saros.sleep(0)
      for i = 1, 3 do queue:put_nowait(i) end
      saros.sleep(0)
      assert.same({"a1", "b2", "c3"}, trace)
    end)
  end)

  it("serves putters in the order in which they came", function()
    with_queue(1, function(queue, trace)
      queue:put_nowait("first")
      for _, name in ipairs {"a", "b", "c"} do putter(queue, trace, name) end
      saros.sleep(0)
      local got = {}
      for i = 1, 4 do got[i] = queue:get() end
      assert.same({"first", "a", "b", "c"}, got)
    end)
  end)

  it("lets a task that comes first take the item, and the woken one waits on", function()
    with_queue(0, function(queue, trace)
      getter(queue, trace, "a")
      saros.sleep(0)
      queue:put_nowait(1)
      assert.equal(1, queue:get_nowait())
      saros.sleep(0)
      assert.same({}, trace)
      queue:put_nowait(2)
      saros.sleep(0)
      assert.same({"a2"}, trace)
    end)
  end)

  it("passes over a getter that was cancelled", function()
    with_queue(0, function(queue, trace)
      local first = getter(queue, trace, "a")
      getter(queue, trace, "b")
      saros.sleep(0)
      first:cancel()
      queue:put_nowait(1)
      saros.sleep(0)
      assert.same({"b1"}, trace)
    end)
  end)

  it("passes the item on when a getter is cancelled in the iteration in which it was woken", function()
    with_queue(0, function(queue, trace)
      local first = getter(queue, trace, "a")
      getter(queue, trace, "b")
      saros.sleep(0)
      queue:put_nowait(1)
      first:cancel()
      saros.sleep(0)
      assert.is_true(first:cancelled())
      assert.equal(1, queue:qsize())
      saros.sleep(0)
      assert.same({"b1"}, trace)
    end)
  end)

  it("passes the slot on when a putter is cancelled in the iteration in which it was woken", function()
    with_queue(1, function(queue, trace)
      queue:put_nowait("first")
      local a = putter(queue, trace, "a")
      putter(queue, trace, "b")
      saros.sleep(0)
      assert.equal("first", queue:get_nowait())
      a:cancel()
      saros.sleep(0)
      assert.is_true(a:cancelled())
      saros.sleep(0)
      assert.same({"put b"}, trace)
      assert.equal("b", queue:get_nowait())
    end)
  end)

  it("wakes nobody for a cancelled getter when the item is gone", function()
    with_queue(0, function(queue, trace)
      local first = getter(queue, trace, "a")
      local second = getter(queue, trace, "b")
      saros.sleep(0)
      queue:put_nowait(1)
      first:cancel()
      assert.equal(1, queue:get_nowait())
      saros.sleep(0)
      saros.sleep(0)
      assert.is_false(second:done())
      queue:put_nowait(2)
      saros.sleep(0)
      assert.same({"b2"}, trace)
    end)
  end)

  it("belongs to the loop of its first wait", function()
    local queue = saros.Queue()
    local function exchange()
      saros.create_task(queue.put, queue, 1)
      return queue:get()
    end
    assert.equal(1, saros.run(exchange))
    raises(saros.RuntimeError, saros.run, exchange)
  end)

  describe("join", function()
    it("returns at once when nothing was put in", function()
      saros.Queue():join()
    end)

    it("waits until every item's work is done", function()
      with_queue(0, function(queue, trace)
        queue:put_nowait(1)
        queue:put_nowait(2)
        local task = saros.create_task(function()
          queue:join()
          trace[1] = "joined"
        end)
        queue:get_nowait()
        queue:get_nowait()
        queue:task_done()
        saros.sleep(0)
        saros.sleep(0)
        assert.is_false(task:done())
        queue:task_done()
        saros.sleep(0)
        assert.same({"joined"}, trace)
      end)
    end)

    it("waits again after more was put in", function()
      with_queue(0, function(queue)
        queue:put_nowait(1)
        queue:task_done()
        queue:join()
        queue:put_nowait(2)
        local task = saros.create_task(queue.join, queue)
        saros.sleep(0)
        assert.is_false(task:done())
        queue:task_done()
        task:await()
      end)
    end)

    it("refuses more task_done than there were items", function()
      local queue = saros.Queue()
      raises(saros.ValueError, queue.task_done, queue)
      queue:put_nowait(1)
      queue:task_done()
      raises(saros.ValueError, queue.task_done, queue)
    end)
  end)

  describe("shutdown", function()
    it("refuses to put, and gives what is left before it refuses to get", function()
      with_queue(0, function(queue)
        queue:put_nowait(1)
        queue:put_nowait(2)
        queue:shutdown()
        raises(saros.QueueShutDown, queue.put_nowait, queue, 3)
        raises(saros.QueueShutDown, queue.put, queue, 3)
        assert.equal(1, queue:get())
        assert.equal(2, queue:get_nowait())
        raises(saros.QueueShutDown, queue.get, queue)
        raises(saros.QueueShutDown, queue.get_nowait, queue)
      end)
    end)

    it("wakes getters, who raise", function()
      with_queue(0, function(queue, trace)
        local task = getter(queue, trace, "a")
        saros.sleep(0)
        queue:shutdown()
        raises(saros.QueueShutDown, task.await, task)
        assert.same({}, trace)
      end)
    end)

    it("wakes putters, who raise", function()
      with_queue(1, function(queue, trace)
        queue:put_nowait("first")
        local task = putter(queue, trace, "a")
        saros.sleep(0)
        queue:shutdown()
        raises(saros.QueueShutDown, task.await, task)
        assert.equal("first", queue:get_nowait())
      end)
    end)

    it("drops what is left with immediate, and ends a join", function()
      with_queue(0, function(queue)
        queue:put_nowait(1)
        queue:put_nowait(2)
        local task = saros.create_task(queue.join, queue)
        saros.sleep(0)
        queue:shutdown {immediate = true}
        assert.is_true(queue:empty())
        task:await()
        raises(saros.QueueShutDown, queue.get, queue)
      end)
    end)

    it("leaves a join waiting for items that were taken out before", function()
      with_queue(0, function(queue)
        queue:put_nowait(1)
        queue:put_nowait(2)
        queue:get_nowait()
        local task = saros.create_task(queue.join, queue)
        saros.sleep(0)
        queue:shutdown {immediate = true}
        saros.sleep(0)
        saros.sleep(0)
        assert.is_false(task:done())
        queue:task_done()
        task:await()
      end)
    end)

    it("may be called twice", function()
      with_queue(0, function(queue)
        queue:put_nowait(1)
        queue:shutdown()
        queue:shutdown {immediate = true}
        raises(saros.QueueShutDown, queue.get_nowait, queue)
      end)
    end)

    it("refuses options that it does not know", function()
      local queue = saros.Queue()
      local failure = raises(saros.ValueError, queue.shutdown, queue, {now = true})
      assert.matches("known: immediate", failure.message)
      assert.error_matches(function() queue:shutdown(true) end,
        "bad argument #1 to 'shutdown' %(table expected, got boolean%)")
    end)
  end)

  describe("PriorityQueue", function()
    -- Puts all in, and gives them in the order in which they come out.
    local function sorted(...)
      local queue, result = saros.PriorityQueue(), {}
      for i = 1, select("#", ...) do queue:put_nowait((select(i, ...))) end
      while not queue:empty() do result[#result + 1] = queue:get_nowait() end
      return result
    end

    it("gives the smallest first: numbers, strings, lists, objects", function()
      assert.same({1, 2, 2.5, 3}, sorted(3, 1, 2.5, 2))
      assert.same({"a", "b", "c"}, sorted("b", "c", "a"))
      assert.same({{1, "b"}, {2, "a"}, {2, "c"}}, sorted({2, "c"}, {1, "b"}, {2, "a"}))
      local class = {__lt = function(a, b) return a.rank < b.rank end}
      local low, high = setmetatable({rank = 1}, class), setmetatable({rank = 2}, class)
      local first, second = table.unpack(sorted(high, low))
      assert.equal(low, first)
      assert.equal(high, second)
    end)

    it("gives what is put in later first when it is smaller", function()
      local queue = saros.PriorityQueue()
      queue:put_nowait(5)
      queue:put_nowait(1)
      assert.equal(1, queue:get_nowait())
      queue:put_nowait(3)
      assert.equal(3, queue:get_nowait())
      assert.equal(5, queue:get_nowait())
    end)

    it("refuses an item that cannot be compared, names the types, and is as it was", function()
      local queue = saros.PriorityQueue()
      queue:put_nowait(1)
      assert.error_matches(function() queue:put_nowait("text") end, "attempt to compare string with number")
      assert.error_matches(function() queue:put_nowait({1}) end, "attempt to compare table with number")
      assert.error_matches(function() queue:put_nowait(print) end, "attempt to compare function with number")
      assert.equal(1, queue:qsize())
      assert.equal(1, queue:get_nowait())
      assert.is_true(queue:empty())
      queue:task_done()
      raises(saros.ValueError, queue.task_done, queue)
    end)

    it("refuses nil, whatever is in it: it used to come last", function()
      saros.run(function()
        local queue = saros.PriorityQueue()
        blames(function() queue:put_nowait(nil) end, "bad argument #1 to 'put' (item to compare expected, got nil)")
        blames(function() queue:put() end, "bad argument #1 to 'put' (item to compare expected, got nil)")
        assert.is_true(queue:empty())
      end)
    end)

    it("wakes nobody for an item that it refused", function()
      saros.run(function()
        local queue = saros.PriorityQueue(1)
        queue:put_nowait(1)
        local task = saros.create_task(queue.put, queue, "text")
        saros.sleep(0)
        assert.equal(1, queue:get_nowait())
        queue:put_nowait(2)
        saros.sleep(0)
        assert.is_false(task:done()) -- it was woken for a slot that is taken
        assert.equal(2, queue:get())
        task:await()
        assert.equal("text", queue:get_nowait())
      end)
    end)

    it("makes get and put wait as a queue does, at its size", function()
      saros.run(function()
        local queue, got = saros.PriorityQueue(2), {}
        assert.equal(2, queue.maxsize)
        local getters = {}
        for i = 1, 4 do
          getters[i] = saros.create_task(function()
            local item = queue:get()
            got[#got + 1] = item
          end)
        end
        saros.sleep(0)
        for _, item in ipairs {4, 1, 3, 2} do queue:put(item) end
        saros.gather(getters):await()
        -- Each two that fit in come out in order.
        assert.same({1, 4, 2, 3}, got)
      end)
    end)

    it("drops nothing at shutdown but with immediate", function()
      saros.run(function()
        local queue = saros.PriorityQueue()
        for _, item in ipairs {3, 1, 2} do queue:put_nowait(item) end
        queue:shutdown()
        raises(saros.QueueShutDown, queue.put_nowait, queue, 0)
        assert.equal(1, queue:get())
        queue:shutdown {immediate = true}
        raises(saros.QueueShutDown, queue.get, queue)
        assert.equal(0, queue:qsize())
      end)
    end)

    it("sorts 2,000 items #many", function()
      local queue = saros.PriorityQueue()
      for i = 1, 2000 do queue:put_nowait(i * 7919 % 2003) end
      local previous = -1
      for _ = 1, 2000 do
        local item = queue:get_nowait()
        assert.is_true(item > previous)
        previous = item
      end
    end)
  end)

  describe("LifoQueue", function()
    it("gives the newest first, nil and false too", function()
      local queue = saros.LifoQueue()
      queue:put_nowait("a")
      queue:put_nowait(nil)
      queue:put_nowait(false)
      assert.equal(3, queue:qsize())
      assert.is_false(queue:get_nowait())
      assert.is_nil(queue:get_nowait())
      queue:put_nowait("b")
      assert.equal("b", queue:get_nowait())
      assert.equal("a", queue:get_nowait())
      raises(saros.QueueEmpty, queue.get_nowait, queue)
    end)

    it("makes get and put wait as a queue does, at its size", function()
      saros.run(function()
        local queue, trace = saros.LifoQueue(1), {}
        putter(queue, trace, "a")
        putter(queue, trace, "b")
        saros.sleep(0)
        assert.same({"put a"}, trace)
        assert.is_true(queue:full())
        assert.equal("a", queue:get())
        saros.sleep(0)
        assert.equal("b", queue:get())
        getter(queue, trace, "got ")
        saros.sleep(0)
        queue:put_nowait("c")
        saros.sleep(0)
        assert.same({"put a", "put b", "got c"}, trace)
      end)
    end)

    it("drops nothing at shutdown but with immediate", function()
      saros.run(function()
        local queue = saros.LifoQueue()
        for _, item in ipairs {1, 2, 3} do queue:put_nowait(item) end
        local join = saros.create_task(queue.join, queue)
        queue:shutdown()
        assert.equal(3, queue:get())
        queue:task_done()
        queue:shutdown {immediate = true}
        raises(saros.QueueShutDown, queue.get_nowait, queue)
        join:await()
      end)
    end)
  end)

  for _, class in ipairs {saros.Queue, saros.PriorityQueue, saros.LifoQueue} do
    describe(tostring(class), function()
      local name = tostring(class):match("%a+$")

      it("says its name in its errors", function()
        blames(function() class({}) end, ("bad argument #1 to '%s' (number expected, got table)"):format(name))
        local queue = class()
        local failure = raises(saros.RuntimeError, queue.get, queue)
        assert.equal("cannot wait for the " .. name .. " outside a task: no running event loop", failure.message)
      end)

      it("belongs to one loop at both ends", function()
        local queue = class(1)
        saros.run(function()
          saros.create_task(queue.put, queue, 1)
          queue:get()
        end)
        saros.run(function()
          queue:put_nowait(1)
          local failure = raises(saros.RuntimeError, queue.put, queue, 2)
          assert.equal("this " .. name .. " is bound to a different event loop", failure.message)
        end)
      end)

      it("serves 2,000 getters in their order, whatever many of them are cancelled #many", function()
        saros.run(function()
          local queue, trace, tasks, expected = class(), {}, {}, {}
          for i = 1, 2000 do
            tasks[i] = saros.create_task(function()
              queue:get()
              trace[#trace + 1] = i
            end)
          end
          saros.sleep(0)
          for i = 1, 2000 do
            if i % 3 == 0 then
              tasks[i]:cancel()
            else
              expected[#expected + 1] = i
              queue:put_nowait(i)
            end
          end
          saros.gather(tasks, {return_exceptions = true}):await()
          assert.same(expected, trace)
        end)
      end)
    end)
  end
end)
