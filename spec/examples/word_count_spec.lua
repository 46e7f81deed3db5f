local process = require "spec.support.process"

local SCRIPT = "scripts/examples/word_count.lua"
local LUA = os.getenv("SAROS_LUA") or "lua5.4"
local LIMIT = 60 -- seconds

-- Files with these texts, which go when the scope is left.
local function write_files(...)
  local paths = {}
  for i, text in ipairs {...} do
    paths[i] = os.tmpname()
    local file <close> = assert(io.open(paths[i], "w"))
    file:write(text)
  end
  return setmetatable(paths, {__close = function(self) for _, path in ipairs(self) do os.remove(path) end end})
end

local function count(...)
  return process.run(LIMIT, LUA, "scripts/saros", SCRIPT, ...)
end

describe("scripts/examples/word_count.lua #threads", function()
  for option, what in pairs {["--threads"] = "threads", [false] = "processes"} do
    it("counts the words of all files, in " .. what, function()
      local paths <close> = write_files("one two\nTwo three", "three, three!\nthree", "", "four four four four zero")
      local outcome, output, errors = count(option or paths[1], table.unpack(paths, option and 1 or 2))
      assert.equal("exit 0", outcome)
      assert.equal("      4 four\n      4 three\n      2 two\n      1 one\n      1 zero\n", output)
      assert.matches("^\r%[%.+%] 0 of 4 files\r%[#######%.+%] 1 of 4 files", errors)
      assert.matches("\r%[#+%] 4 of 4 files\n$", errors)
    end)
  end

  it("reports a file that cannot be read, and counts the others", function()
    local paths <close> = write_files("one")
    local outcome, output, errors = count("/nowhere", paths[1])
    assert.equal("exit 1", outcome)
    assert.equal("      1 one\n", output)
    assert.matches("2 of 2 files\n[^\n]*/nowhere: No such file or directory\n$", errors)
  end)

  it("says what it needs", function()
    local outcome, output, errors = count("--threads")
    assert.equal("exit 2", outcome)
    assert.equal("", output)
    assert.equal("usage: word_count.lua [--threads] FILES...\n", errors)
  end)
end)
