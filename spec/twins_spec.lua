-- Programs told twice, in Lua and in Python: Saros schedules as CPython's asyncio does.
--
-- For a twin, put NAME.py and NAME.lua into spec/twins; both are found here. By hand:
--   PYTHONPATH=spec/support /usr/bin/python3 spec/twins/NAME.py
--   lua5.4 spec/twins/NAME.lua           with the environment that scripts/test sets
--
-- Random programs have no halves to write. SAROS_TWIN_SEEDS=1-5000 runs these instead of the few hundred
-- of every run:
--   SAROS_TWIN_SEEDS=1-5000 scripts/test spec/twins_spec.lua --filter="random twins"

local generate = require "spec.twins.random.generate"
local twin_runner = require "spec.support.twin_runner"

local FOLDER = "spec/twins/"

local VARIANTS = {
  plain = "as it comes",
  overridden = "with every scheduling method overridden",
  debug = "in debug mode",
}

local function names()
  local list = {}
  local pipe <close> = assert(io.popen("ls " .. FOLDER))
  for file in pipe:lines() do
    list[#list + 1] = file:match("^(.*)%.py$")
  end
  return list
end

local function assert_same_trace(expected, actual)
  assert.is_string(expected, "Python has no trace of it")
  assert.is_truthy(expected:find("%d+: "), "Python's trace is empty: " .. expected)
  assert.is_nil(expected:find("Traceback", 1, true), expected)
  local difference = twin_runner.difference(expected, actual)
  if difference then error(difference, 0) end
end

describe("twins", function()
  local expected

  lazy_setup(function()
    local files = {}
    for i, name in ipairs(names()) do files[i] = FOLDER .. name .. ".py" end
    -- All of them in one process: starting Python is what takes the time.
    local output = twin_runner.python("spec/support/twin.py", table.unpack(files))
    expected = twin_runner.split(output, "=== " .. FOLDER .. "([^\n]*)%.py")
  end)

  it("have both halves", function()
    local pipe <close> = assert(io.popen("ls " .. FOLDER))
    local halves = {}
    for file in pipe:lines() do
      local name = file:match("^(.*)%.lua$") or file:match("^(.*)%.py$")
      if name then halves[name] = (halves[name] or 0) + 1 end
    end
    for name, count in pairs(halves) do assert.are.equal(2, count, name) end
    assert.is_truthy(next(halves))
  end)

  for _, name in ipairs(names()) do
    for variant, description in pairs(VARIANTS) do
      it(("agree about %s, the loop %s"):format(name, description), function()
        assert_same_trace(expected[name], twin_runner.lua(variant, FOLDER .. name .. ".lua"))
      end)
    end
  end
end)

local function random_seeds()
  local text = os.getenv("SAROS_TWIN_SEEDS")
  if text then
    local first, last = text:match("^(%d+)%-(%d+)$")
    assert(first, "SAROS_TWIN_SEEDS is no range, as 1-5000 is")
    return tonumber(first), tonumber(last)
  end
  -- A collection for each object that is made takes a hundred times the time.
  return 1, os.getenv("SAROS_GC") == "stress" and 40 or 300
end

-- As many as run in a small part of what a program is given.
local PORTION = 500

local function agree(first, last)
  local path, expected

  lazy_setup(function()
    path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    for seed = first, last do file:write(generate.program(seed), "\n") end
    file:close()
    local output = twin_runner.python("spec/twins/random/interpret.py", path)
    expected = twin_runner.split(output, "program (%d+)")
  end)

  lazy_teardown(function() os.remove(path) end)

  for variant, description in pairs(VARIANTS) do
    it(("agree, the loop %s"):format(description), function()
      local output = twin_runner.lua(variant, "spec/twins/random/interpret.lua", path)
      local actual = twin_runner.split(output, "program (%d+)")
      for seed = first, last do
        local name = tostring(seed)
        assert.is_string(actual[name], "Lua did not come to program " .. name .. ":\n" .. output:sub(-2000))
        local difference = twin_runner.difference(expected[name] or "", actual[name])
        if difference then
          error(("program %d parts:\n%s\n\n%s"):format(seed, generate.program(seed), difference), 0)
        end
      end
    end)
  end
end

do
  local first, last = random_seeds()
  for start = first, last, PORTION do
    local stop = math.min(start + PORTION - 1, last)
    describe(("random twins %d to %d"):format(start, stop), function() agree(start, stop) end)
  end
end
