local process = require "spec.support.process"

local SCRIPT = "scripts/examples/sqlite_tasks.lua"
local OUTPUT = [[
Ann: 5 visits
Ben: 5 visits
Cid o'Hara: 5 visits
a slow query: 45000150000, and the heart went on: true
false	LuaSQL: no such table: nowhere
]]

local function run(...)
  return process.run(60, "sh", "-c", 'exec "${SAROS_LUA:-lua5.4}" scripts/saros "$@"', "sh", SCRIPT, ...)
end

describe("scripts/examples/sqlite_tasks.lua #threads", function()
  it("queries a database in tasks while the loop goes on", function()
    local outcome, output, errors = run()
    assert.equal("", errors)
    assert.equal(OUTPUT, output)
    assert.equal("exit 0", outcome)
  end)

  it("leaves a complete file", function()
    local path = os.tmpname()
    for _ = 1, 2 do
      local outcome, output = run(path)
      assert.equal(OUTPUT, output)
      assert.equal("exit 0", outcome)
    end
    local file = assert(io.open(path, "rb"))
    assert.equal("SQLite format 3\0", file:read(16))
    file:close()
    os.remove(path)
  end)

  it("says what is wrong with a file that cannot be opened", function()
    local outcome, _, errors = run("/nowhere/at/all.db")
    assert.equal("exit 1", outcome)
    assert.matches("unable to open database file", errors)
  end)
end)
