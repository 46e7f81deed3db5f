local saros = require "saros"
local WaitQueue = require "saros.wait_queue"
local raises = require "spec.support.raises"

-- Runs `main` with tasks that park in a queue; `order` collects who was woken.
local function with_waiters(count, main)
  return saros.run(function()
    local queue = WaitQueue.new({})
    local order, tasks = {}, {}
    for i = 1, count do
      tasks[i] = saros.create_task(function()
        local ok, failure, woken = queue:park()
        order[#order + 1] = ok and i or -i
        if not ok then error(failure, 0) end
        return woken
      end)
    end
    saros.sleep(0)
    main(queue, tasks, order)
    saros.sleep(0)
    saros.sleep(0)
    return order
  end)
end

describe("saros.wait_queue", function()
  it("wakes the first who came", function()
    local order = with_waiters(3, function(queue)
      assert.is_true(queue:wake_next())
      assert.is_true(queue:wake_next())
    end)
    -- The third one was cancelled when the program ended.
    assert.same({1, 2, -3}, order)
  end)

  it("wakes all in the order of arrival", function()
    assert.same({1, 2, 3, 4}, with_waiters(4, function(queue) queue:wake_all() end))
  end)

  it("says when there is nobody to wake", function()
    with_waiters(1, function(queue)
      assert.is_true(queue:wake_next())
      assert.is_false(queue:wake_next())
    end)
  end)

  it("tells whether anybody is in it", function()
    assert.is_true(WaitQueue.new({}):is_empty())
    with_waiters(2, function(queue)
      assert.is_false(queue:is_empty())
      queue:wake_next()
      assert.is_false(queue:is_empty())
      queue:wake_next()
      assert.is_true(queue:is_empty())
    end)
  end)

  it("tells the loop without binding its owner to it", function()
    local queue = WaitQueue.new({})
    raises(saros.RuntimeError, queue.check_loop, queue)
    for _ = 1, 2 do
      saros.run(function() assert.equal(saros.get_running_loop(), queue:check_loop()) end)
    end
  end)

  it("passes over those who were cancelled, wherever they stand", function()
    local order = with_waiters(5, function(queue, tasks)
      tasks[1]:cancel()
      tasks[3]:cancel()
      assert.is_true(queue:wake_next())
      tasks[5]:cancel()
      queue:wake_all()
    end)
    assert.same({-1, -3, 2, -5, 4}, order)
  end)

  it("keeps its order when waiters leave from the middle and others come", function()
    local order = with_waiters(3, function(queue, tasks)
      tasks[2]:cancel()
      saros.sleep(0)
      saros.sleep(0)
      saros.create_task(function() queue:park() end)
      saros.sleep(0)
      queue:wake_all()
    end)
    assert.same({-2, 1, 3}, order)
  end)

  it("tells a cancelled waiter that it had been woken", function()
    saros.run(function()
      local queue = WaitQueue.new({})
      local results
      local task = saros.create_task(function() results = table.pack(queue:park()) end)
      saros.sleep(0)
      queue:wake_next()
      task:cancel()
      saros.sleep(0)
      assert.is_false(results[1])
      assert.is_true(saros.is_error(results[2], saros.CancelledError))
      assert.is_true(results[3])
    end)
  end)

  it("tells a cancelled waiter that it had not been woken", function()
    saros.run(function()
      local queue = WaitQueue.new({})
      local results
      local task = saros.create_task(function() results = table.pack(queue:park()) end)
      saros.sleep(0)
      task:cancel()
      saros.sleep(0)
      assert.is_false(results[1])
      assert.is_false(results[3])
    end)
  end)

  it("does not grow while waiters come and go behind one that stays", function()
    with_waiters(1, function(queue)
      for _ = 1, 2000 do
        local task = saros.create_task(queue.park, queue)
        saros.sleep(0)
        task:cancel()
        saros.sleep(0)
      end
      local entries = 0
      for _ in pairs(queue.waiters) do entries = entries + 1 end
      assert.equal(1, entries)
      assert.is_true(queue:wake_next())
      assert.is_false(queue:wake_next())
    end)
  end)

  it("belongs to the loop of its first wait", function()
    local queue = WaitQueue.new(setmetatable({}, {__name = "Gate"}))
    local function wait()
      saros.create_task(queue.wake_next, queue)
      return queue:park()
    end
    assert.is_true(saros.run(wait))
    local failure = raises(saros.RuntimeError, saros.run, wait)
    assert.matches("Gate is bound to a different event loop", failure.message)
  end)
end)
