local exchange = require "spec.examples.exchange"
local process = require "spec.support.process"
local saros = require "saros"

local SCRIPT = "scripts/examples/chat_server.lua"

-- Runs `talk(join)` while the server runs; `join(name)` gives a reader and a writer.
local function with_server(talk)
  local server <close> = process.saros(SCRIPT, "127.0.0.1", "0")
  local _, port = server:listening()
  exchange.run(function()
    local writers = {}
    local function join(name)
      local reader, writer = saros.open_connection("127.0.0.1", port)
      writers[#writers + 1] = writer
      assert.equal("What is your name?\n", reader:readline())
      if name then
        writer:write(name .. "\n")
        assert.truthy(reader:readline():find("^%* here: .*" .. name))
      end
      return reader, writer
    end
    local ok, problem = pcall(talk, join, server)
    for _, writer in ipairs(writers) do writer:close() end
    if not ok then error(problem, 0) end
  end)
  return server
end

describe("scripts/examples/chat_server.lua", function()
  it("tells everybody what one says, and who comes and goes", function()
    local server = with_server(function(join)
      local ann, ann_writer = join("ann")
      local bob, bob_writer = join("bob")
      assert.equal("* bob joins\n", ann:readline())
      local cleo = join("cleo")
      assert.equal("* cleo joins\n", ann:readline())
      assert.equal("* cleo joins\n", bob:readline())

      ann_writer:write("hello all\n")
      assert.equal("ann: hello all\n", bob:readline())
      assert.equal("ann: hello all\n", cleo:readline())
      bob_writer:write("hi\r\n\n")
      assert.equal("bob: hi\n", ann:readline())
      bob_writer:close()
      assert.equal("* bob leaves\n", ann:readline())
      ann_writer:write("/who\n")
      assert.equal("* here: ann, cleo\n", ann:readline())
    end)
    assert.equal("", server:errors())
  end)

  it("asks for a name until it is a free one", function()
    with_server(function(join)
      join("ann")
      local reader, writer = join()
      writer:write("two words\n")
      assert.equal("Letters and digits, please. Your name?\n", reader:readline())
      writer:write("ann\n")
      assert.equal("That name is taken. Another one?\n", reader:readline())
      writer:write("bob\n")
      assert.equal("* here: ann, bob\n", reader:readline())
    end)
  end)

  it("lets a client leave before it has a name", function()
    local server = with_server(function(join)
      local _, writer = join()
      writer:close()
      local reader = join("ann")
      assert.truthy(reader)
    end)
    assert.equal("", server:errors())
  end)

  it("does not let one that does not read hold up the others", function()
    with_server(function(join)
      local sleeper = join("sleeper")
      local ann, ann_writer = join("ann")
      local bob, bob_writer = join("bob")
      assert.equal("* bob joins\n", ann:readline())
      -- Far more than the sockets and the queue of the sleeper hold.
      local line = ("x"):rep(50000)
      for i = 1, 1000 do
        ann_writer:write(line .. "\n")
        assert.equal("ann: " .. line .. "\n", bob:readline())
        if i % 100 == 0 then
          bob_writer:write("got " .. i .. "\n")
          assert.equal("bob: got " .. i .. "\n", ann:readline())
        end
      end
      -- Once it reads, it learns what it missed, and has the last line.
      local missed
      repeat
        local heard = sleeper:readline()
        missed = missed or heard:match("^%* you missed (%d+) lines\n$")
      until heard == "bob: got 1000\n"
      assert.is_true(tonumber(missed) > 500)
    end)
  end)

  for _, signal in ipairs({ "SIGINT", "SIGTERM" }) do
    it("ends within a second of " .. signal .. " with idle clients connected", function()
      local server = with_server(function(join, server)
        local reader = join("ann")
        join()
        server:signal(signal)
        assert.equal("exit 0", server:wait(1))
        assert.is_nil(reader:readline())
      end)
      assert.equal("", server:errors())
    end)
  end

  it("ends soon after SIGINT with a client that does not read", function()
    with_server(function(join, server)
      join("sleeper")
      local _, writer = join("ann")
      for _ = 1, 300 do
        writer:write(("x"):rep(50000) .. "\n")
        writer:drain()
      end
      server:signal("SIGINT")
      assert.equal("exit 0", server:wait(3))
    end)
  end)
end)
