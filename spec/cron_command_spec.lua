--- `saros cron`, as its users see it.
local local_times = require "spec.support.local_times"
local process = require "spec.support.process"
local saros = require "saros"
local scripts = require "spec.support.scripts"

local launch = scripts.launch

-- Runs the command, which is to succeed; its lines.
local function lines_of(...)
  local outcome, output, errors = launch("cron", ...)
  assert.equal("", errors)
  assert.equal("exit 0", outcome)
  local lines = {}
  for line in output:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

-- Runs the command, which is to fail without output; its errors.
local function errors_of(status, ...)
  local outcome, output, errors = launch("cron", ...)
  assert.equal("", output)
  assert.equal("exit " .. status, outcome)
  return errors
end

local USAGE = "Usage: saros cron [-h] [--timezone TZ] [--count N] <expression>\n"

-- The runs after now; asked for before and after the command has run, because time goes on.
local function expected_lines(expression, zone, offset, count)
  local parsed = saros.cron.parse(expression, {timezone = zone})
  local lines, time = {}, os.time()
  for i = 1, count do
    time = parsed:next(time)
    lines[i] = local_times.show(time, zone):gsub(" ", "T") .. offset .. " " .. zone
  end
  return lines
end

-- Asserts that the command prints the runs.
local function prints_runs(expression, zone, offset, count, ...)
  local before = expected_lines(expression, zone, offset, count)
  local lines = lines_of(...)
  local after = expected_lines(expression, zone, offset, count)
  if lines[1] ~= before[1] then before = after end
  assert.same(before, lines)
end

describe("saros cron", function()
  it("prints ten runs in UTC", function()
    prints_runs("30 9 * * MON-FRI", "UTC", "+00:00", 10, "30 9 * * MON-FRI")
  end)

  it("prints as many as asked for, in the zone asked for", function()
    prints_runs("*/20 30 1 * * *", "Asia/Kathmandu", "+05:45", 3, "*/20 30 1 * * *", "--timezone", "Asia/Kathmandu",
      "--count", "3")
    prints_runs("@daily", "Pacific/Marquesas", "-09:30", 1, "--count=1", "--timezone=Pacific/Marquesas", "@daily")
  end)

  it("ends when nobody reads its output any more", function()
    local outcome, output, errors = process.run(scripts.LIMIT, "sh", "-c",
      [[{ "${SAROS_LUA:-lua5.4}" scripts/saros cron "* * * * *" --count 1000000000; echo "exit $?" >&2; } | head -n 1]])
    assert.equal("exit 0", outcome)
    assert.matches("^[^\n]+ UTC\n$", output)
    assert.equal("exit 1\n", errors)
  end)

  it("shows how the offset changes", function()
    local lines = lines_of("0 0 1 1,7 *", "--timezone", "Europe/Berlin", "--count", "2")
    table.sort(lines, function(a, b) return a:sub(6) < b:sub(6) end)
    assert.matches("^%d+%-01%-01T00:00:00%+01:00 Europe/Berlin$", lines[1])
    assert.matches("^%d+%-07%-01T00:00:00%+02:00 Europe/Berlin$", lines[2])
  end)

  it("#many goes on beyond the year 9999", function()
    assert.matches("^1%d%d%d%d%-02%-29T00:00:00", lines_of("0 0 29 2 *", "--count", "3000")[3000])
  end)

  it("says that an expression never runs", function()
    assert.equal("saros cron: '0 0 30 2 *' never runs\n", errors_of(1, "0 0 30 2 *"))
  end)

  it("points at what is wrong in an expression", function()
    assert.equal([[
saros cron: invalid cron expression: in the field 'hour', the number 25 is not in 0-23 (allowed: 0-23 and * ? , - /)
  0 25 * * *
    ^
]], errors_of(2, "0 25 * * *"))
  end)

  it("says where it looked for a zone", function()
    assert.matches("^saros cron: unknown time zone 'Mars/Base' %(looked in [^\n]*%)\n$",
      errors_of(2, "@daily", "--timezone", "Mars/Base"))
  end)

  it("says what is wrong with its arguments, and how they are", function()
    for message, arguments in pairs {
      ["missing argument 'expression'"] = {},
      ["too many arguments"] = {"*", "*", "*", "*", "*"},
      ["unknown option '--zone'"] = {"@daily", "--zone", "UTC"},
      ["option '--timezone' requires an argument"] = {"@daily", "--timezone"},
      ["'--count' needs a whole number from 1 on, got '0'"] = {"@daily", "--count", "0"},
      ["'--count' needs a whole number from 1 on, got '1.5'"] = {"@daily", "--count", "1.5"},
      ["'--count' needs a whole number from 1 on, got 'ten'"] = {"@daily", "--count", "ten"},
      ["'--count' needs a whole number from 1 on, got '99999999999999999999'"] =
        {"@daily", "--count", "99999999999999999999"},
    } do
      assert.equal(("saros cron: %s\n%s"):format(message, USAGE), errors_of(2, table.unpack(arguments)))
    end
  end)

  it("explains itself when asked, on its output", function()
    for _, option in ipairs {"--help", "-h"} do
      local outcome, output, errors = launch("cron", option)
      assert.equal("exit 0", outcome)
      assert.equal("", errors)
      assert.equal(USAGE, output:sub(1, #USAGE))
      assert.matches("%-%-count N +how many runs %(default: 10%)", output)
    end
    local _, output = launch("--help")
    assert.matches('saros cron "EXPRESSION" %[%-%-timezone TZ%] %[%-%-count N%]\n', output)
  end)

  it("is the command, and a file of that name a script", function()
    local outcome, output, errors = process.run(scripts.LIMIT, "sh", "-c", [[
      lua=${SAROS_LUA:-lua5.4} saros=$PWD/scripts/saros folder=$(mktemp -d)
      cd "$folder" && echo 'print("a script", ...)' >cron
      "$lua" "$saros" ./cron --count && "$lua" "$saros" cron "0 0 30 2 *"
      status=$?; rm -r "$folder"; exit $status]])
    assert.equal("saros cron: '0 0 30 2 *' never runs\n", errors)
    assert.equal("a script\t--count\n", output)
    assert.equal("exit 1", outcome)
  end)

  it("names argparse where it is missing, which nothing else needs", function()
    local without = "package.preload.argparse = function() error('not here') end "
    local run = "os.exit(require('saros.launcher').main {'cron', '@daily'}, true)"
    local lua = os.getenv("SAROS_LUA") or "lua5.4"
    local outcome, output, errors = process.run(scripts.LIMIT, lua, "-e", without .. run)
    assert.equal("exit 1", outcome)
    assert.equal("", output)
    assert.equal("saros cron: this command needs the Lua module argparse, which is not installed (Debian and Ubuntu "
      .. "have it as lua-argparse, LuaRocks as argparse)\n", errors)
    outcome = process.run(scripts.LIMIT, lua, "-e", without .. "print(require('saros').cron.parse('@daily'):next(0))")
    assert.equal("exit 0", outcome)
  end)
end)
