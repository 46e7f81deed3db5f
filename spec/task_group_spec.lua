local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

local function pass(turns)
  for _ = 1, turns do saros.sleep(0) end
end

-- Runs `body(group)` inside a group.
local function grouped(body)
  local group <close> = saros.TaskGroup()
  return body(group)
end

-- Asserts that the group fails, and gives the list of its errors' texts.
local function failures(body)
  local failure = raises(saros.ExceptionGroup, grouped, body)
  local texts = {}
  for i, inner in ipairs(failure.errors) do texts[i] = inner.message end
  return texts, failure
end

local function fail(turns, message)
  return function()
    pass(turns)
    error(saros.ValueError(message))
  end
end

-- Sleeps for long; says how it ended.
local function sleeper(trace, name)
  return function()
    local _ <close> = setmetatable({}, {__close = function(_, failure)
      trace[#trace + 1] = name .. (saros.is_error(failure, saros.CancelledError) and " cancelled" or " ended")
    end})
    saros.sleep(3600)
  end
end

describe("saros.task_group", function()
  it("waits for its tasks when the scope is left", function()
    saros.run(function()
      local trace, tasks = {}, {}
      do
        local group <close> = saros.TaskGroup()
        for i = 1, 3 do
          tasks[i] = group:create_task(function(name)
            pass(4 - i)
            trace[#trace + 1] = name
            return name
          end, "task " .. i)
        end
        trace[#trace + 1] = "body"
      end
      assert.same({"body", "task 3", "task 2", "task 1"}, trace)
      assert.equal("task 2", tasks[2]:result())
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("without tasks suspends nobody, and passes results and errors on", function()
    saros.run(function()
      local turns = 0
      saros.get_running_loop():call_soon(function() turns = turns + 1 end)
      assert.same({n = 3, 1, nil, 3}, table.pack(grouped(function() return 1, nil, 3 end)))
      assert.same({"mine"}, (failures(function() error(saros.ValueError("mine")) end)))
      assert.equal(0, turns)
    end)
  end)

  it("passes the results of a body on after its tasks have ended", function()
    saros.run(function()
      local ended = false
      assert.equal("result", grouped(function(group)
        group:create_task(function()
          pass(3)
          ended = true
        end)
        return "result"
      end))
      assert.is_true(ended)
    end)
  end)

  it("waits as well when it is left by break", function()
    saros.run(function()
      local ended = 0
      for i = 1, 5 do
        local group <close> = saros.TaskGroup()
        group:create_task(function()
          pass(2)
          ended = ended + 1
        end)
        if i == 2 then break end
      end
      assert.equal(2, ended)
    end)
  end)

  it("cancels the other tasks and the body when a task fails", function()
    saros.run(function()
      local trace = {}
      local texts = failures(function(group)
        group:create_task(sleeper(trace, "a"))
        group:create_task(fail(1, "first"))
        group:create_task(sleeper(trace, "b"))
        sleeper(trace, "body")()
      end)
      assert.same({"first"}, texts)
      assert.same({"a cancelled", "b cancelled", "body cancelled"}, trace)
      assert.equal(0, saros.current_task():cancelling())
      saros.sleep(0) -- no cancellation is left
    end)
  end)

  it("cancels in order of creation", function()
    saros.run(function()
      local trace = {}
      failures(function(group)
        for i = 1, 20 do group:create_task(sleeper(trace, tostring(i))) end
        group:create_task(fail(1, "first"))
      end)
      local expected = {}
      for i = 1, 20 do expected[i] = i .. " cancelled" end
      assert.same(expected, trace)
    end)
  end)

  it("cancels its tasks when the body fails", function()
    saros.run(function()
      local trace, object = {}, saros.ValueError("body")
      local texts, failure = failures(function(group)
        group:create_task(sleeper(trace, "a"))
        saros.sleep(0)
        error(object)
      end)
      assert.same({"body"}, texts)
      assert.equal(object, failure.errors[1])
      assert.same({"a cancelled"}, trace)
    end)
  end)

  it("raises what failed in the order of failure, the body's own last", function()
    saros.run(function()
      local texts, failure = failures(function(group)
        for i = 1, 3 do
          group:create_task(function()
            pcall(saros.sleep, i == 2 and 0 or 3600)
            error(saros.ValueError("task " .. i))
          end)
        end
        pcall(saros.sleep, 3600)
        error(saros.ValueError("body"))
      end)
      -- The first failure wakes the others up, who fail in order of creation.
      assert.same({"task 2", "task 1", "task 3", "body"}, texts)
      assert.equal("unhandled errors in a TaskGroup (4 errors: ValueError: task 2; ValueError: task 1; "
        .. "ValueError: task 3; ValueError: body)", failure.message)
      assert.is_string(failure.errors[1].traceback)
    end)
  end)

  it("says in its message what failed", function()
    saros.run(function()
      local _, failure = failures(function(group) group:create_task(fail(0, "mine")) end)
      assert.equal("unhandled errors in a TaskGroup (1 error: ValueError: mine)", failure.message)
      assert.equal("ExceptionGroup: " .. failure.message, tostring(failure))
    end)
  end)

  it("wraps errors that are no error objects, nil too, and survives what has no text", function()
    saros.run(function()
      local mute = setmetatable({}, {__tostring = function() error("mute") end})
      local values = {n = 5, "text", {}, 12, nil, mute}
      local _, failure = failures(function(group)
        for i = 1, values.n do
          group:create_task(function()
            pcall(saros.sleep, 0)
            error(values[i], 0)
          end)
        end
      end)
      assert.equal(5, #failure.errors)
      for i, inner in ipairs(failure.errors) do
        assert.is_true(saros.is_error(inner, saros.Error))
        assert.is_true(rawequal(values[i], inner.value))
      end
      assert.matches("5 errors: ", failure.message)
      assert.equal("text", failure.errors[1].message)
      assert.equal("table whose __tostring fails", failure.errors[5].message)
    end)
  end)

  it("wraps a string that the body raises", function()
    saros.run(function()
      local _, failure = failures(function() error("text", 0) end)
      assert.equal("text", failure.errors[1].value)
    end)
  end)

  it("waits for its tasks when the body raises nil, which Lua does not tell from leaving", function()
    saros.run(function()
      local ended = false
      local ok, failure = pcall(grouped, function(group)
        group:create_task(function()
          pass(2)
          ended = true
        end)
        error(nil)
      end)
      assert.is_false(ok)
      assert.is_nil(failure)
      assert.is_true(ended)
    end)
  end)

  it("is not ended by a task that is cancelled alone", function()
    saros.run(function()
      local ended = false
      grouped(function(group)
        local task = group:create_task(saros.sleep, 3600)
        group:create_task(function()
          pass(3)
          ended = true
        end)
        saros.sleep(0)
        task:cancel()
      end)
      assert.is_true(ended)
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("raises a CancelledError of the body's own as it is", function()
    saros.run(function()
      local trace = {}
      local object = saros.CancelledError("mine")
      assert.equal(object, raises(saros.CancelledError, grouped, function(group)
        group:create_task(sleeper(trace, "a"))
        saros.sleep(0)
        error(object)
      end))
      assert.same({"a cancelled"}, trace)
    end)
  end)

  describe("cancelled from outside", function()
    -- Runs `body` in a group of a task of its own, cancels that after some turns; gives the task.
    local function cancelled_after(turns, body)
      local task = saros.create_task(grouped, body)
      pass(turns)
      task:cancel("enough")
      pcall(task.await, task)
      return task
    end

    it("in the body, cancels its tasks and raises the cancellation", function()
      saros.run(function()
        local trace = {}
        local task = cancelled_after(2, function(group)
          group:create_task(sleeper(trace, "a"))
          saros.sleep(3600)
        end)
        assert.is_true(task:cancelled())
        assert.equal("enough", raises(saros.CancelledError, task.result, task).message)
        assert.equal(1, task:cancelling())
        assert.same({"a cancelled"}, trace)
      end)
    end)

    it("while it waits for its tasks, cancels them and raises the cancellation", function()
      saros.run(function()
        local trace = {}
        local task = cancelled_after(2, function(group) group:create_task(sleeper(trace, "a")) end)
        assert.is_true(task:cancelled())
        assert.equal("enough", raises(saros.CancelledError, task.result, task).message)
        assert.same({"a cancelled"}, trace)
      end)
    end)

    it("raises what tasks raise for it rather than the cancellation, which stays counted", function()
      saros.run(function()
        local task = cancelled_after(2, function(group)
          group:create_task(function()
            pcall(saros.sleep, 3600)
            error(saros.ValueError("instead"))
          end)
          saros.sleep(3600)
        end)
        local failure = raises(saros.ExceptionGroup, task.await, task)
        assert.equal("instead", failure.errors[1].message)
        assert.equal(1, #failure.errors)
        assert.equal(1, task:cancelling())
      end)
    end)

    it("waits for tasks that swallow the cancellation", function()
      saros.run(function()
        local ended = false
        local task = cancelled_after(2, function(group)
          group:create_task(function()
            pcall(saros.sleep, 3600)
            pass(5)
            ended = true
          end)
        end)
        assert.is_true(ended)
        assert.is_true(task:cancelled())
      end)
    end)

    it("waits for its tasks however often it is cancelled", function()
      saros.run(function()
        local ended = false
        local task = saros.create_task(grouped, function(group)
          group:create_task(function()
            pcall(saros.sleep, 3600)
            pass(10)
            ended = true
          end)
        end)
        pass(2)
        for _ = 1, 4 do
          task:cancel()
          pass(2)
          assert.is_false(task:done())
        end
        raises(saros.CancelledError, task.await, task)
        assert.is_true(ended)
        assert.equal(4, task:cancelling())
      end)
    end)

    it("in the turn in which a task fails, raises the failure, and the cancellation stays counted", function()
      saros.run(function()
        local task
        task = saros.create_task(function()
          local failure = raises(saros.ExceptionGroup, grouped, function(group)
            group:create_task(function()
              task:cancel()
              error(saros.ValueError("first"))
            end)
            saros.sleep(3600)
          end)
          assert.equal("first", failure.errors[1].message)
          assert.equal(1, task:cancelling())
          return "went on"
        end)
        assert.equal("went on", task:await())
      end)
    end)

    it("before it begins to wait, raises the cancellation at the end of the scope", function()
      saros.run(function()
        local trace = {}
        local task = saros.create_task(grouped, function(group)
          group:create_task(sleeper(trace, "a"))
          saros.sleep(0)
          saros.current_task():cancel()
        end)
        raises(saros.CancelledError, task.await, task)
        assert.same({"a cancelled"}, trace)
      end)
    end)

    it("twice, by a failure and from outside, is uncancelled once", function()
      saros.run(function()
        local task = saros.create_task(function()
          local ok, failure = pcall(grouped, function(group)
            group:create_task(fail(1, "first"))
            pcall(saros.sleep, 3600)
            saros.current_task():cancel()
            saros.sleep(3600)
          end)
          assert.is_false(ok)
          assert.is_true(saros.is_error(failure, saros.ExceptionGroup))
          return saros.current_task():cancelling()
        end)
        assert.equal(1, task:await())
      end)
    end)
  end)

  it("counts cancellations from where it began", function()
    saros.run(function()
      local task = saros.create_task(function()
        pcall(saros.sleep, 3600) -- cancelled, and nobody calls uncancel
        local failure = raises(saros.ExceptionGroup, grouped, function(group)
          group:create_task(fail(0, "first"))
          saros.sleep(3600)
        end)
        assert.equal(1, #failure.errors)
        saros.sleep(0)
        return saros.current_task():cancelling()
      end)
      saros.sleep(0)
      task:cancel()
      assert.equal(1, task:await())
    end)
  end)

  it("takes no cancellation for its own that came before a failure", function()
    saros.run(function()
      local task
      task = saros.create_task(function()
        local ok, failure = pcall(grouped, function(group)
          group:create_task(function()
            pcall(saros.sleep, 3600)
            error(saros.ValueError("late"))
          end)
          saros.sleep(3600)
        end)
        assert.is_false(ok)
        assert.is_true(saros.is_error(failure, saros.ExceptionGroup))
        return task:cancelling()
      end)
      pass(2)
      task:cancel()
      assert.equal(1, task:await())
    end)
  end)

  it("goes on after the body swallowed the group's cancellation", function()
    saros.run(function()
      local texts = failures(function(group)
        group:create_task(fail(1, "first"))
        assert.is_false(pcall(saros.sleep, 3600))
        saros.sleep(0)
      end)
      assert.same({"first"}, texts)
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  it("is not cancelled again by errors after the first", function()
    saros.run(function()
      local cancellations = 0
      local texts = failures(function(group)
        group:create_task(fail(1, "first"))
        group:create_task(function()
          pcall(saros.sleep, 3600)
          pass(2)
          error(saros.ValueError("second"))
        end)
        for _ = 1, 4 do
          if not pcall(saros.sleep, 0) then cancellations = cancellations + 1 end
        end
        pcall(pass, 10)
      end)
      assert.same({"first", "second"}, texts)
      assert.equal(1, cancellations)
    end)
  end)

  describe("nested", function()
    it("raises the inner group's error through the outer one", function()
      saros.run(function()
        local trace = {}
        local _, failure = failures(function(outer)
          outer:create_task(sleeper(trace, "outer task"))
          grouped(function(inner)
            inner:create_task(fail(1, "inner"))
            saros.sleep(3600)
          end)
        end)
        assert.equal(1, #failure.errors)
        local inner = failure.errors[1]
        assert.is_true(saros.is_error(inner, saros.ExceptionGroup))
        assert.equal("inner", inner.errors[1].message)
        assert.same({"outer task cancelled"}, trace)
      end)
    end)

    it("leaves the outer group alone when the inner one's error is caught", function()
      saros.run(function()
        local ended = false
        grouped(function(outer)
          outer:create_task(function()
            pass(5)
            ended = true
          end)
          raises(saros.ExceptionGroup, grouped, function(inner)
            inner:create_task(fail(1, "inner"))
            saros.sleep(3600)
          end)
          saros.sleep(0)
        end)
        assert.is_true(ended)
      end)
    end)

    it("cancels the inner group when a task of the outer one fails", function()
      saros.run(function()
        local trace = {}
        local texts = failures(function(outer)
          outer:create_task(fail(2, "outer"))
          grouped(function(inner) inner:create_task(sleeper(trace, "inner task")) end)
          trace[#trace + 1] = "must not go on"
        end)
        assert.same({"outer"}, texts)
        assert.same({"inner task cancelled"}, trace)
        assert.equal(0, saros.current_task():cancelling())
      end)
    end)

    it("raises both when tasks of both fail in the same turn", function()
      saros.run(function()
        local _, failure = failures(function(outer)
          outer:create_task(fail(1, "outer"))
          grouped(function(inner)
            inner:create_task(fail(1, "inner"))
            saros.sleep(3600)
          end)
        end)
        assert.equal("outer", failure.errors[1].message)
        assert.equal("inner", failure.errors[2].errors[1].message)
        assert.equal(0, saros.current_task():cancelling())
      end)
    end)

    it("in a task of the outer one cancels and waits down to the last", function()
      saros.run(function()
        local trace = {}
        local texts = failures(function(outer)
          outer:create_task(grouped, function(inner)
            inner:create_task(sleeper(trace, "grandchild"))
            sleeper(trace, "child")()
          end)
          outer:create_task(fail(3, "outer"))
        end)
        assert.same({"outer"}, texts)
        assert.same({"child cancelled", "grandchild cancelled"}, trace)
      end)
    end)
  end)

  it("gives a time limit around it its due", function()
    ticking.run(function()
      local trace = {}
      raises(saros.TimeoutError, saros.wait_for, grouped, 5, function(group)
        group:create_task(sleeper(trace, "a"))
      end)
      assert.same({"a cancelled"}, trace)
      assert.equal(0, saros.current_task():cancelling())
    end)
  end)

  describe("create_task", function()
    it("may be called by tasks of the group, while it waits too", function()
      saros.run(function()
        local trace = {}
        grouped(function(group)
          local function spawn(depth)
            pass(1)
            trace[#trace + 1] = depth
            if depth < 4 then group:create_task(spawn, depth + 1) end
          end
          group:create_task(spawn, 1)
        end)
        assert.same({1, 2, 3, 4}, trace)
      end)
    end)

    it("is refused when the group is shutting down", function()
      saros.run(function()
        local refusal
        failures(function(group)
          group:create_task(fail(0, "first"))
          group:create_task(function()
            pcall(saros.sleep, 3600)
            refusal = raises(saros.RuntimeError, group.create_task, group, print)
          end)
        end)
        assert.equal("the TaskGroup is shutting down", refusal.message)
      end)
    end)

    it("is refused when the group was left", function()
      saros.run(function()
        local kept
        grouped(function(group) kept = group end)
        local failure = raises(saros.RuntimeError, kept.create_task, kept, print)
        assert.equal("the TaskGroup is finished", failure.message)
      end)
    end)

    it("refuses what cannot be called", function()
      saros.run(function()
        grouped(function(group)
          blames(function() group:create_task(12) end,
            "bad argument #1 to 'create_task' (function expected, got number)")
          blames(function() group:create_task() end,
            "bad argument #1 to 'create_task' (function expected, got nil)")
        end)
      end)
    end)

    it("goes through the loop's task factory", function()
      saros.run(function()
        local made = 0
        local loop = saros.get_running_loop()
        loop:set_task_factory(function(_, fn, ...)
          made = made + 1
          loop:set_task_factory(nil)
          return loop:create_task(fn, ...)
        end)
        grouped(function(group) group:create_task(pass, 1) end)
        assert.equal(1, made)
      end)
    end)
  end)

  it("can only be used inside a task", function()
    raises(saros.RuntimeError, saros.TaskGroup)
    saros.run(function()
      local failure
      saros.get_running_loop():call_soon(function() failure = raises(saros.RuntimeError, saros.TaskGroup) end)
      saros.sleep(0)
      assert.equal("a TaskGroup can only be used inside a task", failure.message)
    end)
  end)

  it("does not group a KeyboardInterrupt of the body", function()
    local trace = {}
    local object = saros.KeyboardInterrupt()
    saros.run(function()
      local ok, failure = pcall(grouped, function(group)
        group:create_task(sleeper(trace, "a"))
        saros.sleep(0)
        error(object)
      end)
      assert.is_false(ok)
      assert.equal(object, failure)
    end)
    assert.same({"a cancelled"}, trace)
  end)

  it("does not group a KeyboardInterrupt of a task, which leaves the loop", function()
    local trace = {}
    raises(saros.KeyboardInterrupt, saros.run, function()
      local ok, failure = pcall(grouped, function(group)
        group:create_task(sleeper(trace, "a"))
        group:create_task(function()
          saros.sleep(0)
          error(saros.KeyboardInterrupt())
        end)
        saros.sleep(3600)
      end)
      trace[#trace + 1] = ok or failure.name
      error(failure, 0)
    end)
    assert.same({"a cancelled", "KeyboardInterrupt"}, trace)
  end)

  it("reports the failure of a task whose parent is done already", function()
    saros.run(function()
      local contexts, kept = {}, nil
      saros.get_running_loop():set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
      saros.create_task(function() kept = saros.TaskGroup() end):await() -- never left
      local task = kept:create_task(fail(0, "orphan"))
      pass(3)
      assert.equal(1, #contexts)
      assert.matches("parent .* is done already", contexts[1].message)
      assert.equal(task, contexts[1].task)
      assert.equal("orphan", contexts[1].exception.message)
    end)
  end)

  it("keeps 2,000 tasks, and cancels them all #many", function()
    saros.run(function()
      local cancelled = 0
      local texts = failures(function(group)
        for _ = 1, 2000 do
          group:create_task(function()
            if not pcall(saros.sleep, 3600) then cancelled = cancelled + 1 end
          end)
        end
        group:create_task(fail(1, "first"))
      end)
      assert.same({"first"}, texts)
      assert.equal(2000, cancelled)
    end)
  end)

  it("reports the errors of a group that is dropped without being left", function()
    local contexts = {}
    saros.run(function()
      saros.get_running_loop():set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
      saros.create_task(function()
        saros.TaskGroup():create_task(error, "lost")
        pcall(saros.sleep, 1)
      end):await()
      for _ = 1, 2 do
        collectgarbage()
        collectgarbage()
        saros.sleep(0)
      end
    end)
    collectgarbage()
    assert.equal(1, #contexts)
    assert.matches("belongs in a <close> variable", contexts[1].message)
    assert.equal("lost", contexts[1].exception.errors[1].value)
  end)
end)
