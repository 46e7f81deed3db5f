local exchange = require "spec.examples.exchange"
local process = require "spec.support.process"

local SCRIPT = "scripts/examples/demo.lua"

describe("scripts/examples/demo.lua", function()
  it("serves redis-cli, works on its data, and tells how it does", function()
    local demo <close> = process.saros(SCRIPT, "127.0.0.1", "0")
    local _, port = demo:listening()
    local outcome, output = process.run(20, "redis-cli", "-p", tostring(port), "GET", "demo:time")
    assert.equal("exit 0", outcome)
    assert.truthy(output:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ\n$"))
    _, output = process.run(20, "redis-cli", "-p", tostring(port), "KEYS", "demo:trace:*")
    assert.truthy(output:find("^demo:trace:%d+\n"))
    -- A whole line, as the output is no terminal.
    demo:expect("%d+ s up, %d+ clients, %d+ keys, %d+ commands/s, %d+ in all, [%d.]+ MiB\n")
    demo:signal("SIGINT")
    assert.equal("exit 0", demo:wait(1))
    assert.truthy(demo:output():find("stopped after 2 commands\n$"))
    assert.equal("", demo:errors())
  end)

  it("takes any free port when its own is taken, unless one was asked for", function()
    local first <close> = process.saros(SCRIPT)
    local _, port = first:listening()
    local second <close> = process.saros(SCRIPT)
    local _, other = second:listening()
    assert.are_not.equal(port, other)
    local lua = os.getenv("SAROS_LUA") or "lua5.4"
    local outcome, _, errors =
      process.run(20, lua, "scripts/saros", SCRIPT, "127.0.0.1", tostring(port))
    assert.equal("exit 1", outcome)
    assert.truthy(errors:find("EADDRINUSE", 1, true) or errors:find("address already in use", 1, true))
  end)

  for _, signal in ipairs({ "SIGINT", "SIGTERM" }) do
    it("ends within a second of " .. signal .. " with an idle client connected", function()
      local demo <close> = process.saros(SCRIPT, "127.0.0.1", "0")
      local _, port = demo:listening()
      exchange.run(exchange.with, port, function(reader, writer)
        writer:write("PING\r\n")
        assert.equal("+PONG\r\n", reader:readline())
        demo:signal(signal)
        assert.equal("exit 0", demo:wait(1))
        assert.is_nil(reader:read(1))
      end)
      assert.equal("", demo:errors())
    end)
  end
end)
