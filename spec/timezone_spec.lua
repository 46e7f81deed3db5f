local lfs = require "lfs"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local saros = require "saros"
local timezone = require "saros.timezone"
local tzif_files = require "spec.support.tzif_files"

local LIMIT = 20 -- seconds
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

-- What a program of its own prints, with variables such as "TZDIR=/nowhere" in its environment.
local function output_of(variables, code)
  local words = {"env"}
  table.move(variables, 1, #variables, 2, words)
  table.move({LUA, "-e", 'local timezone = require "saros.timezone" ' .. code}, 1, 3, #words + 1, words)
  local outcome, output, errors = process.run(LIMIT, table.unpack(words))
  assert.equal("", errors)
  assert.equal("exit 0", outcome)
  return output
end

-- A folder with files, by name, that goes when the scope of the result is left.
local function folder_with(files)
  local path = os.tmpname()
  os.remove(path)
  assert(lfs.mkdir(path))
  for name, bytes in pairs(files) do
    local file <close> = assert(io.open(path .. "/" .. name, "wb"))
    file:write(bytes)
  end
  return setmetatable({path = path}, {__close = function()
    for name in lfs.dir(path) do os.remove(path .. "/" .. name) end
    assert(lfs.rmdir(path))
  end})
end

-- The failure that a program of its own gets for a name, where TZDIR is the folder.
local function failure_in(folder, name)
  return output_of({"TZDIR=" .. folder}, ("print(select(2, pcall(timezone.get, %q)))"):format(name))
end

local SHOW = "for _, t in ipairs {%s} do local s = timezone.get(%q):segment(t) print(s.offset, s.abbreviation) end"

describe("saros.timezone", function()
  it("knows UTC without a database", function()
    local shown = output_of({"TZDIR=/nowhere"}, SHOW:format("0", "UTC"))
    assert.equal("0\tUTC\n", shown)
  end)

  it("gives the segments of a zone, one after the other", function()
    local berlin = timezone.get("Europe/Berlin")
    local summer = berlin:segment(1774746000)
    assert.same({1774746000, 1792890000, 7200, "CEST"}, {summer.from, summer.to, summer.offset, summer.abbreviation})
    assert.same({summer.from + 7200, summer.to + 7200, summer.from + 7200},
      {summer.local_from, summer.local_to, summer.fresh_from})
    local winter = berlin:segment(summer.to)
    assert.same({summer.to, 3600, "CET"}, {winter.from, winter.offset, winter.abbreviation})
    assert.equal(winter.from + 3600, winter.local_from)
    assert.equal(summer.local_to, winter.fresh_from)
    assert.equal(summer, berlin:segment(summer.to - 1))
    assert.equal(winter, berlin:segment(winter.to - 1))
  end)

  it("begins and ends with segments without end", function()
    local first = timezone.get("Asia/Tokyo"):segment(-1 << 40)
    assert.equal(-math.huge, first.from)
    assert.equal("LMT", first.abbreviation)
    local last = timezone.get("Asia/Tokyo"):segment(1 << 40)
    assert.equal(math.huge, last.to)
    assert.equal("JST", last.abbreviation)
  end)

  it("goes on by the rule for thousands of years", function()
    local summer = timezone.get("Europe/Berlin"):segment(253388304000) -- 2. August 9999
    assert.equal("CEST", summer.abbreviation)
    assert.equal(7200, summer.offset)
  end)

  it("does not ask the process's own zone", function()
    for _, variable in ipairs {"TZ=Asia/Tokyo", "TZ=", "TZ=EST5EDT"} do
      local shown = output_of({variable}, SHOW:format("1774746000, 1774745999", "Europe/Berlin"))
      assert.equal("7200\tCEST\n3600\tCET\n", shown)
      assert.equal(output_of({"TZ=UTC"}, SHOW:format("0", "local")), output_of({variable}, SHOW:format("0", "local")))
    end
  end)

  it("takes /etc/localtime for the local zone, and UTC where it is not there", function()
    local file = io.open("/etc/localtime", "rb")
    local shown = output_of({}, SHOW:format("1774746000", "local"))
    if not file then
      assert.equal("0\tUTC\n", shown)
      return
    end
    local folder <close> = folder_with {Here = file:read("a")}
    file:close()
    assert.equal(shown, output_of({"TZDIR=" .. folder.path}, SHOW:format("1774746000", "Here")))
  end)

  it("looks in TZDIR, and nowhere else", function()
    local folder <close> = folder_with {
      Here = tzif_files.version_1 {changes = {{100, 1}}, kinds = {{60, "OLD"}, {120, "NEW"}}},
    }
    local shown = output_of({"TZDIR=" .. folder.path}, SHOW:format("99, 100, 1 << 40", "Here"))
    assert.equal("60\tOLD\n120\tNEW\n120\tNEW\n", shown)
    assert.matches("unknown time zone 'Europe/Berlin' %(looked in " .. folder.path:gsub("%p", "%%%0") .. "%)",
      failure_in(folder.path, "Europe/Berlin"))
  end)

  it("goes on by the rule after the last change of a small file", function()
    local zone = {changes = {{0, 0}, {1774746000, 1}}, kinds = {{3600, "CET"}, {7200, "CEST"}},
      rule = "CET-1CEST,M3.5.0,M10.5.0/3"}
    local folder <close> = folder_with {Here = tzif_files.version_2(zone)}
    local shown = output_of({"TZDIR=" .. folder.path},
      SHOW:format("1774745999, 1774746000, 1792889999, 1792890000, 1806195600", "Here"))
    assert.equal("3600\tCET\n7200\tCEST\n7200\tCEST\n3600\tCET\n7200\tCEST\n", shown)
  end)

  it("reads a file once", function()
    local folder <close> = folder_with {Here = tzif_files.version_1 {changes = {}, kinds = {{60, "ONE"}}}}
    local code = 'local zone = timezone.get("Here") os.remove(%q) print(zone == timezone.get("Here"))'
    assert.equal("true\n", output_of({"TZDIR=" .. folder.path}, code:format(folder.path .. "/Here")))
  end)

  it("says where it looked for an unknown zone", function()
    for _, name in ipairs {"Mars/Base", "Europe", "Europe/Berlin/Mitte"} do
      local failure = output_of({"-u", "TZDIR"}, ("print(select(2, pcall(timezone.get, %q)))"):format(name))
      assert.equal(("ValueError: unknown time zone '%s' (looked in /usr/share/zoneinfo, /usr/lib/zoneinfo, "
        .. "/usr/share/lib/zoneinfo, /etc/zoneinfo)\n"):format(name), failure)
    end
  end)

  it("says that there is no database at all", function()
    assert.equal("ValueError: unknown time zone 'Europe/Berlin' (looked in /nowhere); there is no time zone "
      .. "database, whose package is usually called tzdata\n", failure_in("/nowhere", "Europe/Berlin"))
  end)

  it("takes no name that leads elsewhere", function()
    for _, name in ipairs {"", "/etc/localtime", "../zoneinfo/UTC", "Europe/../UTC", "Europe//Berlin", "Europe/", ".",
        "zone.tab", "Europe/Berlin\n", "UTC\0", "CET-1CEST,M3.5.0,M10.5.0/3", "Straße"} do
      local failure = raises(saros.ValueError, timezone.get, name)
      assert.equal(("'%s' is no name of a time zone (such as Europe/Berlin, UTC, or local for the system's own)")
        :format(name), failure.message)
    end
  end)

  it("says what is wrong with a file", function()
    local kinds = {{60, "ONE"}}
    local folder <close> = folder_with {
      Text = "this is a text and no time zone at all, however long it is",
      Cut = tzif_files.version_1({changes = {{0, 0}}, kinds = kinds}):sub(1, 46),
      Leap = tzif_files.version_1 {changes = {}, kinds = kinds, leap_seconds = 1},
      Rule = tzif_files.version_2 {changes = {}, kinds = kinds, rule = "never again"},
    }
    for name, problem in pairs {
      Text = "is no file of the time zone database",
      Cut = "is damaged",
      Leap = "counts leap seconds, which seconds since the epoch do not",
      Rule = "has a rule that cannot be read",
    } do
      assert.equal(("ValueError: the time zone '%s' cannot be used: %s/%s %s\n")
        :format(name, folder.path, name, problem), failure_in(folder.path, name))
    end
  end)

  it("knows since when clocks show what they did not before, if they are set back twice in a day", function()
    local zone = {changes = {{100000, 1}, {103600, 2}}, kinds = {{7200, "TWO"}, {3600, "ONE"}, {0, "NIL"}}}
    local folder <close> = folder_with {Here = tzif_files.version_1(zone)}
    assert.equal("107200\t107200\n", output_of({"TZDIR=" .. folder.path},
      [[local zone = timezone.get("Here") print(zone:segment(100000).fresh_from, zone:segment(103600).fresh_from)]]))
  end)
end)
