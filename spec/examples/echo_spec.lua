-- Both echo servers, which behave the same.

local exchange = require "spec.examples.exchange"
local process = require "spec.support.process"
local saros = require "saros"

for _, script in ipairs({ "scripts/examples/echo_protocol.lua", "scripts/examples/echo_streams.lua" }) do
  describe(script, function()
    it("sends back what it gets, to several clients at once", function()
      local server <close> = process.saros(script, "127.0.0.1", "0")
      local host, port = server:listening()
      assert.equal("127.0.0.1", host)
      exchange.run(function()
        local function talk(reader, writer)
          for i = 1, 20 do
            local message = ("message %d\0\r\n"):format(i)
            writer:write(message)
            saros.sleep(0)
            assert.equal(message, reader:readexactly(#message))
          end
          return true
        end
        local talks = {}
        for i = 1, 10 do talks[i] = saros.create_task(exchange.with, port, talk) end
        local results = saros.gather(talks):await()
        assert.equal(10, #results)
      end)
    end)

    it("keeps every byte of much data, and ends when the client does", function()
      local server <close> = process.saros(script, "127.0.0.1", "0")
      local _, port = server:listening()
      local data = {}
      for i = 1, 200000 do data[i] = ("%08d"):format(i) end
      data = table.concat(data)
      exchange.run(function()
        exchange.with(port, function(reader, writer)
          local sending = saros.create_task(function()
            exchange.send(writer, data)
            writer:write_eof()
          end)
          assert.is_true(reader:read("a") == data)
          sending:await()
        end)
      end)
    end)

    it("lives on when clients vanish", function()
      local server <close> = process.saros(script, "127.0.0.1", "0")
      local _, port = server:listening()
      exchange.run(function()
        for _ = 1, 20 do
          exchange.with(port, function(_, writer) writer:write(("x"):rep(100000)) end)
        end
        exchange.with(port, function(reader, writer)
          writer:write("still there?")
          assert.equal("still there?", reader:readexactly(12))
        end)
      end)
    end)

    for _, signal in ipairs({ "SIGINT", "SIGTERM" }) do
      it("ends within a second of " .. signal .. " with an idle client connected", function()
        local server <close> = process.saros(script, "127.0.0.1", "0")
        local _, port = server:listening()
        exchange.run(function()
          exchange.with(port, function(reader, writer)
            writer:write("hello")
            assert.equal("hello", reader:readexactly(5))
            server:signal(signal)
            assert.equal("exit 0", server:wait(1))
            assert.is_nil(reader:read(1))
          end)
        end)
        assert.equal("", server:errors())
      end)
    end

    it("ends soon after SIGINT with a client that does not read", function()
      local server <close> = process.saros(script, "127.0.0.1", "0")
      local _, port = server:listening()
      exchange.run(function()
        exchange.with(port, function(_, writer)
          local stuck = saros.create_task(exchange.send, writer, ("x"):rep(32 * 1024 * 1024))
          saros.sleep(0.3)
          assert.is_false(stuck:done())
          server:signal("SIGINT")
          assert.equal("exit 0", server:wait(3))
          pcall(stuck.await, stuck) -- the connection broke, as it had to
        end)
      end)
    end)
  end)
end
