local process = require "spec.support.process"

local SCRIPT = "scripts/examples/periodic_tasks.lua"

-- The times of the lines that match.
local function times(output, pattern)
  local list = {}
  for line in output:gmatch("[^\n]+") do
    if line:find(pattern) then list[#list + 1] = tonumber(line:match("^%s*([%d.]+) s")) end
  end
  return list
end

describe("scripts/examples/periodic_tasks.lua", function()
  it("runs its jobs on their grids, skips missed turns, and takes up a failed job again", function()
    local outcome, output, errors = process.run(20, "sh", "-c",
      'exec "${SAROS_LUA:-lua5.4}" scripts/saros "$1" 2.85', "sh", SCRIPT)
    assert.equal("exit 0", outcome)
    assert.equal("", errors)

    local heartbeats = times(output, "heartbeat$")
    assert.equal(3, #heartbeats)
    for i, time in ipairs(heartbeats) do
      assert.is_true(time >= i - 1 and time < i - 0.5, output) -- never early
    end

    -- It takes 0.7 s of an interval of 0.5: every other turn is missed.
    local reports = times(output, "report %d+: begins")
    assert.equal(3, #reports, output)
    for i, time in ipairs(reports) do assert.is_true(time >= i - 1 and time < i - 0.5, output) end

    -- The third attempt, at 0.8 s, fails; a second later it goes on.
    assert.truthy(output:find("unreliable failed, again in a second: no luck at attempt 3\n", 1, true))
    local attempts = times(output, "attempt %d+ went well")
    assert.is_true(#attempts >= 4 and attempts[3] >= 1.8, output)
    assert.truthy(output:find("stopped\n$"))
  end)

  for _, signal in ipairs({ "SIGINT", "SIGTERM" }) do
    it("ends within a second of " .. signal, function()
      local jobs <close> = process.saros(SCRIPT)
      jobs:expect("report 1: begins")
      jobs:signal(signal)
      assert.equal("exit 0", jobs:wait(1))
      assert.equal("", jobs:errors())
    end)
  end
end)
