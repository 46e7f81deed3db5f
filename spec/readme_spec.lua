--- Everything that the README shows is run, and everything that it points to is there.
local lfs = require "lfs"
local process = require "spec.support.process"
local saros = require "saros"

local LIMIT = 20 -- seconds
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

local readme = read("README.md")

-- The fenced blocks in order: {kind=, text=}.
local function blocks()
  local list = {}
  for kind, text in ("\n" .. readme):gmatch("\n```(%l+)\n(.-)\n```") do
    list[#list + 1] = {kind = kind, text = text .. "\n"}
  end
  return list
end

-- Versions, ports and the like differ from machine to machine.
local function without_numbers(text)
  return (text:gsub("%d+", "N"))
end

-- Programs with the block that follows, their output.
local function programs()
  local list, all = {}, blocks()
  for i, block in ipairs(all) do
    if block.kind == "lua" then
      list[#list + 1] = {code = block.text, output = all[i + 1] and all[i + 1].kind == "text" and all[i + 1].text}
    end
  end
  return list
end

-- Commands with what they print.
local function commands()
  local list = {}
  for _, block in ipairs(blocks()) do
    if block.kind == "console" then
      for command, output in ("\n" .. block.text):gmatch("\n%$ ([^\n]*)\n([^$]*)") do
        list[command] = output
      end
    end
  end
  return list
end

local function run_demo(expected)
  local demo <close> = process.start("scripts/run")
  demo:expect("Ctrl%-C stops%.\n")
  local shown = demo:output():match("^.-\n.-\n")
  assert.equal(without_numbers(expected), without_numbers(shown))
  demo:signal("SIGINT")
  assert.equal("exit 0", demo:wait(LIMIT))
  assert.equal("", demo:errors())
end

local function tell_version(expected)
  local outcome, output = process.run(LIMIT, LUA, "scripts/saros", "--version")
  assert.equal("exit 0", outcome)
  assert.equal(without_numbers(expected):gsub("%l+%)", "POLL)"), without_numbers(output):gsub("%l+%)", "POLL)"))
  assert.equal(saros._VERSION, expected:match("^saros (%S+)"))
end

local RUNS = {
  ["scripts/run"] = run_demo,
  ["saros --version"] = tell_version,
  -- It installs: what is left is to say that it is meant to be here.
  ["luarocks --lua-version 5.4 make"] = function() assert.truthy(lfs.attributes("saros-scm-1.rockspec")) end,
}

describe("README.md", function()
  for i, program in ipairs(programs()) do
    it(("shows program %d with its output"):format(i), function()
      assert.truthy(program.output, "no output follows")
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      file:write(program.code)
      file:close()
      local outcome, output, errors = process.run(LIMIT, LUA, "scripts/saros", path)
      os.remove(path)
      assert.equal("", errors)
      assert.equal("exit 0", outcome)
      assert.equal(program.output, output)
    end)
  end

  it("begins with a program", function()
    assert.equal("lua", blocks()[1].kind)
    assert.is_true(#programs() >= 4)
  end)

  for command, output in pairs(commands()) do
    it("shows what " .. command .. " prints", function()
      assert.truthy(RUNS[command], "this spec does not know how to check it")
      RUNS[command](output)
    end)
  end

  it("shows the commands that are checked", function()
    local shown = commands()
    for command in pairs(RUNS) do assert.truthy(shown[command], command) end
  end)

  it("shows a program that runs under plain Lua as well", function()
    for _, program in ipairs(programs()) do
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
    local count = 0
    for target in readme:gmatch("%]%(([^)]+)%)") do
      assert.truthy(lfs.attributes(target), target)
      count = count + 1
    end
    assert.is_true(count > 8)
  end)

  it("lists every example", function()
    for name in lfs.dir("scripts/examples") do
      if name:find("%.lua$") then
        assert.truthy(readme:find("(scripts/examples/" .. name .. ")", 1, true), name)
      end
    end
  end)
end)
