local saros = require "saros"
local core = require "saros.core"
local generators = require "spec.support.generators"
local raises = require "spec.support.raises"

local scope, wait_forever = generators.scope, generators.wait_forever
local count, collect = generators.count, generators.collect

-- Collects garbage until `done` says so, and lets the loop run between.
local function collect_garbage(done)
  for _ = 1, 10 do
    collectgarbage()
    for _ = 1, 5 do saros.sleep(0) end
    if done() then return end
  end
  error("the generator was not closed", 2)
end

describe("saros.generator", function()
  describe("close", function()
    it("runs the scopes of the body, which may await, with a CancelledError", function()
      saros.run(function()
        local seen, task
        local generator = saros.generator(function(yield)
          local _ <close> = scope(function(failure)
            saros.sleep(0)
            seen, task = failure, saros.current_task()
          end)
          yield(1)
        end)
        generator()
        generator:close()
        assert.is_true(saros.is_error(seen, saros.CancelledError))
        assert.equal("the generator was closed", seen.message)
        assert.equal(saros.current_task(), task)
        assert.is_nil(generator())
        generator:close()
      end)
    end)

    it("passes through saros.pcall", function()
      saros.run(function()
        local after = false
        local generator = saros.generator(function(yield)
          saros.pcall(yield, 1)
          after = true
        end)
        generator()
        generator:close()
        assert.is_false(after)
      end)
    end)

    it("comes with the end of a scope", function()
      saros.run(function()
        local closed = 0
        local function body(yield)
          local _ <close> = scope(function() closed = closed + 1 end)
          count(yield, 5)
        end
        do
          local numbers <close> = saros.generator(body)
          for i in numbers do if i == 2 then break end end
          assert.equal(0, closed)
        end
        assert.equal(1, closed)
        local ok, failure = pcall(function()
          local numbers <close> = saros.generator(body)
          numbers()
          error("consumer", 0)
        end)
        assert.same({false, "consumer"}, {ok, failure})
        assert.equal(2, closed)
      end)
    end)

    it("of one that has not begun never runs the body", function()
      local called = false
      local generator = saros.generator(function() called = true end)
      generator:close()
      assert.is_nil(generator())
      assert.is_false(called)
    end)

    it("lets the body end as it likes", function()
      saros.run(function()
        local generator = saros.generator(function(yield)
          pcall(yield, 1)
          saros.sleep(0)
          return "ignored"
        end)
        generator()
        assert.equal(0, select("#", generator:close()))
        assert.is_nil(generator())
      end)
    end)

    it("raises what a scope raises", function()
      saros.run(function()
        local generator = saros.generator(function(yield)
          local _ <close> = scope(function() error(saros.OSError("cannot clean up")) end)
          yield(1)
        end)
        generator()
        raises(saros.OSError, generator.close, generator)
        assert.is_nil(generator())
      end)
    end)

    it("refuses a body that yields again, which can be closed later", function()
      saros.run(function()
        local stubborn = true
        local generator = saros.generator(function(yield)
          while true do
            local _, failure = pcall(yield, 1)
            if not stubborn then error(failure, 0) end
          end
        end)
        generator()
        local failure = raises(saros.RuntimeError, generator.close, generator)
        assert.matches("went on to yield while it was being closed", failure.message)
        stubborn = false
        generator:close()
        assert.is_nil(generator())
      end)
    end)

    it("is cancelled where a scope awaits", function()
      saros.run(function()
        local generator = saros.generator(function(yield)
          local _ <close> = scope(wait_forever)
          yield(1)
        end)
        generator()
        local task = saros.create_task(generator.close, generator)
        saros.sleep(0)
        task:cancel("hurry")
        assert.equal("hurry", raises(saros.CancelledError, task.await, task).message)
        assert.is_nil(generator())
      end)
    end)
  end)

  describe("outside a task", function()
    it("works as long as the body does not await", function()
      assert.same({1, 2}, collect(saros.generator(function(yield)
        yield(1)
        yield(2)
      end)))
      saros.run(function()
        local values
        saros.get_running_loop():call_soon(function()
          values = collect(saros.generator(function(yield) yield(1) end))
        end)
        saros.sleep(0)
        saros.sleep(0)
        assert.same({1}, values)
      end)
    end)

    it("refuses to await, and names the reason", function()
      local function sleep() saros.sleep(0) end
      local function reason(fn) return raises(saros.RuntimeError, fn).message end
      local function next_value() saros.generator(sleep)() end
      assert.equal("cannot sleep outside a task: no running event loop", reason(next_value))
      saros.run(function()
        assert.equal("cannot sleep inside a coroutine that the program resumes itself",
          reason(coroutine.wrap(next_value)))
        assert.equal("cannot sleep across the C function 'table.sort'",
          reason(function() table.sort({1, 2}, next_value) end))
        assert.equal("cannot sleep across the C function 'table.sort'", reason(function()
          collect(saros.generator(function() table.sort({1, 2}, next_value) end))
        end))
        assert.equal("cannot sleep across the C function 'table.sort'", reason(function()
          table.sort({1, 2}, function() saros.generator(next_value)() end)
        end))
        -- And goes on as before.
        assert.same({1, 2}, collect(saros.generator(count, 2)))
      end)
    end)

    it("passes a coroutine.yield of the body to the program, and its answer back", function()
      local step = coroutine.wrap(function()
        return collect(saros.generator(function(yield) yield(coroutine.yield("a", "b")) end))
      end)
      assert.same({"a", "b"}, {step()})
      assert.same({"answer"}, step("answer"))
    end)

    it("refuses a coroutine.yield where the caller cannot", function()
      saros.run(function()
        local ok, failure = pcall(table.sort, {1, 2}, function()
          saros.generator(function() coroutine.yield() end)()
        end)
        assert.is_false(ok)
        assert.matches("used coroutine.yield where its caller cannot", failure.message)
      end)
    end)
  end)

  describe("abandoned", function()
    it("is closed by a task of its loop when it is collected, and may await", function()
      saros.run(function()
        local me, closed, task = saros.current_task(), false, nil
        local function abandon()
          saros.generator(function(yield)
            local _ <close> = scope(function()
              saros.sleep(0)
              task, closed = saros.current_task(), true
            end)
            count(yield, 3)
          end)()
        end
        abandon()
        collect_garbage(function() return closed end)
        assert.is_truthy(task)
        assert.not_equal(me, task)
      end)
    end)

    it("has its errors reported", function()
      saros.run(function()
        local contexts = {}
        saros.get_running_loop():set_exception_handler(function(_, context)
          contexts[#contexts + 1] = context
        end)
        local function abandon()
          saros.generator(function(yield)
            local _ <close> = scope(function() error("cannot clean up", 0) end)
            yield(1)
          end)()
        end
        abandon()
        collect_garbage(function() return #contexts > 0 end)
        assert.equal("cannot clean up", contexts[1].exception)
      end)
    end)

    it("without a loop, is closed on the spot, without awaiting", function()
      local failures = {}
      local function abandon()
        saros.generator(function(yield)
          local _ <close> = scope(function(failure)
            failures[1] = failure
            local ok, refused = pcall(saros.sleep, 0)
            failures[2] = not ok and refused
          end)
          yield(1)
        end)()
      end
      abandon()
      collectgarbage()
      collectgarbage()
      assert.is_true(saros.is_error(failures[1], saros.CancelledError))
      assert.is_true(saros.is_error(failures[2], saros.RuntimeError))
    end)

    it("with its loop closed, as well", function()
      local closed = false
      local kept
      local loop = saros.new_event_loop()
      loop:run_until_complete(function()
        kept = saros.generator(function(yield)
          local _ <close> = scope(function() closed = true end)
          yield(1)
        end)
        kept()
      end)
      loop:close()
      assert.is_false(closed)
      assert.is_truthy(kept)
      kept = nil
      collectgarbage()
      collectgarbage()
      assert.is_true(closed)
    end)

    it("before it was begun, or at its end, has nothing to close", function()
      saros.run(function()
        saros.generator(function() error("never") end)
        collect(saros.generator(count, 1))
        collectgarbage()
        for _ = 1, 3 do saros.sleep(0) end
        assert.equal(1, #saros.all_tasks())
      end)
    end)

    it("inside a task that waits in it, is ended with the task", function()
      local closed = false
      local loop = saros.new_event_loop()
      local task = loop:create_task(function()
        collect(saros.generator(function()
          local _ <close> = scope(function() closed = true end)
          wait_forever()
        end))
      end)
      loop:run_once()
      loop:close()
      assert.is_true(task:cancelled())
      assert.is_true(closed)
    end)
  end)

  describe("at the end of saros.run", function()
    it("is closed, in order of creation, and may await", function()
      local trace, kept = {}, {}
      saros.run(function()
        for i = 1, 3 do
          kept[i] = saros.generator(function(yield)
            local _ <close> = scope(function()
              saros.sleep(0)
              trace[#trace + 1] = i
            end)
            yield(1)
          end)
          kept[i]()
        end
        assert.equal(3, #core.generators(saros.get_running_loop()))
        kept[4] = saros.generator(count, 1)
        assert.equal(3, #core.generators(saros.get_running_loop()))
      end)
      assert.same({1, 2, 3}, trace)
      assert.is_nil(kept[1]())
    end)

    it("has its errors reported", function()
      local contexts, kept = {}, nil
      saros.run(function()
        saros.get_running_loop():set_exception_handler(function(_, context)
          contexts[#contexts + 1] = context
        end)
        kept = saros.generator(function(yield)
          local _ <close> = scope(function() error("cannot clean up", 0) end)
          yield(1)
        end)
        kept()
      end)
      assert.is_nil(kept())
      assert.equal(1, #contexts)
      assert.equal("cannot clean up", contexts[1].exception)
      assert.matches("during closing of Generator", contexts[1].message)
    end)
  end)
end)
