local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

-- A task that sleeps for some seconds, then returns its name, or raises it.
local function after(seconds, name, fails)
  return saros.create_task(function()
    saros.sleep(seconds)
    if fails then error(name, 0) end
    return name
  end):set_name(name)
end

local function pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

local function names(list)
  local result = {}
  for i, task in ipairs(list) do result[i] = task:get_name() end
  return result
end

-- Runs a program, and gives what reached the exception handler.
local function reported(main)
  local contexts = {}
  ticking.run(function()
    saros.get_running_loop():set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
    main()
  end)
  collectgarbage()
  collectgarbage()
  return contexts
end

describe("saros.wait", function()
  it("waits for all, and gives them in the order of the list", function()
    ticking.run(function()
      local list = {after(9, "slow"), after(3, "quick"), after(6, "middle")}
      local done, pending = saros.wait(list)
      assert.same({"slow", "quick", "middle"}, names(done))
      assert.same({}, pending)
      assert.equal(list[1], done[1])
      assert.equal("slow", done[1]:result())
    end)
  end)

  it("takes the same future twice as one", function()
    ticking.run(function()
      local task = after(2, "one")
      local done, pending = saros.wait {task, task}
      assert.same({task}, done)
      assert.same({}, pending)
    end)
  end)

  it("suspends for one turn when all are done already, as asyncio does", function()
    saros.run(function()
      local task = saros.create_task(function() return 1 end)
      task:await()
      local turns = 0
      saros.get_running_loop():call_soon(function() turns = turns + 1 end)
      assert.same({task}, (saros.wait {task}))
      assert.equal(1, turns)
    end)
  end)

  it("does not raise the errors of those that failed, nor retrieve them", function()
    local contexts = reported(function()
      local done = saros.wait {after(1, "bad", true), after(2, "good")}
      assert.same({"bad", "good"}, names(done))
    end)
    assert.equal(1, #contexts)
    assert.equal("bad", contexts[1].exception)
  end)

  it("counts a cancelled one as done", function()
    ticking.run(function()
      local tasks = {after(50, "cancelled"), after(2, "good")}
      saros.get_running_loop():call_later(4, tasks[1].cancel, tasks[1])
      local done, pending = saros.wait(tasks)
      assert.same({"cancelled", "good"}, names(done))
      assert.same({}, pending)
      assert.is_true(tasks[1]:cancelled())
    end)
  end)

  describe("with FIRST_COMPLETED", function()
    it("returns when one is done, and leaves the others alone", function()
      ticking.run(function()
        local done, pending = saros.wait({after(9, "slow"), after(2, "quick"), after(50, "late")},
          {return_when = saros.FIRST_COMPLETED})
        assert.same({"quick"}, names(done))
        assert.same({"slow", "late"}, names(pending))
        assert.equal("slow", pending[1]:await())
      end)
    end)

    it("gives all that were done in the same turn", function()
      saros.run(function()
        local loop = saros.get_running_loop()
        local a, b, c = loop:create_future(), loop:create_future(), loop:create_future()
        loop:call_soon(function()
          c:set_result()
          a:set_result()
        end)
        local done, pending = saros.wait({a, b, c}, {return_when = saros.FIRST_COMPLETED})
        assert.same({a, c}, done)
        assert.same({b}, pending)
      end)
    end)
  end)

  describe("with FIRST_EXCEPTION", function()
    it("returns when one has failed", function()
      local contexts = reported(function()
        local done, pending = saros.wait({after(2, "good"), after(5, "bad", true), after(90, "late")},
          {return_when = saros.FIRST_EXCEPTION})
        assert.same({"good", "bad"}, names(done))
        assert.same({"late"}, names(pending))
      end)
      assert.equal(0, #contexts) -- it looked at the error
    end)

    it("returns for an error that is nil", function()
      ticking.run(function()
        local failing = saros.create_task(function() error(nil) end)
        local done, pending = saros.wait({failing, after(90, "late")}, {return_when = saros.FIRST_EXCEPTION})
        assert.same({failing}, done)
        assert.same({"late"}, names(pending))
      end)
    end)

    it("waits on when one is cancelled, for all when none fails", function()
      ticking.run(function()
        local tasks = {after(90, "cancelled"), after(8, "good")}
        tasks[1]:cancel()
        local done = saros.wait(tasks, {return_when = saros.FIRST_EXCEPTION})
        assert.same({"cancelled", "good"}, names(done))
      end)
    end)
  end)

  describe("with a timeout", function()
    it("gives what is done by then, without an error, and cancels nothing", function()
      ticking.run(function()
        local done, pending = saros.wait({after(90, "slow"), after(3, "quick")}, {timeout = 10})
        assert.same({"quick"}, names(done))
        assert.same({"slow"}, names(pending))
        assert.is_false(pending[1]:cancelled())
        assert.equal("slow", pending[1]:await())
      end)
    end)

    it("of 0 or less gives what is done after a turn or two", function()
      for _, timeout in ipairs {0, -1} do
        ticking.run(function()
          local done, pending = saros.wait({after(90, "slow"), saros.create_task(function() end):set_name("now")},
            {timeout = timeout})
          assert.same({"now"}, names(done))
          assert.same({"slow"}, names(pending))
        end)
      end
    end)

    it("forgets the time when all are done before", function()
      ticking.run(function()
        local loop = saros.get_running_loop()
        saros.wait({after(2, "quick")}, {timeout = 1000})
        assert.is_true(loop:time() < 100)
        assert.equal(0, saros.current_task():cancelling())
      end)
    end)
  end)

  it("leaves the futures alone when it is cancelled, and listens to them no more", function()
    ticking.run(function()
      local inner = after(20, "inner")
      local outer = saros.create_task(saros.wait, {inner}, {timeout = 50})
      saros.sleep(2)
      outer:cancel("enough")
      assert.equal("enough", raises(saros.CancelledError, outer.await, outer).message)
      assert.is_false(inner:done())
      assert.equal("inner", inner:await())
    end)
  end)

  it("takes its timer back, however it ends", function()
    ticking.run(function()
      local loop, handles = saros.get_running_loop(), {}
      function loop:call_later(...)
        local handle = saros.EventLoop.call_later(self, ...)
        handles[#handles + 1] = handle
        return handle
      end
      local future = loop:create_future()
      local cancelled = saros.create_task(saros.wait, {future}, {timeout = 50})
      local succeeding = saros.create_task(saros.wait, {future}, {timeout = 60})
      pass(1)
      assert.equal(2, #handles)
      cancelled:cancel()
      pass(1)
      assert.is_true(handles[1]:cancelled())
      assert.is_false(handles[2]:cancelled())
      future:set_result()
      succeeding:await()
      assert.is_true(handles[2]:cancelled())
    end)
  end)

  it("is let go by a future that is done in the turn in which the time is over", function()
    ticking.run(function()
      local loop = saros.get_running_loop()
      local future = loop:create_future()
      loop:call_later(5, future.set_result, future, "just")
      local done = saros.wait({future}, {timeout = 5})
      assert.same({future}, done)
    end)
  end)

  it("serves 2,000 futures #many", function()
    saros.run(function()
      local list = {}
      for i = 1, 2000 do list[i] = saros.create_task(saros.sleep, 0, i) end
      local done, pending = saros.wait(list)
      assert.same(list, done)
      assert.same({}, pending)
    end)
  end)

  describe("refuses", function()
    it("an empty list", function()
      saros.run(function()
        raises(saros.ValueError, saros.wait, {})
      end)
    end)

    it("functions, which nobody could find in the results", function()
      saros.run(function()
        blames(function() saros.wait {print} end,
          "bad argument #1 to 'wait' (list of futures expected, got function at index 1)")
      end)
    end)

    it("options that it does not know, or of the wrong type", function()
      saros.run(function()
        local list = {saros.get_running_loop():create_future()}
        assert.matches("known: return_when, timeout", raises(saros.ValueError, saros.wait, list, {limit = 1}).message)
        assert.matches("invalid return_when 'SOON'",
          raises(saros.ValueError, saros.wait, list, {return_when = "SOON"}).message)
        blames(function() saros.wait(list, {timeout = "1"}) end,
          "bad argument #2 to 'wait' (option 'timeout': number expected, got string)")
        blames(function() saros.wait(list, 5) end, "bad argument #2 to 'wait' (table expected, got number)")
      end)
    end)

    it("to wait outside a task", function()
      local loop <close> = saros.new_event_loop()
      raises(saros.RuntimeError, saros.wait, {loop:create_future()})
    end)
  end)
end)
