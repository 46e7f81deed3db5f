local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

local function after(seconds, name, fails)
  return saros.create_task(function()
    saros.sleep(seconds)
    if fails then error(name, 0) end
    return name
  end)
end

describe("saros.as_completed", function()
  it("gives the very futures as they get done", function()
    ticking.run(function()
      local list = {after(9, "slow"), after(2, "quick"), after(5, "middle")}
      local order = {}
      for future in saros.as_completed(list) do
        assert.is_true(future:done())
        order[#order + 1] = future
      end
      assert.same({list[2], list[3], list[1]}, order)
    end)
  end)

  it("gives those that are done already in the order of the list", function()
    saros.run(function()
      local list = {}
      for i = 1, 4 do list[i] = saros.create_task(function() return i end) end
      saros.sleep(0)
      local order = {}
      for future in saros.as_completed(list) do order[#order + 1] = future:result() end
      assert.same({1, 2, 3, 4}, order)
    end)
  end)

  it("runs functions as tasks at once, and counts the same future once", function()
    saros.run(function()
      local future = saros.get_running_loop():create_future()
      local started = 0
      local function body() started = started + 1 return "body" end
      local iterator = saros.as_completed {body, future, body, future}
      saros.sleep(0)
      assert.equal(2, started)
      future:set_result("future")
      local results = {}
      for done in iterator do results[#results + 1] = done:result() end
      assert.same({"body", "body", "future"}, results)
    end)
  end)

  it("gives nothing for an empty list", function()
    saros.run(function()
      for _ in saros.as_completed({}, {timeout = 0}) do error("nothing was asked for") end
    end)
  end)

  it("ends with nil, again and again", function()
    saros.run(function()
      local iterator = saros.as_completed {function() end}
      assert.is_true(saros.isfuture(iterator()))
      assert.is_nil(iterator())
      assert.is_nil(iterator())
    end)
  end)

  it("gives those that failed or were cancelled, and leaves their errors to the program", function()
    ticking.run(function()
      local bad, cancelled = after(2, "bad", true), after(50, "cancelled")
      saros.get_running_loop():call_later(5, cancelled.cancel, cancelled)
      local order = {}
      for future in saros.as_completed {cancelled, bad} do order[#order + 1] = future end
      assert.same({bad, cancelled}, order)
      assert.same({false, "bad"}, {pcall(bad.await, bad)})
      raises(saros.CancelledError, cancelled.await, cancelled)
    end)
  end)

  it("may be left early; the others go on", function()
    ticking.run(function()
      local slow = after(9, "slow")
      for future in saros.as_completed({after(2, "quick"), slow}, {timeout = 50}) do
        if future:result() == "quick" then break end
      end
      assert.is_false(slow:done())
      assert.equal("slow", slow:await())
      saros.sleep(60)
    end)
  end)

  describe("with a timeout", function()
    it("raises when the time is over, once for each that is late, and cancels none", function()
      ticking.run(function()
        local late = {after(50, "late"), after(60, "later")}
        local iterator = saros.as_completed({late[1], after(2, "quick"), late[2]}, {timeout = 10})
        assert.equal("quick", iterator():result())
        raises(saros.TimeoutError, iterator)
        raises(saros.TimeoutError, iterator)
        assert.is_nil(iterator())
        assert.equal("late", late[1]:await())
        assert.equal("later", late[2]:await())
      end)
    end)

    it("still gives what was done before the time was over", function()
      ticking.run(function()
        local iterator = saros.as_completed({after(2, "quick"), after(50, "late")}, {timeout = 10})
        saros.sleep(20)
        assert.equal("quick", iterator():result())
        raises(saros.TimeoutError, iterator)
        assert.is_nil(iterator())
      end)
    end)

    it("counts the seconds from the call", function()
      ticking.run(function()
        local loop = saros.get_running_loop()
        local start = loop:time()
        local iterator = saros.as_completed({after(500, "late")}, {timeout = 10})
        saros.sleep(5)
        raises(saros.TimeoutError, iterator)
        assert.is_true(loop:time() - start >= 10)
        assert.is_true(loop:time() - start < 15)
      end)
    end)

    it("of 0 raises unless they are done already", function()
      ticking.run(function()
        local done = after(1, "done")
        done:await()
        local iterator = saros.as_completed({done, after(50, "late")}, {timeout = 0})
        assert.equal(done, iterator())
        raises(saros.TimeoutError, iterator)
      end)
    end)
  end)

  it("takes its timer back once all are done", function()
    ticking.run(function()
      local loop, handle = saros.get_running_loop(), nil
      function loop:call_later(...)
        handle = saros.EventLoop.call_later(self, ...)
        return handle
      end
      local futures = {loop:create_future(), loop:create_future()}
      local iterator = saros.as_completed(futures, {timeout = 50})
      futures[1]:set_result()
      iterator()
      assert.is_false(handle:cancelled())
      futures[2]:set_result()
      iterator()
      assert.is_true(handle:cancelled())
    end)
  end)

  it("is cancelled where it waits, and leaves the futures alone", function()
    ticking.run(function()
      local inner = after(20, "inner")
      local outer = saros.create_task(function()
        for _ in saros.as_completed {inner} do error("not yet") end
      end)
      saros.sleep(2)
      outer:cancel()
      raises(saros.CancelledError, outer.await, outer)
      assert.equal("inner", inner:await())
    end)
  end)

  it("lets several tasks share an iterator", function()
    ticking.run(function()
      local iterator = saros.as_completed {after(4, "b"), after(2, "a"), after(6, "c")}
      local function take() return iterator():result() end
      assert.same({n = 3, "a", "b", "c"}, saros.gather(take, take, take):await())
      assert.is_nil(iterator())
    end)
  end)

  it("serves 2,000 futures #many", function()
    saros.run(function()
      local list, count = {}, 0
      for i = 1, 2000 do list[i] = saros.create_task(saros.sleep, 0, i) end
      for future in saros.as_completed(list) do
        count = count + 1
        assert.equal(count, future:result())
      end
      assert.equal(2000, count)
    end)
  end)

  describe("refuses", function()
    it("options that it does not know, or of the wrong type", function()
      saros.run(function()
        assert.matches("known: timeout", raises(saros.ValueError, saros.as_completed, {}, {limit = 1}).message)
        blames(function() saros.as_completed({}, {timeout = {}}) end,
          "bad argument #2 to 'as_completed' (option 'timeout': number expected, got table)")
      end)
    end)

    it("functions outside a loop, and steps outside a task", function()
      raises(saros.RuntimeError, saros.as_completed, {print})
      local loop <close> = saros.new_event_loop()
      local iterator = saros.as_completed {loop:create_future()}
      raises(saros.RuntimeError, iterator)
    end)
  end)
end)
