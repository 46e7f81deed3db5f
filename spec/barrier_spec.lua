local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"

local function pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

-- Tasks that wait at the barrier; each leaves its result, or the name of its error, in the trace.
local function arrive(barrier, trace, count)
  local tasks = {}
  for i = 1, count do
    tasks[i] = saros.create_task(function()
      local ok, result = pcall(barrier.wait, barrier)
      trace[#trace + 1] = ok and result or result.name
      if not ok then error(result, 0) end
    end)
    tasks[i]:add_done_callback(function(task) return task:cancelled() or task:exception() end)
  end
  return tasks
end

-- Awaits all, whatever their ends.
local function finish(tasks)
  return saros.gather(tasks, {return_exceptions = true}):await()
end

-- Runs `main(barrier, trace)` with a barrier for so many parties.
local function with_barrier(parties, main)
  saros.run(function() main(saros.Barrier(parties), {}) end)
end

describe("saros.barrier", function()
  it("begins empty and whole", function()
    local barrier = saros.Barrier(3)
    assert.equal(3, barrier.parties)
    assert.equal(0, barrier.n_waiting)
    assert.is_false(barrier.broken)
  end)

  it("refuses parties that are no number, and fewer than one", function()
    blames(function() saros.Barrier() end, "bad argument #1 to 'Barrier' (number expected, got nil)")
    blames(function() saros.Barrier({}) end, "bad argument #1 to 'Barrier' (number expected, got table)")
    assert.equal("parties must be > 0, got 0", raises(saros.ValueError, saros.Barrier, 0).message)
    assert.equal("parties must be a whole number, got 1.5", raises(saros.ValueError, saros.Barrier, 1.5).message)
    raises(saros.ValueError, saros.Barrier, -3)
    raises(saros.ValueError, saros.Barrier, 0 / 0)
  end)

  it("of one party never waits", function()
    local barrier = saros.Barrier(1)
    assert.equal(1, barrier:wait())
    assert.equal(1, barrier:wait())
    assert.equal(0, barrier.n_waiting)
  end)

  it("cannot be waited for outside a loop, and is empty still", function()
    local barrier = saros.Barrier(2)
    raises(saros.RuntimeError, barrier.wait, barrier)
    assert.equal(0, barrier.n_waiting)
  end)

  it("keeps all until the last has come, and gives each its place in the order of arrival", function()
    with_barrier(3, function(barrier, trace)
      local tasks = arrive(barrier, trace, 2)
      pass(5)
      assert.equal(2, barrier.n_waiting)
      assert.same({}, trace)
      assert.equal(3, barrier:wait())
      finish(tasks)
      assert.same({1, 2}, trace)
      assert.equal(0, barrier.n_waiting)
      assert.is_false(barrier.broken)
    end)
  end)

  it("counts who waits while it fills, and nobody while it drains", function()
    with_barrier(3, function(barrier, trace)
      for i = 1, 2 do
        arrive(barrier, trace, 1)
        pass(1)
        assert.equal(i, barrier.n_waiting)
      end
      barrier:wait()
      assert.same({}, trace) -- they are still inside
      assert.equal(0, barrier.n_waiting)
    end)
  end)

  it("works again and again", function()
    with_barrier(3, function(barrier)
      local trace = {}
      local function party(name)
        for round = 1, 4 do
          barrier:wait()
          trace[#trace + 1] = round .. name
        end
      end
      local tasks = {}
      for i, name in ipairs {"a", "b", "c"} do tasks[i] = saros.create_task(party, name) end
      finish(tasks)
      assert.equal(12, #trace)
      for i, entry in ipairs(trace) do assert.equal((i - 1) // 3 + 1, tonumber(entry:sub(1, 1))) end
    end)
  end)

  it("makes those who come while it drains wait for the next time", function()
    with_barrier(2, function(barrier, trace)
      local first = arrive(barrier, trace, 5)
      pass(20)
      assert.same({2, 1, 2, 1}, trace)
      assert.equal(1, barrier.n_waiting)
      arrive(barrier, trace, 1)
      finish(first)
      assert.same({2, 1, 2, 1, 2, 1}, trace)
    end)
  end)

  it("goes on without a task that is cancelled while it fills", function()
    with_barrier(3, function(barrier, trace)
      local tasks = arrive(barrier, trace, 2)
      pass(1)
      tasks[1]:cancel()
      pass(1)
      assert.is_true(tasks[1]:cancelled())
      assert.equal(1, barrier.n_waiting)
      local others = arrive(barrier, trace, 1)
      pass(5)
      assert.is_false(tasks[2]:done())
      assert.equal(3, barrier:wait())
      finish {tasks[2], others[1]}
      assert.same({"CancelledError", 2, 2}, trace) -- as in asyncio, the place of one who left is given again
    end)
  end)

  it("lets the others go when one is cancelled in the iteration in which the last has come", function()
    with_barrier(3, function(barrier, trace)
      local tasks = arrive(barrier, trace, 2)
      pass(1)
      assert.equal(3, barrier:wait())
      tasks[1]:cancel()
      finish(tasks)
      assert.is_true(tasks[1]:cancelled())
      assert.same({"CancelledError", 2}, trace)
      assert.equal(0, barrier.n_waiting)
      arrive(barrier, trace, 2)
      pass(1)
      assert.equal(3, barrier:wait())
    end)
  end)

  it("begins anew when one who waits for the next time is cancelled", function()
    with_barrier(2, function(barrier, trace)
      arrive(barrier, trace, 1)
      pass(1)
      barrier:wait()
      local late = arrive(barrier, trace, 1)
      late[1]:cancel()
      pass(5)
      assert.is_true(late[1]:cancelled())
      assert.equal(0, barrier.n_waiting)
      arrive(barrier, trace, 1)
      pass(1)
      assert.equal(2, barrier:wait())
    end)
  end)

  describe("reset", function()
    it("does nothing to an empty one", function()
      local barrier = saros.Barrier(1)
      barrier:reset()
      assert.is_false(barrier.broken)
      assert.equal(1, barrier:wait())
    end)

    it("throws out who waits, and works again", function()
      with_barrier(3, function(barrier, trace)
        local tasks = arrive(barrier, trace, 2)
        pass(1)
        barrier:reset()
        assert.is_false(barrier.broken)
        assert.equal(0, barrier.n_waiting)
        finish(tasks)
        assert.same({"BrokenBarrierError", "BrokenBarrierError"}, trace)
        assert.equal("Abort or reset of barrier", tasks[1]:exception().message)
        arrive(barrier, trace, 2)
        pass(1)
        assert.equal(1 + 2, barrier:wait())
      end)
    end)

    it("makes those who come meanwhile wait for the next time", function()
      with_barrier(2, function(barrier, trace)
        arrive(barrier, trace, 1)
        pass(1)
        barrier:reset()
        local next_round = arrive(barrier, trace, 2)
        finish(next_round)
        assert.same({"BrokenBarrierError", 2, 1}, trace)
        assert.is_false(barrier.broken)
      end)
    end)

    it("throws out those as well who were on their way out", function()
      with_barrier(2, function(barrier, trace)
        local tasks = arrive(barrier, trace, 1)
        pass(1)
        assert.equal(2, barrier:wait())
        barrier:reset()
        finish(tasks)
        assert.same({"BrokenBarrierError"}, trace)
        arrive(barrier, trace, 1)
        pass(1)
        assert.equal(2, barrier:wait())
      end)
    end)

    it("mends a broken one", function()
      with_barrier(2, function(barrier, trace)
        barrier:abort()
        barrier:reset()
        assert.is_false(barrier.broken)
        arrive(barrier, trace, 1)
        pass(1)
        assert.equal(2, barrier:wait())
      end)
    end)
  end)

  describe("abort", function()
    it("throws out who waits, and who comes later", function()
      with_barrier(3, function(barrier, trace)
        local tasks = arrive(barrier, trace, 2)
        pass(1)
        barrier:abort()
        assert.is_true(barrier.broken)
        assert.equal(0, barrier.n_waiting)
        finish(tasks)
        assert.same({"BrokenBarrierError", "BrokenBarrierError"}, trace)
        assert.equal("Barrier aborted", raises(saros.BrokenBarrierError, barrier.wait, barrier).message)
        assert.is_true(barrier.broken)
      end)
    end)

    it("may be called twice, and before anybody waits", function()
      local barrier = saros.Barrier(2)
      barrier:abort()
      barrier:abort()
      assert.is_true(barrier.broken)
      raises(saros.BrokenBarrierError, barrier.wait, barrier)
    end)

    it("breaks it for those too who wait for the next time", function()
      with_barrier(2, function(barrier, trace)
        arrive(barrier, trace, 1)
        pass(1)
        barrier:wait()
        local late = arrive(barrier, trace, 1)
        barrier:abort()
        finish(late)
        assert.equal("Barrier aborted", late[1]:exception().message)
        assert.same({"BrokenBarrierError", "BrokenBarrierError"}, trace)
      end)
    end)
  end)

  it("serves 2,000 parties #many", function()
    with_barrier(2000, function(barrier, trace)
      local expected = {}
      for i = 1, 2000 do expected[i] = i end
      finish(arrive(barrier, trace, 2000))
      table.sort(trace)
      assert.same(expected, trace)
    end)
  end)

  it("belongs to the loop of its first wait", function()
    local barrier = saros.Barrier(2)
    local function wait()
      saros.create_task(pcall, barrier.wait, barrier)
      barrier:wait()
    end
    saros.run(wait)
    local failure = raises(saros.RuntimeError, saros.run, wait)
    assert.matches("bound to a different event loop", failure.message)
    assert.equal(0, barrier.n_waiting)
  end)
end)
