local saros = require "saros"
local core = require "saros.core"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

-- A scope that calls `fn` with the error that unwinds it.
local function scope(fn)
  return setmetatable({}, {__close = function(_, failure) fn(failure) end})
end

local function wait_forever()
  saros.get_running_loop():create_future():await()
end

-- Yields 1 to `n`, awaiting before and after each.
local function count(yield, n)
  for i = 1, n do
    saros.sleep(0)
    yield(i)
    saros.sleep(0)
  end
end

local function collect(generator)
  local values = {}
  for value in generator do values[#values + 1] = value end
  return values
end

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
  it("gives what the body yields, one value a step", function()
    saros.run(function()
      assert.same({1, 2, 3}, collect(saros.generator(count, 3)))
      local generator = saros.generator(count, 2)
      assert.equal(1, generator())
      assert.equal(2, generator())
      assert.is_nil(generator())
      assert.is_nil(generator())
      assert.equal(1, select("#", generator()))
    end)
  end)

  it("gives nothing when the body yields nothing", function()
    saros.run(function()
      assert.same({}, collect(saros.generator(function() end)))
      assert.same({}, collect(saros.generator(function() return 1, 2 end)))
    end)
  end)

  it("yields false like any value", function()
    assert.is_false(saros.generator(function(yield) yield(false) end)())
  end)

  it("takes any callable, and passes further arguments on", function()
    local seen
    local callable = setmetatable({}, {__call = function(_, yield, ...)
      seen = table.pack(...)
      assert.is_nil(yield("value"))
    end})
    local generator = saros.generator(callable, 1, nil, 3, nil)
    assert.is_nil(seen)
    assert.equal("value", generator())
    assert.same({1, nil, 3, nil, n = 4}, seen)
    local arguments = {}
    for i = 1, 200 do arguments[i] = i end
    local many = saros.generator(function(yield, ...) yield(select("#", ...)) end, table.unpack(arguments))
    assert.equal(200, many())
  end)

  it("runs the body only as far as it is asked", function()
    saros.run(function()
      local trace = {}
      local generator = saros.generator(function(yield)
        trace[#trace + 1] = "begun"
        yield(1)
        trace[#trace + 1] = "between"
        yield(2)
      end)
      assert.same({}, trace)
      generator()
      assert.same({"begun"}, trace)
      generator()
      assert.same({"begun", "between"}, trace)
      generator:close()
    end)
  end)

  it("tells its state", function()
    saros.run(function()
      local generator, inside
      generator = saros.generator(function(yield)
        inside = tostring(generator)
        yield(1)
      end)
      assert.matches("^Generator: %S+ not begun$", tostring(generator))
      generator()
      assert.matches("running$", inside)
      assert.matches("suspended$", tostring(generator))
      generator()
      assert.matches("ended$", tostring(generator))
    end)
  end)

  describe("in a task", function()
    it("runs the body as part of it", function()
      saros.run(function()
        local task = saros.current_task()
        local function body(yield)
          assert.equal(task, saros.current_task())
          saros.sleep(0)
          assert.equal(task, saros.current_task())
          yield(1)
        end
        for _ in saros.generator(body) do saros.sleep(0) end
        assert.equal(1, #saros.all_tasks())
      end)
    end)

    it("suspends it for as long as the body waits, and lets others run", function()
      ticking.run(function()
        local loop = saros.get_running_loop()
        local start, others = loop.now, 0
        local other = saros.create_task(function()
          while true do
            others = others + 1
            saros.sleep(0)
          end
        end)
        local generator = saros.generator(function(yield)
          saros.sleep(10)
          yield(1)
        end)
        generator()
        other:cancel()
        assert.is_true(loop.now - start >= 10)
        assert.is_true(others >= 10)
      end)
    end)

    it("may await whatever there is: futures, tasks, queues, other generators", function()
      saros.run(function()
        local queue = saros.Queue(1)
        saros.create_task(function()
          for i = 1, 3 do queue:put(i) end
        end)
        local future = saros.get_running_loop():create_future()
        saros.get_running_loop():call_soon(future.set_result, future, "a", "b")
        local values = collect(saros.generator(function(yield)
          for _ = 1, 3 do yield(queue:get()) end
          yield(saros.create_task(function() return "task" end):await())
          local a, b = future:await()
          yield(a .. b)
          yield(#saros.gather(saros.sleep, saros.sleep, {return_exceptions = true}):await())
          for value in saros.generator(count, 2) do yield(value * 10) end
        end))
        assert.same({1, 2, 3, "task", "ab", 2, 10, 20}, values)
      end)
    end)

    it("reads a stream", function()
      saros.run(function()
        local server <close> = saros.start_server(function(reader, writer)
          for line in reader:lines() do writer:write(line:upper() .. "\n") end
        end, "127.0.0.1", 0)
        local address = server:sockets()[1]
        local function answers(yield)
          local reader, writer = saros.open_connection(address.host, address.port)
          local _ <close> = writer
          for i = 1, 3 do
            writer:write("line " .. i .. "\n")
            yield(reader:read("l"))
          end
        end
        assert.same({"LINE 1", "LINE 2", "LINE 3"}, collect(saros.generator(answers)))
      end)
    end)

    it("nests, as deep as there is C stack", function()
      saros.run(function()
        local function nested(depth)
          return saros.generator(function(yield)
            if depth == 0 then
              saros.sleep(0)
              yield(1)
              saros.sleep(0)
              yield(2)
            else
              for value in nested(depth - 1) do yield(value + 1) end
            end
          end)
        end
        assert.same({21, 22}, collect(nested(20)))
        local ok, failure = pcall(collect, nested(300))
        assert.is_false(ok)
        assert.matches("C stack overflow", tostring(failure))
        assert.same({6, 7}, collect(nested(5)))
      end)
    end)

    it("raises a cancellation in the body, where it awaits", function()
      saros.run(function()
        local seen, closed
        local function body(yield)
          local _ <close> = scope(function(failure)
            saros.sleep(0)
            closed = failure
          end)
          yield(1)
          local _, failure = pcall(wait_forever)
          seen = failure
          error(failure, 0)
        end
        local task = saros.create_task(function()
          for _ in saros.generator(body) do saros.sleep(0) end
        end)
        for _ = 1, 3 do saros.sleep(0) end
        task:cancel("enough")
        assert.equal("enough", raises(saros.CancelledError, task.await, task).message)
        assert.equal("enough", seen.message)
        assert.equal(seen, closed)
      end)
    end)

    it("raises it in the innermost body, and in a sleep as in a future", function()
      for _, wait in ipairs {wait_forever, function() saros.sleep(3600) end} do
        saros.run(function()
          local trace = {}
          local function inner()
            local _ <close> = scope(function() trace[#trace + 1] = "inner" end)
            wait()
          end
          local function outer()
            local _ <close> = scope(function() trace[#trace + 1] = "outer" end)
            collect(saros.generator(inner))
          end
          local task = saros.create_task(function() collect(saros.generator(outer)) end)
          saros.sleep(0)
          saros.sleep(0)
          task:cancel()
          raises(saros.CancelledError, task.await, task)
          assert.same({"inner", "outer"}, trace)
        end)
      end
    end)

    it("cancels the task that the body awaits", function()
      saros.run(function()
        local inner = saros.create_task(wait_forever)
        local task = saros.create_task(function()
          collect(saros.generator(function() inner:await() end))
        end)
        saros.sleep(0)
        saros.sleep(0)
        task:cancel()
        raises(saros.CancelledError, task.await, task)
        assert.is_true(inner:cancelled())
      end)
    end)

    it("keeps a time limit around the loop and one inside the body", function()
      ticking.run(function()
        raises(saros.TimeoutError, saros.wait_for, collect, 3, saros.generator(wait_forever))
        local values = collect(saros.generator(function(yield)
          raises(saros.TimeoutError, saros.wait_for, wait_forever, 3)
          yield("in time")
        end))
        assert.same({"in time"}, values)
        assert.equal(0, saros.current_task():cancelling())
      end)
    end)

    it("sees the context variables of the task, and sets them", function()
      saros.run(function()
        local var = saros.ContextVar("var", "none")
        var:set("before")
        local generator = saros.generator(function(yield)
          yield(var:get())
          saros.sleep(0)
          var:set("inside")
          yield(var:get())
        end)
        assert.equal("before", generator())
        var:set("changed")
        assert.equal("inside", generator())
        assert.equal("inside", var:get())
      end)
    end)

    it("takes a bare coroutine.yield in the body for sleep(0)", function()
      saros.run(function()
        local generator = saros.generator(function(yield)
          coroutine.yield()
          yield(1)
          local ok, failure = pcall(coroutine.yield, "value")
          assert.is_false(ok)
          assert.matches("a task may not yield values", failure.message)
          yield(2)
        end)
        assert.same({1, 2}, collect(generator))
      end)
    end)

    it("raises a cancellation at a bare yield in the body", function()
      saros.run(function()
        local task = saros.create_task(function()
          collect(saros.generator(function()
            while true do coroutine.yield() end
          end))
        end)
        saros.sleep(0)
        task:cancel()
        raises(saros.CancelledError, task.await, task)
      end)
    end)

    it("shows the body in the task's traceback and name", function()
      saros.run(function()
        local function waiting_body() wait_forever() end
        local function consuming() collect(saros.generator(waiting_body)) end
        local task = saros.create_task(consuming)
        saros.sleep(0)
        local traceback = task:traceback()
        local body = traceback:find("in upvalue 'wait_forever'", 1, true)
          or traceback:find("wait_forever", 1, true)
        local consumer = traceback:find("in upvalue 'collect'", 1, true)
        assert.is_truthy(body and consumer and body < consumer, traceback)
        assert.equal(1, select(2, traceback:gsub("stack traceback:", "")))
        assert.matches("generator_spec.lua:%d+ pending", tostring(task))
        local text = {}
        task:print_stack({write = function(_, part) text[#text + 1] = part end})
        assert.matches("wait_forever", table.concat(text))
        task:cancel()
      end)
    end)
  end)

  it("goes on in another task between two values", function()
    saros.run(function()
      local generator = saros.generator(function(yield)
        for _ = 1, 3 do
          saros.sleep(0)
          yield(saros.current_task())
        end
      end)
      assert.equal(saros.current_task(), generator())
      local other = saros.create_task(function() return generator(), saros.current_task() end)
      local seen, task = other:await()
      assert.equal(task, seen)
      assert.equal(saros.current_task(), generator())
      generator:close()
    end)
  end)

  it("refuses two tasks at once, and itself", function()
    saros.run(function()
      local generator
      generator = saros.generator(function(yield)
        raises(saros.RuntimeError, generator)
        raises(saros.RuntimeError, generator.close, generator)
        saros.sleep(0)
        yield(1)
      end)
      local first = saros.create_task(generator)
      local second = saros.create_task(generator)
      local third = saros.create_task(generator.close, generator)
      assert.equal(1, first:await())
      assert.equal("the generator is already executing", raises(saros.RuntimeError, second.await, second).message)
      raises(saros.RuntimeError, third.await, third)
      assert.is_nil(generator())
    end)
  end)

  describe("an error of the body", function()
    it("is raised in the consumer, the same object, and ends the generator", function()
      saros.run(function()
        local object = saros.ValueError("mine")
        local generator = saros.generator(function(yield)
          yield(1)
          saros.sleep(0)
          error(object)
        end)
        assert.equal(1, generator())
        assert.equal(object, raises(saros.ValueError, generator))
        assert.matches("generator_spec", object.traceback)
        assert.is_nil(generator())
      end)
    end)

    it("has a traceback that goes on with who asked for the value", function()
      local function failing_body() error(saros.ValueError("mine")) end
      local function outer_body() collect(saros.generator(failing_body)) end
      saros.run(function()
        local traceback = raises(saros.ValueError, function() collect(saros.generator(outer_body)) end).traceback
        local lines = {}
        for line in traceback:gmatch("[^\n]+") do lines[#lines + 1] = line:match("in .*") end
        local text = table.concat(lines, "\n")
        assert.matches("failing_body.*in upvalue 'collect'.*outer_body.*collect", (text
          :gsub("function <[^>]*:(%d+)>", {
            [tostring(debug.getinfo(failing_body, "S").linedefined)] = "failing_body",
            [tostring(debug.getinfo(outer_body, "S").linedefined)] = "outer_body",
          })))
      end)
    end)

    it("may be any value", function()
      local generator = saros.generator(function() error("text", 0) end)
      assert.same({false, "text"}, {pcall(generator)})
      assert.same({false, nil, n = 2}, table.pack(pcall(saros.generator(function() error(nil) end))))
    end)

    it("unwinds scopes that await", function()
      saros.run(function()
        local trace = {}
        local generator = saros.generator(function()
          local _ <close> = scope(function(failure)
            saros.sleep(0)
            trace[1] = failure
          end)
          error("broken", 0)
        end)
        assert.same({false, "broken"}, {pcall(generator)})
        assert.same({"broken"}, trace)
      end)
    end)
  end)

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

  it("leaves nothing behind when it has ended", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      for _ = 1, 100 do collect(saros.generator(count, 1)) end
      assert.equal(0, #core.generators(loop))
    end)
  end)

  it("cannot be gone on with by whoever gets hold of its coroutine", function()
    saros.run(function()
      local co
      local generator = saros.generator(function(yield)
        co = coroutine.running()
        yield(1)
      end)
      generator()
      assert.is_true(coroutine.resume(co)) -- the body ends, with the error
      assert.equal("dead", coroutine.status(co))
      assert.is_false(pcall(generator))
      assert.is_nil(generator())

      local closed = saros.generator(function(yield)
        co = coroutine.running()
        yield(1)
      end)
      closed()
      coroutine.close(co)
      assert.is_false(pcall(closed))
    end)
  end)

  it("survives a program that resumes or closes the coroutine of a task in it", function()
    for _, tamper in ipairs {coroutine.resume, coroutine.close} do
      saros.run(function()
        local co
        local future = saros.get_running_loop():create_future()
        local task = saros.create_task(function()
          co = coroutine.running()
          collect(saros.generator(function() future:await() end))
        end)
        saros.sleep(0)
        tamper(co)
        collectgarbage()
        assert.is_string(task:traceback())
        assert.is_string(tostring(task))
        future:set_result()
        raises(saros.RuntimeError, task.await, task)
      end)
    end
  end)

  describe("refuses", function()
    it("what cannot be called", function()
      assert.error_matches(function() saros.generator() end,
        "bad argument #1 to 'generator' %(function expected, got no value%)")
      assert.error_matches(function() saros.generator({}) end,
        "bad argument #1 to 'generator' %(function expected, got table%)")
    end)

    it("to yield nil, nothing, or more than one value", function()
      local function yields(...)
        local values = table.pack(...)
        return saros.generator(function(yield) yield(table.unpack(values, 1, values.n)) end)
      end
      raises(saros.ValueError, yields(nil))
      assert.error_matches(yields(), "value expected")
      assert.error_matches(yields(1, 2), "a generator yields one value")
    end)

    it("a yield elsewhere than in the body", function()
      local stolen
      local generator = saros.generator(function(yield)
        stolen = yield
        assert.matches("can only be called by the body", raises(saros.RuntimeError, coroutine.wrap(yield), 1).message)
        assert.equal("cannot yield across the C function 'table.sort'",
          raises(saros.RuntimeError, table.sort, {1, 2}, yield and function() yield(1) end).message)
        yield(1)
      end)
      assert.equal(1, generator())
      raises(saros.RuntimeError, stolen, 2)
    end)
  end)
end)
