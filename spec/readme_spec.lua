--- Everything that the README shows is run, and everything that it points to is there.
local lfs = require "lfs"
local page = require "spec.support.page"
local process = require "spec.support.process"
local saros = require "saros"

local LIMIT = 20 -- seconds
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

local readme = page.read("README.md")

-- Versions, ports and the like differ from machine to machine.
local function without_numbers(text)
  return (text:gsub("%d+", "N"):gsub("control %S+/", "control FOLDER/"))
end

local function run_demo(expected)
  local demo <close> = process.start("scripts/run")
  demo:expect("heartbeat, due at")
  local shown = demo:output():match("^.-\n.-\n")
  assert.equal(without_numbers(expected), without_numbers(shown))
  demo:signal("SIGINT")
  assert.equal("exit 0", demo:wait(LIMIT))
end

local function tell_version(expected)
  local outcome, output = process.run(LIMIT, LUA, "scripts/saros", "--version")
  assert.equal("exit 0", outcome)
  assert.equal(without_numbers(expected):gsub("%l+%)", "POLL)"), without_numbers(output):gsub("%l+%)", "POLL)"))
  assert.equal(saros._VERSION, expected:match("^saros (%S+)"))
end

-- These take no end by themselves, install, or tell what differs from machine to machine.
local RUNS = {
  ["scripts/run"] = run_demo,
  ["saros --version"] = tell_version,
  -- It installs: what is left is to say that it is meant to be here.
  ["luarocks --lua-version 5.4 make"] = function() assert.truthy(lfs.attributes("saros-scm-1.rockspec")) end,
}

describe("README.md", function()
  readme:specify_programs(it)

  it("shows the output of each program", function()
    for i, program in ipairs(readme:programs()) do assert.truthy(program.output, i) end
  end)

  it("begins with a program", function()
    assert.equal("lua", readme:blocks()[1].kind)
    assert.is_true(#readme:programs() >= 4)
  end)

  for _, command in ipairs(readme:commands()) do
    it("shows what " .. command.command .. " prints", function()
      assert.truthy(RUNS[command.command], "this spec does not know how to check it")
      RUNS[command.command](command.output)
    end)
  end

  it("shows the commands that are checked", function()
    local shown = {}
    for _, command in ipairs(readme:commands()) do shown[command.command] = true end
    for command in pairs(RUNS) do assert.is_true(shown[command], command) end
  end)

  it("shows a program that runs under plain Lua as well", function()
    for _, program in ipairs(readme:programs()) do
      if program.code:find("saros.run(", 1, true) then
        local outcome, output = process.run(LIMIT, LUA, "-e", program.code)
        assert.equal("exit 0", outcome)
        assert.equal(program.output, output)
        return
      end
    end
    error("there is none")
  end)

  it("points to files that are there", function()
    assert.is_true(readme:check_links() > 8)
  end)

  it("lists every example", function()
    for name in lfs.dir("scripts/examples") do
      if name:find("%.lua$") then
        assert.truthy(readme.text:find("(scripts/examples/" .. name .. ")", 1, true), name)
      end
    end
  end)
end)
