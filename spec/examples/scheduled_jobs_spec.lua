local process = require "spec.support.process"

local SCRIPT = "scripts/examples/scheduled_jobs.lua"

-- The times of the lines that match.
local function times(output, pattern)
  local list = {}
  for line in output:gmatch("[^\n]+") do
    if line:find(pattern) then list[#list + 1] = tonumber(line:match("^%s*([%d.]+) s")) end
  end
  return list
end

describe("scripts/examples/scheduled_jobs.lua", function()
  it("runs its jobs on time, leaves out what overlaps, and tries again what failed", function()
    local outcome, output, errors = process.run(20, os.getenv("SAROS_LUA") or "lua5.4", "scripts/saros", SCRIPT, "2.8")
    assert.equal("exit 0", outcome)
    local heartbeats = times(output, "heartbeat, due %d%d:%d%d:%d%d$")
    assert.equal(3, #heartbeats, output)
    for i, time in ipairs(heartbeats) do assert.is_true(time >= i - 1 and time < i - 0.4, output) end
    -- It takes 1.2 of an interval of 0.5 seconds: two of three turns are skipped.
    local reports = times(output, "report of sales begins")
    assert.equal(2, #reports, output)
    assert.is_true(reports[2] >= 1.5 and reports[2] < 2.1, output)
    assert.truthy(output:find("report is skipped", 1, true))
    assert.truthy(output:find("fetched at attempt 3\n", 1, true), output)
    assert.truthy(output:find("heartbeat: 3 runs, 0 failures\n", 1, true), output)
    assert.truthy(output:find("weekday morning: ", 1, true))
    assert.matches("^the job 'fetch' failed at attempt 1 of 3, again in [%d.]+ seconds: no answer\n"
      .. "the job 'fetch' failed at attempt 2 of 3, again in [%d.]+ seconds: no answer\n$", errors)
  end)

  for _, signal in ipairs({ "SIGINT", "SIGTERM" }) do
    it("lets what runs end after " .. signal, function()
      local jobs <close> = process.saros(SCRIPT)
      jobs:expect("report of sales begins\n")
      jobs:signal(signal)
      assert.equal("exit 0", jobs:wait(5))
      local output = jobs:output()
      assert.truthy(output:find("report of sales is done\n", 1, true), output)
      assert.truthy(output:find("report: 1 runs, 0 failures\n", 1, true), output)
      assert.is_nil(output:find("cancelled", 1, true))
      assert.is_nil(output:find("fetched", 1, true))
    end)

    it("cancels it when " .. signal .. " is the second signal", function()
      local jobs <close> = process.saros(SCRIPT)
      jobs:expect("report of sales begins\n")
      -- Two of the same might arrive as one.
      jobs:signal(signal == "SIGINT" and "SIGTERM" or "SIGINT")
      jobs:signal(signal)
      assert.equal("exit 0", jobs:wait(1))
      local output = jobs:output()
      assert.is_nil(output:find("report of sales is done", 1, true), output)
      assert.truthy(output:find("report is cancelled\n", 1, true), output)
      assert.matches("^the scheduler ends, and cancels what runs still: .*report\n$", jobs:errors())
    end)
  end
end)
