local zone_rule = require "saros.zone_rule"

-- Seconds since the epoch.
local function utc(year, month, day, time)
  local hour, minute, second = (time or "00:00"):match("^(%d+):(%d+):?(%d*)$")
  local days = require("saros.calendar").day_number(year, month, day)
  return days * 86400 + hour * 3600 + minute * 60 + (math.tointeger(tonumber(second)) or 0)
end

-- Asserts that a rule changes to something at a time.
local function changes(text, at, abbreviation, offset)
  local rule = assert(zone_rule.parse(text))
  local _, _, to = rule:at(at - 1)
  assert.equal(at, to)
  local kind, from = rule:at(at)
  assert.equal(at, from)
  assert.equal(abbreviation, kind.abbreviation)
  assert.equal(offset, kind.offset)
end

describe("saros.zone_rule", function()
  it("may be one time for ever", function()
    local kind, from, to = assert(zone_rule.parse("<+0545>-5:45")):at(0)
    assert.same({offset = 20700, abbreviation = "+0545", is_daylight = false}, kind)
    assert.same({-math.huge, math.huge}, {from, to})
  end)

  it("changes on the days of a week in a month", function()
    local rule = "CET-1CEST,M3.5.0,M10.5.0/3"
    changes(rule, utc(2026, 3, 29, "01:00"), "CEST", 7200)
    changes(rule, utc(2026, 10, 25, "01:00"), "CET", 3600)
    changes("EST5EDT,M3.2.0,M11.1.0", utc(2027, 3, 14, "07:00"), "EDT", -14400)
    changes("EST5EDT,M3.2.0,M11.1.0", utc(2027, 11, 7, "06:00"), "EST", -18000)
  end)

  it("changes by less than an hour, south of the equator", function()
    local rule = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
    changes(rule, utc(2026, 4, 4, "15:00"), "+1030", 37800)
    changes(rule, utc(2026, 10, 3, "15:30"), "+11", 39600)
  end)

  it("knows a summer time that is behind", function()
    local rule = "IST-1GMT0,M10.5.0,M3.5.0/1"
    changes(rule, utc(2026, 10, 25, "01:00"), "GMT", 0)
    changes(rule, utc(2026, 3, 29, "01:00"), "IST", 3600)
  end)

  it("changes at hours of other days", function()
    changes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", utc(2026, 3, 29, "01:00"), "-01", -3600)
    changes("AAA0BBB,M3.5.0/167,M10.5.0/-167", utc(2026, 4, 4, "23:00"), "BBB", 3600)
    changes("AAA0BBB,M3.5.0/167,M10.5.0/-167", utc(2026, 10, 18, "00:00"), "AAA", 0)
  end)

  it("changes on days of the year, with and without leap days", function()
    changes("AAA0BBB,J60/0,J365/0", utc(2024, 3, 1), "BBB", 3600)
    changes("AAA0BBB,J60/0,J365/0", utc(2025, 3, 1), "BBB", 3600)
    changes("AAA0BBB,J59/0,J365/1", utc(2024, 2, 28), "BBB", 3600)
    changes("AAA0BBB,J60/0,J365/1", utc(2024, 12, 31), "AAA", 0)
    changes("AAA0BBB,59/0,364/0", utc(2024, 2, 29), "BBB", 3600)
    changes("AAA0BBB,59/0,364/0", utc(2025, 3, 1), "BBB", 3600)
  end)

  it("takes minutes and seconds", function()
    changes("AAA+1:02:03BBB0:30,M3.1.0/2:03:04,M10.1.0", utc(2026, 3, 1, "03:05:07"), "BBB", -1800)
  end)

  it("may have a summer time that never ends", function()
    local kind = assert(zone_rule.parse("XXX3EDT4,0/0,J365/23")):at(utc(2026, 1, 1, "03:00"))
    assert.equal("EDT", kind.abbreviation)
    kind = zone_rule.parse("XXX3EDT4,0/0,J365/23"):at(utc(2026, 1, 1, "02:59"))
    assert.equal("EDT", kind.abbreviation)
  end)

  it("says that it cannot be read", function()
    for _, text in ipairs {"", "CE-1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J365", "CET-1CEST,366,1",
        "CET-1CEST,M3.5.0,M10.5.0/168", "CET-1CEST,M3.5.0,M10.5.0x", "<CET-1", "CET-1:60", "CET-1 "} do
      local rule, problem = zone_rule.parse(text)
      assert.is_nil(rule, text)
      assert.equal("has a rule that cannot be read", problem)
    end
  end)
end)
