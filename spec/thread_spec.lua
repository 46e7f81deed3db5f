local saros = require "saros"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local threads = require "spec.support.threads"

-- What functions that run in other threads use: busted gives a spec's functions an _ENV that cannot travel.
local error, pcall, select, tostring = error, pcall, select, tostring

local LUA = os.getenv("SAROS_LUA") or "lua5.4"
local LIMIT = 20 -- seconds

-- Runs a program under plain Lua to its end.
local function run_program(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write('local saros = require "saros" ', text)
  file:close()
  local outcome, output, errors = process.run(LIMIT, LUA, name)
  os.remove(name)
  return outcome, output, errors
end

describe("thread #threads", function()
  describe("a thread without a loop", function()
    it("runs its target with copies of the arguments", function()
      local channel = saros.Channel(1)
      local given = {1, {2}}
      local thread = saros.Thread {
        target = function(...) channel:send({select("#", ...), ...}) end,
        args = {given, nil, "last", n = 3},
      }
      assert.is_false(thread:is_alive())
      assert.equal(thread, thread:start())
      assert.is_true(thread:join())
      assert.is_false(thread:is_alive())
      assert.same({3, {1, {2}}, nil, "last"}, channel:recv())
    end)

    it("runs at the same time as others", function()
      local there, back = saros.Channel(), saros.Channel()
      local thread = saros.Thread {target = function()
        for value in there.recv, there do back:send(value + 1) end
      end}:start()
      assert.is_true(thread:is_alive())
      for i = 1, 50 do
        there:send(i)
        assert.equal(i + 1, back:recv())
      end
      there:close()
      assert.is_true(thread:join(10))
    end)

    it("gives join its error, every time", function()
      local thread = saros.Thread {target = function() error(saros.ValueError("no good")) end}:start()
      for _ = 1, 2 do
        local failure = raises(saros.ValueError, thread.join, thread)
        assert.equal("no good", failure.message)
        assert.matches("thread_spec", failure.traceback)
      end
      local plain = saros.Thread {target = error, args = {"plain", 0}}:start()
      assert.same({false, "plain"}, {pcall(plain.join, plain)})
    end)

    it("is waited for as long as asked", function()
      local channel = saros.Channel()
      local thread = saros.Thread {target = function() channel:recv() end}:start()
      assert.is_false(thread:join(0))
      assert.is_false(thread:join(0.02))
      channel:send(true)
      assert.is_true(thread:join(10))
      assert.is_true(thread:join(0))
    end)

    it("leaves no thread of the system behind", function()
      local before = threads.count()
      for _ = 1, 20 do
        local thread = saros.Thread {target = function() end}:start()
        thread:join()
      end
      assert.equal(0, threads.left(before))
    end)

    it("has a name, for the system too", function()
      local ready, go = saros.Channel(), saros.Channel()
      local thread = saros.Thread {name = "worker of mine", target = function()
        ready:send(true)
        go:recv()
      end}
      assert.equal("worker of mine", thread.name)
      assert.equal("Thread: worker of mine", tostring(thread))
      thread:start()
      ready:recv()
      assert.is_true(threads.names()["worker of mine"])
      go:send(true)
      thread:join()
      assert.matches("^Thread%-%d+$", saros.Thread {target = print}.name)
      assert.are_not.equal(saros.Thread {target = print}.name, saros.Thread {target = print}.name)
    end)

    it("may start others, which join it", function()
      local results = saros.Channel(2)
      local outer = saros.Thread {target = function()
        local inner = saros.Thread {target = function() results:send("inner") end}:start()
        inner:join()
        results:send("outer")
      end}:start()
      local waiter = saros.Thread {target = function(thread) return thread:join() end, args = {outer}}:start()
      assert.is_true(waiter:join(10))
      assert.is_true(outer:join(10))
      assert.equal("inner", results:recv())
      assert.equal("outer", results:recv())
    end)
  end)

  describe("misuse", function()
    it("is refused", function()
      raises(saros.ValueError, saros.Thread, {target = print, daemon = true})
      assert.error_matches(function() saros.Thread {} end, "option 'target': function expected, got nil")
      assert.error_matches(function() saros.Thread {target = 1} end, "function expected, got number")
      assert.error_matches(function() saros.Thread {target = print, name = 1} end, "string expected")
      local failure = raises(saros.TransferError, saros.Thread, {target = print, args = {1, io.stdout}})
      assert.equal("argument 2: userdata cannot be transferred", failure.message)
      local thread = saros.Thread {target = function() end}
      assert.matches("before it is started", raises(saros.RuntimeError, thread.join, thread).message)
      thread:start()
      assert.matches("only be started once", raises(saros.RuntimeError, thread.start, thread).message)
      thread:join()
      raises(saros.RuntimeError, thread.start, thread)
      assert.error_matches(function() thread:join("soon") end, "number expected")
    end)

    it("is joining oneself", function()
      local itself = saros.Channel(1)
      local thread = saros.Thread {target = function() itself:recv():join() end}
      itself:send(thread)
      thread:start()
      assert.matches("cannot join current thread", raises(saros.RuntimeError, thread.join, thread).message)
    end)
  end)

  describe("a thread with loops", function()
    it("is joined by a task, which is suspended", function()
      saros.run(function()
        local channel = saros.Channel()
        local thread = saros.Thread {target = function() return channel:recv() end}:start()
        local ticks = 0
        local ticker = saros.create_task(function()
          while true do
            saros.sleep(0.002)
            ticks = ticks + 1
          end
        end)
        assert.is_false(thread:join(0.02))
        assert.is_true(ticks > 0)
        local joiner = saros.create_task(thread.join, thread)
        channel:send(true)
        assert.is_true(thread:join())
        assert.is_true(joiner:await())
        ticker:cancel()
      end)
    end)

    it("is joined no more by a task that is cancelled", function()
      saros.run(function()
        local channel = saros.Channel()
        local thread = saros.Thread {target = function() channel:recv() end}:start()
        local joiner = saros.create_task(thread.join, thread)
        saros.sleep(0.005)
        joiner:cancel()
        raises(saros.CancelledError, joiner.await, joiner)
        channel:send(true)
        assert.is_true(thread:join(10))
      end)
    end)

    it("may run one of its own, and call into that of another", function()
      saros.run(function()
        local loop = saros.get_running_loop()
        local seen = saros.Channel(10)
        local called = loop:create_future()
        local notify = loop:threadsafe(function(value) called:set_result(value) end)
        local thread = saros.Thread {target = function(proxy, callable)
          saros.run(function()
            saros.sleep(0.005)
            seen:send(proxy ~= saros.get_running_loop())
            seen:send(proxy:time() > 0)
            proxy:call_soon_threadsafe(function(...) seen:send({...}) end, 1, 2)
            callable("from afar")
            seen:send(saros.run_coroutine_threadsafe(proxy, saros.sleep, 0.005, "slept"):result())
          end)
        end, args = {loop, notify}}:start()
        assert.is_true(thread:join())
        assert.equal("from afar", called:await())
        local all = {}
        for _ = 1, 4 do all[#all + 1] = seen:recv() end
        assert.same({true, true, {1, 2}, "slept"}, all)
      end)
    end)

    it("is named where a task joins it", function()
      local outcome, output, errors = run_program [[
        saros.run(function()
          local channel = saros.Channel()
          local thread = saros.Thread {target = function() channel:recv() end}:start()
          saros.create_task(thread.join, thread):set_name("joiner")
          saros.create_task(function() channel:send(saros.sleep(0.05, true)) end)
          saros.create_task(function() thread:join() end):set_name("caller")
          saros.sleep(0.01)
          saros.print_tasks()
          thread:join()
        end)
      ]]
      assert.equal("exit 0", outcome)
      assert.matches("caller: waiting at [^\n]* in Thread:join\n", output .. errors)
    end)

    it("does not keep a loop going", function()
      local loop <close> = saros.new_event_loop()
      local channel = saros.Channel()
      local thread
      loop:call_soon(function() thread = saros.Thread {target = function() channel:recv() end}:start() end)
      loop:run()
      assert.is_true(thread:is_alive())
      channel:send(true)
      assert.is_true(thread:join(10))
    end)
  end)

  describe("the error of a thread that nobody joins", function()
    local function contexts_of(main)
      local contexts = {}
      saros.run(function()
        saros.get_running_loop():set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
        main()
      end)
      return contexts
    end

    local function wait_for_end(thread)
      while thread:is_alive() do saros.sleep(0.001) end
      saros.sleep(0.005)
    end

    it("goes to the loop that started it when it is collected", function()
      local contexts
      contexts = contexts_of(function()
        do
          local thread = saros.Thread {target = error, args = {saros.ValueError("lost")}}:start()
          wait_for_end(thread)
        end
        for _ = 1, 4 do
          collectgarbage()
          saros.sleep(0.002)
        end
      end)
      assert.equal(1, #contexts)
      assert.equal("lost", contexts[1].exception.message)
    end)

    it("goes there when the loop closes", function()
      local thread
      local contexts = contexts_of(function()
        thread = saros.Thread {target = error, args = {saros.ValueError("late")}}:start()
        wait_for_end(thread)
      end)
      assert.equal(1, #contexts)
      assert.equal("late", contexts[1].exception.message)
      raises(saros.ValueError, thread.join, thread)
    end)

    it("does not go there when somebody joins", function()
      local contexts = contexts_of(function()
        local thread = saros.Thread {target = error, args = {saros.ValueError("joined")}}:start()
        raises(saros.ValueError, thread.join, thread)
        thread = nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
        saros.sleep(0.002)
      end)
      assert.same({}, contexts)
    end)

    it("is logged without a loop", function()
      local outcome, output, errors = run_program [[
        local thread = saros.Thread {name = "lonely", target = function() error(saros.ValueError("lost")) end}:start()
        while thread:is_alive() do saros.blocking_sleep(0.001) end
        thread = nil
        collectgarbage()
        print("goes on")
      ]]
      assert.equal("exit 0", outcome)
      assert.equal("goes on\n", output)
      assert.matches("^Exception in thread 'lonely', which nobody has joined\nValueError: lost\nstack", errors)
    end)
  end)

  describe("Ctrl-C", function()
    local PROGRAM = [[
      io.stdout:setvbuf("no")
      local thread = saros.Thread {target = saros.blocking_sleep, args = {1000}}:start()
      print("waiting")
      thread:join(%s)
      print("never")
    ]]

    local function interrupt(timeout, ...)
      local name = os.tmpname()
      local file = assert(io.open(name, "w"))
      file:write('local saros = require "saros" ', PROGRAM:format(timeout))
      file:close()
      local words = {...}
      words[#words + 1] = name
      local running <close> = process.start(table.unpack(words))
      running:expect("waiting\n")
      require("system").sleep(0.05)
      running:signal("SIGINT")
      local outcome = running:wait(LIMIT)
      os.remove(name)
      return outcome, running:output(), running:errors()
    end

    for _, timeout in ipairs {"nil", "900"} do
      it("ends a join that blocks a thread, limit: " .. timeout, function()
        local outcome, output, errors = interrupt(timeout, LUA)
        assert.same({"exit 1", "waiting\n"}, {outcome, output})
        assert.matches("interrupted!", errors)
      end)
    end

    it("ends a join that suspends a script", function()
      local outcome, output = interrupt("nil", LUA, "scripts/saros")
      assert.same({"exit 130", "waiting\n"}, {outcome, output})
    end)
  end)

  describe("the end of a program", function()
    it("does not wait for a thread that nobody joins", function()
      local begin = saros.monotonic()
      local outcome, output, errors = run_program [[
        saros.Thread {target = function() while true do local _ = {} end end}:start()
        saros.Thread {target = function() saros.Channel():recv() end}:start()
        saros.Thread {target = saros.blocking_sleep, args = {1000}}:start()
        saros.Thread {target = function() saros.run(saros.sleep, 1000) end}:start()
        saros.blocking_sleep(0.1)
        print("the end")
      ]]
      assert.same({"exit 0", "the end\n", ""}, {outcome, output, errors})
      assert.is_true(saros.monotonic() - begin < 15)
    end)

    it("runs the scopes of threads that it stops", function()
      local outcome, output = run_program [[
        local ready = saros.Channel()
        saros.Thread {target = function()
          local function close()
            io.stdout:write("closed\n")
            io.stdout:flush()
          end
          local scope <close> = setmetatable({}, {__close = close})
          ready:send(true)
          while true do local _ = {} end
        end}:start()
        ready:recv()
      ]]
      assert.same({"exit 0", "closed\n"}, {outcome, output})
    end)

    it("may come by os.exit, with or without closing the state", function()
      for _, arguments in ipairs {"0, true", "0"} do
        local outcome = run_program([[
          saros.Thread {target = function() while true do local _ = {} end end}:start()
          os.exit(]] .. arguments .. ")")
        assert.equal("exit 0", outcome)
      end
    end)

    it("is one thread's own, if it ends with threads of its own", function()
      local thread = saros.Thread {target = function()
        saros.Thread {target = function() while true do local _ = {} end end}:start()
        saros.Thread {target = function() saros.Channel():recv() end}:start()
      end}:start()
      assert.is_true(thread:join(15))
    end)
  end)
end)
