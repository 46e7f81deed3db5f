local saros = require "saros"
local process = require "spec.support.process"
local raises = require "spec.support.raises"

-- What functions that run in other threads use: busted gives a spec's functions an _ENV that cannot travel.
local math, pcall, string = math, pcall, string

local LUA = os.getenv("SAROS_LUA") or "lua5.4"
local LIMIT = 20 -- seconds

describe("core.thread.channel", function()
  describe("between threads #threads", function()
    local function with_executor(workers, main)
      saros.run(function()
        local executor <close> = saros.ThreadPoolExecutor {max_workers = workers}
        main(executor)
      end)
    end

    it("a channel is the same one", function()
      with_executor(1, function(executor)
        local requests, replies = saros.Channel(), saros.Channel()
        local job = executor:submit(function()
          local count = 0
          for request in requests.recv, requests do
            count = count + 1
            replies:send(request * 2)
          end
          replies:close()
          return count
        end)
        for i = 1, 100 do
          requests:send(i)
          assert.equal(2 * i, replies:recv())
        end
        requests:close()
        assert.is_nil(replies:recv())
        assert.equal(100, job:await())
      end)
    end)

    it("nothing is lost or doubled, whoever sends, receives and gives up", function()
      with_executor(4, function(executor)
        local SENDERS, COUNT = 2, 500
        for _, capacity in ipairs {0, 1, 7} do
          local channel = saros.Channel(capacity)
          local senders, receivers = {}, {}
          for sender = 1, SENDERS do
            senders[sender] = executor:submit(function()
              for i = 1, COUNT do channel:send(sender * 1000000 + i) end
            end)
          end
          for receiver = 1, 2 do
            receivers[receiver] = executor:submit(function()
              local got = {}
              for value in channel.recv, channel do got[#got + 1] = value end
              return got
            end)
          end
          local seen, count = {}, 0
          local function note(value)
            assert.is_nil(seen[value])
            seen[value] = true
            count = count + 1
          end
          -- Tasks receive too, and are cancelled again and again.
          local taking = true
          local taker = saros.create_task(function()
            while taking do
              local task = saros.create_task(channel.recv, channel)
              saros.sleep(0.0002)
              task:cancel()
              local ok, value = pcall(task.await, task)
              if ok and value then note(value) end
            end
          end)
          for _, sender in ipairs(senders) do sender:await() end
          taking = false
          taker:await()
          channel:close()
          for _, receiver in ipairs(receivers) do
            for _, value in ipairs(receiver:await()) do note(value) end
          end
          for value in channel.recv, channel do note(value) end
          assert.equal(SENDERS * COUNT, count)
        end
      end)
    end)

    it("a blocked thread is woken by a close", function()
      with_executor(2, function(executor)
        local channel = saros.Channel()
        local receiver = executor:submit(function() return (channel:recv()) end)
        local full = saros.Channel()
        local sender = executor:submit(function()
          local ok, failure = pcall(full.send, full, "refused")
          return ok, failure.message
        end)
        saros.sleep(0.02)
        channel:close()
        full:close()
        assert.is_nil((receiver:await()))
        assert.same({false, "the channel is closed"}, {sender:await()})
      end)
    end)

    it("cancelling the job ends the wait of its thread", function()
      with_executor(1, function(executor)
        local channel = saros.Channel()
        local job = executor:submit(function() channel:recv() end)
        saros.sleep(0.02)
        job:cancel()
        raises(saros.CancelledError, job.await, job)
        local started = saros.monotonic()
        assert.equal("next", executor:submit(function() return "next" end):await())
        assert.is_true(saros.monotonic() - started < 5)
        assert.is_false(channel:try_send("nobody waits"))
      end)
    end)

    it("a state that ends with values on their way leaves no bytes", function()
      local channel = saros.Channel(100)
      with_executor(2, function(executor)
        executor:submit(function()
          for i = 1, 10 do channel:send({i, string.rep("x", 100)}) end
        end):await()
      end)
      for i = 1, 10 do assert.equal(i, channel:recv()[1]) end
    end)

    it("a loop that closes while other threads send loses nothing", function()
      local channel = saros.Channel(1000)
      local done = saros.Channel(1)
      local total = 0
      with_executor(1, function(executor)
        local job = executor:submit(function()
          for i = 1, 300 do channel:send(i) end
          done:send(true)
        end)
        -- Loops of other states wait for the same values, and are closed while they do.
        local got = saros.to_thread(function()
          local sum = 0
          for _ = 1, 20 do
            local loop <close> = saros.new_event_loop()
            for _ = 1, 5 do
              loop:create_task(function()
                local value = channel:recv()
                sum = sum + (value or 0) -- what it is by now: others have added theirs meanwhile
              end)
            end
            for _ = 1, 3 do
              loop:call_soon(math.abs, 1)
              loop:run_once()
            end
          end
          return sum
        end)
        job:await()
        assert.is_true(done:recv())
        channel:close()
        total = got
      end)
      for value in channel.recv, channel do total = total + value end
      assert.equal(300 * 301 // 2, total)
    end)
  end)

  describe("Ctrl-C", function()
    local function interrupt(text)
      local running <close> = process.saros("-e", text)
      running:expect("waiting\n")
      require("system").sleep(0.1)
      running:signal("SIGINT")
      return running:wait(LIMIT), running:output(), running:errors()
    end

    it("ends the wait of a thread without a loop", function()
      local name = os.tmpname()
      local file = assert(io.open(name, "w"))
      file:write [[
        local saros = require "saros"
        io.stdout:setvbuf("no")
        print("waiting")
        saros.Channel():recv()
        print("never")
      ]]
      file:close()
      local running <close> = process.start(LUA, name)
      running:expect("waiting\n")
      require("system").sleep(0.1)
      running:signal("SIGINT")
      assert.equal("exit 1", running:wait(LIMIT))
      assert.equal("waiting\n", running:output())
      assert.matches("interrupted!", running:errors())
      os.remove(name)
    end)

    it("ends the wait of a launcher's script", function()
      local outcome, output = interrupt [[
        local saros = require "saros"
        io.stdout:setvbuf("no")
        print("waiting")
        saros.Channel():recv()
        print("never")
      ]]
      assert.equal("waiting\n", output)
      assert.equal("exit 130", outcome)
    end)
  end)
end)
