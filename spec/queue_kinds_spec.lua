local saros = require "saros"
local blames = require "spec.support.blames"
local queues = require "spec.support.queues"
local raises = require "spec.support.raises"

local getter, putter = queues.getter, queues.putter

describe("saros.queue", function()
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
end)
