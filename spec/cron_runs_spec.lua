--- Cron expressions around every change of every zone's clocks, compared with a search by brute force over
-- Python's zoneinfo: spec/support/zone_runs.py, which says what is compared.
local cron = require "saros.cron"
local timezone = require "saros.timezone"

-- As there: so much is looked at before and after each change.
local REACH = 3 * 3600

-- How many differences a failure shows.
local SHOWN = 10

-- What Python found: texts of expressions, runs by case and expression, and zones with their changes.
local function read_expected()
  local python = os.getenv("PYTHON") or "/usr/bin/python3"
  local pipe <close> = assert(io.popen(python .. " spec/support/zone_runs.py"))
  local expected = {expressions = {}, cases = {}, zones = {}, aliases = {}}
  for line in pipe:lines() do
    local kind, rest = line:match("^(%l+) (.*)$")
    if kind == "expression" then
      expected.expressions[#expected.expressions + 1] = rest:match("^%d+ (.*)$")
    elseif kind == "zone" then
      expected.zones[#expected.zones + 1] = {name = rest}
    elseif kind == "alias" then
      expected.aliases[#expected.aliases + 1] = {rest:match("^(%S+) (%S+)$")}
    elseif kind == "change" then
      local zone, change = expected.zones[#expected.zones], {}
      change.at, change.before, change.after, change.old, change.new, change.case =
        rest:match("^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$")
      for _, name in ipairs {"at", "before", "after"} do change[name] = math.tointeger(change[name]) end
      zone[#zone + 1] = change
    elseif kind == "runs" then
      local case, index, runs = rest:match("^(%d+) (%d+) ?(.*)$")
      expected.cases[case] = expected.cases[case] or {}
      expected.cases[case][index + 1] = runs
    else
      error(line)
    end
  end
  return expected
end

-- The runs within reach of a change, relative to it, by `next` and by `previous`.
local function runs_around(expression, at)
  local forward, backward = {}, {}
  local time = expression:next(at - REACH)
  while time < at + REACH do
    forward[#forward + 1] = time - at
    time = expression:next(time)
  end
  time = expression:previous(at + REACH)
  while time > at - REACH do
    table.insert(backward, 1, time - at)
    time = expression:previous(time)
  end
  return table.concat(forward, " "), table.concat(backward, " ")
end

describe("saros.cron_runs #many", function()
  local expected

  lazy_setup(function() expected = read_expected() end)
  lazy_teardown(function() expected = nil end)

  -- Calls `look(zone, change, complain)` for each change of each zone.
  local function at_each_change(look)
    local problems, count = {}, 0
    local function complain(zone, change, ...)
      problems[#problems + 1] = ("%s at %d: "):format(zone.name, change.at) .. string.format(...)
    end
    for _, zone in ipairs(expected.zones) do
      for _, change in ipairs(zone) do
        count = count + 1
        look(zone, change, complain)
      end
    end
    local shown = table.concat(problems, "\n", 1, math.min(#problems, SHOWN))
    assert.equal(0, #problems, ("%d of %d:\n%s"):format(#problems, count, shown))
    return count
  end

  it("has Python's changes of all zones to compare with", function()
    assert.is_true(#expected.zones > 300)
    assert.is_true(#expected.aliases > 100)
    assert.equal(12, #expected.expressions)
  end)

  it("shows what Python shows before and after each change", function()
    local count = at_each_change(function(zone, change, complain)
      local is = timezone.get(zone.name)
      local before, after = is:segment(change.at - 1), is:segment(change.at)
      if before.to ~= change.at or after.from ~= change.at then complain(zone, change, "there is no change") end
      local shown = ("%d %s, %d %s"):format(before.offset, before.abbreviation, after.offset, after.abbreviation)
      local should = ("%d %s, %d %s"):format(change.before, change.old, change.after, change.new)
      if shown ~= should then complain(zone, change, "%s instead of %s", shown, should) end
    end)
    assert.is_true(count > 10000)
  end)

  it("shows the same under each name of a zone", function()
    for _, names in ipairs(expected.aliases) do
      local alias, zone = timezone.get(names[1]), timezone.get(names[2])
      assert.equal(names[1], alias.name)
      for _, field in ipairs {"times", "kinds", "first"} do assert.same(zone[field], alias[field], names[1]) end
    end
  end)

  it("runs around each change when Python says so, forward and backward", function()
    local parsed = setmetatable({}, {__mode = "k"})
    at_each_change(function(zone, change, complain)
      if not parsed[zone] then
        parsed[zone] = {}
        for i, text in ipairs(expected.expressions) do parsed[zone][i] = cron.parse(text, {timezone = zone.name}) end
      end
      for i, expression in ipairs(parsed[zone]) do
        local forward, backward = runs_around(expression, change.at)
        local should = expected.cases[change.case][i]
        if forward ~= should then
          complain(zone, change, "'%s' runs\n  %s instead of\n  %s", expression.expression, forward, should)
        elseif backward ~= should then
          complain(zone, change, "'%s' ran\n  %s instead of\n  %s", expression.expression, backward, should)
        end
      end
    end)
  end)
end)
