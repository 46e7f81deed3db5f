local process = require "spec.support.process"

local SCRIPT = "scripts/examples/cpu_heavy.lua"
local LUA = os.getenv("SAROS_LUA") or "lua5.4"
local LIMIT = 120 -- seconds

describe("scripts/examples/cpu_heavy.lua #threads", function()
  it("computes while its heart beats", function()
    local outcome, output, errors = process.run(LIMIT, LUA, "scripts/saros", SCRIPT, "600000")
    assert.equal("exit 0", outcome)
    assert.matches("^49098 primes below 600000; no beat was later than %d+ ms\n$", output)
    assert.matches("^%*+\n$", errors)
  end)

  it("is stopped by Ctrl-C in the middle of it", function()
    local running <close> = process.saros(SCRIPT, "100000000") -- it would take an hour
    local deadline = os.time() + LIMIT
    while running:errors() == "" and os.time() < deadline do os.execute("sleep 0.05") end
    assert.matches("^%*", running:errors())
    running:signal("SIGINT")
    assert.equal("exit 130", running:wait(LIMIT))
    assert.matches("^%*+$", running:errors())
  end)
end)
