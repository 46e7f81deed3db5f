local saros = require "saros"
local testing = require "saros.testing"
local raises = require "spec.support.raises"

-- What functions that run in other threads use: busted gives a spec's functions an _ENV that cannot travel.
local math, pcall, string = math, pcall, string

describe("core.thread.channel", function()
  describe("a channel with room", function()
    it("gives what was sent, in order", function()
      local channel = saros.Channel(3)
      channel:send("a")
      channel:send(2)
      assert.is_true(channel:try_send({3}))
      assert.equal("a", channel:recv())
      assert.same({true, 2}, {channel:try_recv()})
      assert.same({3}, channel:recv())
      assert.same({false}, {channel:try_recv()})
    end)

    it("accepts no more than fits", function()
      local channel = saros.Channel(2)
      assert.is_true(channel:try_send(1))
      assert.is_true(channel:try_send(2))
      assert.is_false(channel:try_send(3))
      assert.equal(1, channel:recv())
      assert.is_true(channel:try_send(3))
      assert.equal(2, channel:recv())
      assert.equal(3, channel:recv())
    end)

    it("may be as large as memory is", function()
      local channel = saros.Channel(math.huge)
      for i = 1, 1000 do assert.is_true(channel:try_send(i)) end
      for i = 1, 1000 do assert.equal(i, channel:recv()) end
    end)

    it("holds whole values: a capacity of 2.7 is one of 2", function()
      local channel = saros.Channel(2.7)
      assert.is_true(channel:try_send(1) and channel:try_send(2))
      assert.is_false(channel:try_send(3))
    end)

    it("makes senders wait in their order, and lets each go when it is accepted", testing.async(function()
      local channel, order = saros.Channel(1), {}
      for i = 1, 4 do
        saros.create_task(function()
          channel:send(i)
          order[#order + 1] = "sent " .. i
        end)
      end
      for _ = 1, 4 do
        saros.sleep(0.003)
        order[#order + 1] = "got " .. channel:recv()
      end
      saros.sleep(0.003)
      assert.same({"sent 1", "got 1", "sent 2", "got 2", "sent 3", "got 3", "sent 4", "got 4"}, order)
    end))
  end)

  describe("a channel without capacity", function()
    it("lets a sender go when somebody has received", testing.async(function()
      local channel, order = saros.Channel(), {}
      local sender = saros.create_task(function()
        for i = 1, 3 do
          channel:send(i)
          order[#order + 1] = "sent " .. i
        end
      end)
      saros.sleep(0.003)
      assert.same({}, order)
      assert.equal(1, channel:recv())
      saros.sleep(0.003)
      assert.same({"sent 1"}, order)
      assert.equal(2, channel:recv())
      assert.equal(3, channel:recv())
      sender:await()
      assert.equal(3, #order)
    end))

    it("accepts at once what somebody waits for, and nothing else", testing.async(function()
      local channel = saros.Channel(0)
      assert.is_false(channel:try_send("nobody"))
      local receiver = saros.create_task(function() return channel:recv() end)
      saros.sleep(0.003)
      assert.is_true(channel:try_send("you"))
      assert.is_false(channel:try_send("nobody"))
      assert.equal("you", receiver:await())
    end))

    it("serves receivers in the order in which they came", testing.async(function()
      local channel, got = saros.Channel(), {}
      for i = 1, 5 do
        saros.create_task(function() got[i] = channel:recv() end)
      end
      saros.sleep(0.003)
      for i = 1, 5 do channel:send(i * 10) end
      saros.sleep(0.003)
      assert.same({10, 20, 30, 40, 50}, got)
    end))

    it("lets nobody who comes later take what a receiver waits for", testing.async(function()
      local channel = saros.Channel()
      local receiver = saros.create_task(function() return channel:recv() end)
      saros.sleep(0.003)
      channel:send("mine")
      assert.is_false(channel:try_recv()) -- the receiver has not run yet
      assert.equal("mine", receiver:await())
    end))
  end)

  describe("close", function()
    it("leaves what was accepted, then gives nil", function()
      local channel = saros.Channel(2)
      channel:send(1)
      channel:send(false)
      channel:close()
      channel:close()
      assert.equal(1, channel:recv())
      assert.is_false(channel:recv())
      assert.is_nil(channel:recv())
      assert.is_nil(channel:recv())
      assert.same({false}, {channel:try_recv()})
    end)

    it("makes sending an error", function()
      local channel = saros.Channel(2)
      channel:close()
      assert.equal("the channel is closed", raises(saros.RuntimeError, channel.send, channel, 1).message)
      assert.equal("the channel is closed", raises(saros.RuntimeError, channel.try_send, channel, 1).message)
      assert.matches("^Channel: .* closed$", tostring(channel))
    end)

    it("ends the waits of receivers with nil", testing.async(function()
      local channel, ended = saros.Channel(), {}
      for i = 1, 3 do
        saros.create_task(function() ended[i] = table.pack(channel:recv()) end)
      end
      saros.sleep(0.003)
      channel:close()
      saros.sleep(0.003)
      for i = 1, 3 do assert.same({n = 1}, ended[i]) end
    end))

    it("ends the waits of senders with an error, and drops what they offered", testing.async(function()
      local channel = saros.Channel(1)
      channel:send("accepted")
      local senders = {}
      for i = 1, 3 do senders[i] = saros.create_task(channel.send, channel, i) end
      saros.sleep(0.003)
      channel:close()
      for i = 1, 3 do raises(saros.RuntimeError, senders[i].await, senders[i]) end
      assert.equal("accepted", channel:recv())
      assert.is_nil(channel:recv())
    end))

    it("happens at the end of a scope", function()
      local channel = saros.Channel(1)
      do
        local scope <close> = channel -- luacheck: ignore 211
      end
      raises(saros.RuntimeError, channel.send, channel, 1)
    end)
  end)

  describe("bad input", function()
    it("is refused", function()
      raises(saros.ValueError, saros.Channel, -1)
      raises(saros.ValueError, saros.Channel, 0 / 0)
      assert.error_matches(function() saros.Channel("many") end, "number expected")
      local channel = saros.Channel(1)
      assert.error_matches(function() channel:send(nil) end, "nil cannot be sent")
      assert.error_matches(function() channel:send() end, "nil cannot be sent")
      assert.error_matches(function() channel:try_send(nil) end, "nil cannot be sent")
      assert.error_matches(function() channel.send(io.stdout, 1) end, "Channel expected")
      raises(saros.TransferError, channel.send, channel, coroutine.create(print))
      assert.is_false(channel:try_recv())
    end)

    it("in the middle of a callback says why it cannot wait", function()
      local loop <close> = saros.new_event_loop()
      local channel, seen = saros.Channel(), nil
      loop:call_soon(function()
        local _, failure = pcall(channel.recv, channel)
        seen = failure
      end)
      loop:run()
      assert.is_true(saros.is_error(seen, saros.RuntimeError))
      assert.matches("recv", seen.message)
    end)
  end)

  describe("cancellation", function()
    it("takes a waiting receiver out", testing.async(function()
      local channel = saros.Channel()
      local first = saros.create_task(channel.recv, channel)
      local second = saros.create_task(channel.recv, channel)
      saros.sleep(0.003)
      first:cancel("enough")
      assert.equal("enough", raises(saros.CancelledError, first.await, first).message)
      channel:send("for the second")
      assert.equal("for the second", second:await())
    end))

    it("takes back what a waiting sender offers", testing.async(function()
      local channel = saros.Channel()
      local senders = {}
      for i = 1, 3 do senders[i] = saros.create_task(channel.send, channel, i) end
      saros.sleep(0.003)
      senders[2]:cancel()
      raises(saros.CancelledError, senders[2].await, senders[2])
      assert.equal(1, channel:recv())
      assert.equal(3, channel:recv())
      assert.is_false(channel:try_recv())
    end))

    it("in the iteration of the hand-over puts the value back in front", testing.async(function()
      local channel = saros.Channel(2)
      local receiver = saros.create_task(channel.recv, channel)
      saros.sleep(0.003)
      channel:send("first")
      channel:send("second")
      receiver:cancel()
      raises(saros.CancelledError, receiver.await, receiver)
      assert.equal("first", channel:recv())
      assert.equal("second", channel:recv())
    end))

    it("in the iteration of the hand-over gives the value to the next receiver", testing.async(function()
      local channel = saros.Channel()
      local first = saros.create_task(channel.recv, channel)
      local second = saros.create_task(channel.recv, channel)
      saros.sleep(0.003)
      channel:send("it")
      first:cancel()
      raises(saros.CancelledError, first.await, first)
      assert.equal("it", second:await())
    end))

    it("after the wake-up, before the task runs, loses nothing either", function()
      -- The task is woken in the poll; a callback that is ready in the same iteration cancels it.
      local loop <close> = saros.new_event_loop()
      local channel = saros.Channel(5)
      for round = 1, 20 do
        local receiver = loop:create_task(channel.recv, channel)
        loop:run_once()
        channel:send(round)
        for _ = 1, round % 5 do loop:call_soon(math.abs, 1) loop:run_once() end
        receiver:cancel()
        local ok, value = pcall(loop.run_until_complete, loop, receiver)
        if not ok then
          assert.is_true(saros.is_error(value, saros.CancelledError))
          value = select(2, channel:try_recv())
        end
        assert.equal(round, value)
      end
    end)

    it("before the wait begins is raised in it", testing.async(function()
      local channel = saros.Channel()
      local task
      task = saros.create_task(function()
        task:cancel()
        channel:recv()
      end)
      raises(saros.CancelledError, task.await, task)
      assert.is_false(channel:try_send("nobody waits"))
    end))

    it("of a sender whose value was received comes too late for the value", testing.async(function()
      local channel = saros.Channel()
      local sender = saros.create_task(channel.send, channel, "sent")
      saros.sleep(0.003)
      assert.equal("sent", channel:recv())
      sender:cancel()
      raises(saros.CancelledError, sender.await, sender)
      assert.is_false(channel:try_recv())
    end))

    it("of many who wait takes no longer for each #many", function()
      local function seconds_of(count)
        local loop <close> = saros.new_event_loop()
        local channel, tasks = saros.Channel(), {}
        for i = 1, count do tasks[i] = loop:create_task(channel.recv, channel) end
        loop:run_once()
        local begin = os.clock()
        for i = count, 1, -1 do tasks[i]:cancel() end
        loop:run()
        return os.clock() - begin
      end
      local few, many = seconds_of(2000) + 0.001, seconds_of(20000)
      assert.is_true(many < 40 * few, ("%.4f s for 2,000, %.4f s for 20,000"):format(few, many))
    end)
  end)

  describe("loops", function()
    it("are kept going by a task that waits, and no longer", function()
      local loop <close> = saros.new_event_loop()
      local channel, got = saros.Channel(1), nil
      loop:create_task(function() got = channel:recv() end)
      loop:call_later(0.01, channel.send, channel, "late")
      loop:run()
      assert.equal("late", got)
    end)

    it("that close while tasks wait end them, and nothing is lost", function()
      local channel = saros.Channel()
      local loop = saros.new_event_loop()
      local ended
      loop:create_task(function()
        local scope <close> = setmetatable({}, {__close = function(_, failure) ended = failure end}) -- luacheck: ignore
        channel:recv()
      end)
      local sender = loop:create_task(channel.send, saros.Channel(), "offered")
      loop:run_once()
      loop:close()
      assert.is_true(saros.is_error(ended, saros.CancelledError))
      assert.is_true(sender:cancelled())
      assert.is_false(channel:try_send("nobody waits"))
    end)

    it("that close right after the hand-over lose nothing", function()
      local channel = saros.Channel(1)
      local loop = saros.new_event_loop()
      loop:create_task(channel.recv, channel)
      loop:run_once()
      channel:send("kept")
      loop:close()
      assert.same({true, "kept"}, {channel:try_recv()})
    end)

    it("that are collected while a task waits let the channel go on", function()
      local channel = saros.Channel()
      do
        local loop = saros.new_event_loop()
        loop:create_task(channel.recv, channel)
        loop:run_once()
      end
      collectgarbage()
      collectgarbage()
      assert.is_false(channel:try_send("nobody waits"))
    end)

    it("that are collected leave tasks that cannot be cancelled any more", function()
      local channel = saros.Channel()
      local task
      do
        local loop = saros.new_event_loop()
        task = loop:create_task(channel.recv, channel)
        loop:run_once()
      end
      for _ = 1, 4 do collectgarbage() end
      assert.is_false(task:cancel()) -- it used to write to what the task had waited for
      assert.is_false(task:done())
    end)

    it("report a task whose coroutine the program has closed, and the value goes to the next", function()
      local loop <close> = saros.new_event_loop()
      local channel = saros.Channel(1)
      local task = loop:create_task(channel.recv, channel)
      loop:run_once()
      coroutine.close(task:get_coro())
      channel:send("kept")
      assert.is_false(pcall(loop.run_until_complete, loop, task))
      task = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.same({true, "kept"}, {channel:try_recv()})
    end)

    it("of a task whose coroutine the program resumes are left alone", function()
      local loop <close> = saros.new_event_loop()
      local channel = saros.Channel(1)
      local task = loop:create_task(channel.recv, channel)
      loop:run_once()
      assert(not coroutine.resume(task:get_coro()) or true)
      channel:send("kept")
      pcall(loop.run_until_complete, loop, task)
      task = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.same({true, "kept"}, {channel:try_recv()})
    end)

    it("with a virtual clock do not jump while a task waits", function()
      local loop <close> = testing.VirtualClockLoop()
      local channel = saros.Channel()
      local begin = loop:time()
      loop:create_task(channel.recv, channel)
      local timed_out
      local timer = loop:call_later(3600, function() timed_out = true end)
      for _ = 1, 3 do
        loop:call_soon(math.abs, 1)
        loop:run_once()
      end
      assert.is_nil(timed_out)
      assert.is_true(loop:time() - begin < 60)
      timer:cancel()
      channel:send("go")
      loop:run()
    end)
  end)

  describe("collection", function()
    it("frees a channel, and what is in it", function()
      local weak = setmetatable({}, {__mode = "k"})
      do
        local channel = saros.Channel(10)
        channel:send({string.rep("x", 1000)})
        channel:send(saros.Channel(1))
        weak[channel] = true
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(weak))
    end)

    it("spares a channel that is in another one, which is the same afterwards", function()
      local outer, inner = saros.Channel(1), saros.Channel(1)
      inner:send("inside")
      outer:send({inner = inner})
      inner = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.equal("inside", outer:recv().inner:recv())
      local same = saros.Channel(1)
      outer:send(same)
      assert.equal(same, outer:recv())
    end)
  end)
end)
