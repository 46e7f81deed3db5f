local tzif = require "saros.tzif"
local tzif_files = require "spec.support.tzif_files"

local ZONE = {
  changes = {{-1000, 1}, {2000, 0}},
  kinds = {{3600, "ONE"}, {7200, "TWO"}},
  rule = "ONE-1",
}

local DAMAGED = "is damaged"

-- Asserts that a file cannot be used, and why.
local function refuses(problem, bytes)
  local zone, message = tzif.parse(bytes)
  assert.is_nil(zone)
  assert.equal(problem, message)
end

describe("saros.tzif", function()
  it("reads version 1", function()
    local zone = assert(tzif.parse(tzif_files.version_1(ZONE)))
    assert.same({-1000, 2000}, zone.times)
    assert.same({{offset = 7200, abbreviation = "TWO"}, {offset = 3600, abbreviation = "ONE"}}, zone.kinds)
    assert.same({offset = 3600, abbreviation = "ONE"}, zone.first)
    assert.is_nil(zone.rule)
  end)

  it("reads the second part and the rule of versions 2 and 3", function()
    for _, version in ipairs {"2", "3"} do
      local zone = assert(tzif.parse(tzif_files.version_2(ZONE, version)))
      assert.same({-1000, 2000}, zone.times)
      assert.equal("ONE-1", zone.rule)
    end
  end)

  it("reads times of 64 bits", function()
    local zone = {changes = {{-1 << 40, 0}, {1 << 40, 0}}, kinds = {{-3600, "FAR"}}, rule = ""}
    local read = assert(tzif.parse(tzif_files.version_2(zone)))
    assert.same({-1 << 40, 1 << 40}, read.times)
    assert.equal(-3600, read.first.offset)
    assert.equal("", read.rule)
  end)

  it("refuses what is something else", function()
    for _, bytes in ipairs {("text "):rep(20), "#!/bin/sh\n" .. ("\0"):rep(40)} do
      refuses("is no file of the time zone database", bytes)
    end
  end)

  it("refuses a file that is cut off anywhere", function()
    local bytes = tzif_files.version_2(ZONE)
    for length = 0, #bytes - 1 do refuses(DAMAGED, bytes:sub(1, length)) end
    bytes = tzif_files.version_1(ZONE)
    for length = 0, #bytes - #"ONE_TWO_" - 1 do refuses(DAMAGED, bytes:sub(1, length)) end
  end)

  it("refuses a file that refers to what it does not have", function()
    refuses(DAMAGED, tzif_files.version_1 {changes = {{0, 2}}, kinds = ZONE.kinds})
    refuses(DAMAGED, tzif_files.version_1 {changes = {}, kinds = {}})
  end)

  it("refuses leap seconds", function()
    local zone = {changes = {}, kinds = ZONE.kinds, leap_seconds = 27, rule = ""}
    refuses("counts leap seconds, which seconds since the epoch do not", tzif_files.version_1(zone))
    refuses("counts leap seconds, which seconds since the epoch do not", tzif_files.version_2(zone))
  end)
end)
