local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local task_groups = require "spec.support.task_groups"

local pass, grouped, failures = task_groups.pass, task_groups.grouped, task_groups.failures
local fail, sleeper = task_groups.fail, task_groups.sleeper

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
