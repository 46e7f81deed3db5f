local saros = require "saros"
local generators = require "spec.support.generators"
local raises = require "spec.support.raises"
local ticking = require "spec.support.ticking"

local scope, wait_forever = generators.scope, generators.wait_forever
local count, collect = generators.count, generators.collect

describe("saros.generator", function()
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
        assert.matches("support/generators.lua:%d+ pending", tostring(task))
        local text = {}
        task:print_stack({write = function(_, part) text[#text + 1] = part end})
        assert.matches("wait_forever", table.concat(text))
        task:cancel()
      end)
    end)
  end)
end)
