local lfs = require "lfs"
local process = require "spec.support.process"
local scripts = require "spec.support.scripts"

local FILE = "scripts/examples/jobs.lua"

-- The files of a folder, as one text.
local function list(folder)
  local names = {}
  for name in lfs.dir(folder) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, "\n")
end

-- Its jobs run, those that soon do.
local function expect_runs(demo)
  local time = "%d%d:%d%d:%d%d  "
  demo:expect("\n" .. time .. "heartbeat, due at %d%d:%d%d:%d%d\n")
  demo:expect("\n" .. time .. "fetched example.org at attempt 2\n")
  demo:expect("\n" .. time .. "warm\n")
end

describe(FILE, function()
  it("is what scripts/run runs without a program, and leaves no file behind", function()
    local before = list(".") .. list("scripts/examples") .. list("build")
    local demo <close> = process.start("scripts/run")
    local control = demo:expect("^[^\n]+\n  scripts/run scheduler status %-%-control (%S+)\n")
    expect_runs(demo)
    local outcome, output, errors =
      process.run(scripts.LIMIT, "scripts/run", "scheduler", "status", "--control", control)
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    for _, name in ipairs {"fetch", "good morning", "heartbeat", "report", "warm%-up"} do
      assert.matches("\n" .. name .. " ", output)
    end
    demo:signal("SIGINT")
    assert.equal("exit 0", demo:wait(scripts.LIMIT))
    assert.matches("info  serving 5 jobs of [^\n]+/scripts/examples/jobs.lua, store memory, ", demo:errors())
    assert.matches("the job 'fetch' failed at attempt 1 of 3, again in [%d.]+ seconds: no answer from example.org\n",
      demo:errors())
    assert.is_nil(lfs.attributes(control))
    assert.equal(before, list(".") .. list("scripts/examples") .. list("build"))
  end)
end)
