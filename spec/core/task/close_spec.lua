-- Closing a loop on which work is pending.

local saros = require "saros"
local raises = require "spec.support.raises"

local function closer(fn)
  return setmetatable({}, { __close = fn })
end

describe("core.task.close", function()
  local loop, contexts, order

  local function record(...)
    order[#order + 1] = table.concat({ ... }, " ")
  end

  before_each(function()
    loop = saros.new_event_loop()
    contexts, order = {}, {}
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)
  after_each(function() loop:close() end)

  it("raises CancelledError where tasks wait, in order of creation, and runs their scopes", function()
    local future, other = loop:create_future(), loop:create_task(saros.sleep, 3600)
    local waits = {
      function() saros.sleep(3600) end,
      function() saros.sleep(0) end,
      function() future:await() end,
      function() other:await() end,
      function() coroutine.yield() end,
      function() saros.gather(future, other):await() end,
    }
    local tasks = {}
    for i, wait in ipairs(waits) do
      tasks[i] = loop:create_task(function()
        local _ <close> = closer(function(_, err) record(i, tostring(saros.is_error(err, saros.CancelledError))) end)
        wait()
        record(i, "must not go on")
      end)
    end
    loop:run_once()
    loop:close()
    assert.same({ "1 true", "2 true", "3 true", "4 true", "5 true", "6 true" }, order)
    for i = 1, #waits do
      assert.is_true(tasks[i]:cancelled())
      assert.is_nil(tasks[i]:get_coro())
    end
    assert.is_true(other:cancelled())
    assert.is_false(future:done())
    assert.equal(0, #contexts)
  end)

  it("never starts a task that did not start", function()
    local task = loop:create_task(record, "must not run")
    loop:close()
    assert.same({}, order)
    assert.is_true(task:cancelled())
  end)

  it("refuses further awaits in the scopes, each with a CancelledError", function()
    loop:create_task(function()
      local _ <close> = closer(function()
        for _ = 1, 3 do
          local ok, err = pcall(saros.sleep, 0)
          record(tostring(ok), tostring(saros.is_error(err, saros.CancelledError)))
        end
        record(tostring((pcall(saros.await, loop:create_future()))))
      end)
      saros.sleep(3600)
    end)
    loop:run_once()
    loop:close()
    assert.same({ "false true", "false true", "false true", "false" }, order)
  end)

  it("reports an error that a body or a scope raises meanwhile", function()
    loop:create_task(function()
      local _ <close> = closer(function() error("in a scope", 0) end)
      saros.sleep(3600)
    end):set_name("one")
    loop:create_task(function()
      pcall(saros.sleep, 3600)
      error(saros.ValueError("in a body"))
    end):set_name("two")
    loop:run_once()
    loop:close()
    assert.equal(2, #contexts)
    assert.equal("in a scope", contexts[1].exception)
    assert.equal("one", contexts[1].task:get_name())
    assert.equal("in a body", contexts[2].exception.message)
    assert.equal("two", contexts[2].task:get_name())
  end)

  it("lets a body end well that swallows the cancellation", function()
    local task = loop:create_task(function()
      pcall(saros.sleep, 3600)
      return "fine"
    end)
    loop:run_once()
    loop:close()
    assert.is_false(task:cancelled())
    assert.equal("fine", task:result())
    assert.equal(0, #contexts)
  end)

  it("abandons a body that will not end, and reports it", function()
    local turns = 0
    local task = loop:create_task(function()
      while true do
        turns = turns + 1
        pcall(saros.sleep, 0)
      end
    end):set_name("stubborn")
    local other = loop:create_task(function()
      local _ <close> = closer(function() record("another's scope") end)
      saros.sleep(3600)
    end)
    loop:run_once()
    loop:close()
    assert.is_true(loop:is_closed())
    assert.is_true(turns > 1)
    assert.same({ "another's scope" }, order)
    assert.is_true(other:cancelled())
    assert.equal(1, #contexts)
    assert.equal(task, contexts[1].task)
    assert.is_string(contexts[1].message)
    local before = turns
    task = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal(before, turns)
  end)

  it("abandons a body that yields for ever", function()
    loop:create_task(function() while true do pcall(function() coroutine.yield() end) end end)
    loop:run_once()
    loop:close()
    assert.equal(1, #contexts)
    assert.is_not_nil(contexts[1].task)
  end)

  it("runs no callbacks any more, nor done callbacks of the tasks it ends", function()
    local task = loop:create_task(saros.sleep, 3600)
    task:add_done_callback(function() record("must not run") end)
    loop:call_soon(record, "first iteration")
    loop:run_once()
    loop:call_soon(record, "must not run")
    loop:call_later(0, record, "must not run")
    loop:close()
    assert.same({ "first iteration" }, order)
  end)

  it("ends tasks that the scopes create meanwhile", function()
    local late
    loop:create_task(function()
      local _ <close> = closer(function()
        late = loop:create_task(record, "must not run")
        record("created")
      end)
      saros.sleep(3600)
    end)
    loop:run_once()
    loop:close()
    assert.same({ "created" }, order)
    assert.is_true(late == nil or late:cancelled())
    assert.same({}, saros.all_tasks(loop))
  end)

  it("knows the current task and loop inside the scopes", function()
    local task
    task = loop:create_task(function()
      local _ <close> = closer(function()
        record(tostring(saros.current_task() == task), tostring(saros.get_running_loop() == loop))
      end)
      saros.sleep(3600)
    end)
    loop:run_once()
    loop:close()
    assert.same({ "true true" }, order)
    raises(saros.RuntimeError, saros.get_running_loop)
  end)

  it("may be asked for inside a scope, to no effect", function()
    loop:create_task(function()
      local _ <close> = closer(function()
        record(tostring((pcall(loop.close, loop))))
        record(tostring((pcall(loop.run_once, loop))))
        record(tostring((pcall(loop.run_forever, loop))))
      end)
      saros.sleep(3600)
    end)
    loop:run_once()
    loop:close()
    assert.equal(3, #order)
    assert.equal("false", order[2])
    assert.equal("false", order[3])
    assert.is_true(loop:is_closed())
  end)

  it("closes a loop that was stopped in the middle of everything", function()
    for _ = 1, 20 do
      loop:create_task(function()
        local _ <close> = closer(function() record("closed") end)
        local inner = loop:create_task(saros.sleep, 0.5)
        saros.wait_for(inner, 1)
      end)
    end
    loop:call_later(0.001, loop.stop, loop)
    loop:run_forever()
    loop:close()
    assert.equal(20, #order)
    assert.equal(0, #contexts)
  end)

  it("lets go of all tasks", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local future = loop:create_future()
      for i = 1, 20 do
        local task = loop:create_task(function() return i % 2 == 0 and future:await() or saros.sleep(3600) end)
        weak[task] = true
      end
      weak[future] = true
      loop:run_once()
    end
    loop:close()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("does all this for 10,000 tasks", function()
    local closed = 0
    local scope = closer(function() closed = closed + 1 end)
    for _ = 1, 10000 do
      loop:create_task(function()
        local _ <close> = scope
        saros.sleep(3600)
      end)
    end
    loop:run_once()
    loop:close()
    assert.equal(10000, closed)
  end)
end)
