--- Time zones from the system's database, read once in each Lua state, whatever the process's
-- own TZ is.
--
-- A zone is a sequence of segments, in each of which the clocks show the seconds since the
-- epoch plus the same offset. What the clocks show, as seconds since 1970-01-01 of the
-- zone's own time, is called local seconds.
-- @module saros.timezone
-- @local

local core = require "saros.core"
local tzif = require "saros.tzif"
local zone_rule = require "saros.zone_rule"

local ValueError = core.errors.ValueError

-- Where systems keep the database, unless the environment's TZDIR tells.
local FOLDERS = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"}

-- The system's own zone. As in C, it is UTC where there is no such file.
local LOCAL, LOCAL_FILE = "local", "/etc/localtime"

-- Is there without a database.
local UTC = "UTC"

-- Words of letters, digits, `_`, `+` and `-` with slashes between them: no name leads out of the
-- folder. The database has no others but the names of its tables, which are no zones.
local WORD = "[%w_+-]+"

-- Seconds that are more than any two clocks have ever been apart.
local DAYS_APART = 2 * 86400

local timezone = {}

--- A time in which the clocks of a zone went on evenly. Times are in seconds since the epoch.
-- @table Segment
-- @tfield number from its beginning; minus infinity for the first one
-- @tfield number to its end, the beginning of the next one; infinity for the last one
-- @tfield integer offset what the clocks are ahead of UTC, in seconds
-- @tfield string abbreviation such as `"CEST"`
-- @tfield number local_from what the clocks show at its beginning, in local seconds
-- @tfield number local_to what they would show at its end
-- @tfield number fresh_from since when they show what they did not before: after local_from
-- if they were set back

local Timezone = {__name = "Timezone"}
Timezone.__index = Timezone

local function new_zone(name, data)
  return setmetatable({
    name = name,
    times = data.times,
    kinds = data.kinds,
    first = data.first,
    rule = data.rule,
    segments = {},
    recent = {from = math.huge, to = -math.huge},
  }, Timezone)
end

-- Which of the changes in the file is the last one until a time; 0 for none.
local function last_change(times, t)
  local low, high = 0, #times
  while low < high do
    local middle = (low + high + 1) // 2
    if times[middle] <= t then low = middle else high = middle - 1 end
  end
  return low
end

-- The kind of time at `t`, and from when to when it is.
local function find(self, t)
  local times = self.times
  local i = last_change(times, t)
  local from, to = times[i] or -math.huge, times[i + 1] or math.huge
  local kind = self.kinds[i] or self.first
  if i < #times or not self.rule then return kind, from, to end
  local since
  kind, since, to = self.rule:at(t)
  return kind, math.max(from, since), to
end

-- Until when the clocks show what they have shown before.
local function repeated_until(self, segment)
  if segment.from == -math.huge then return segment.local_from end
  local kind, from, to = find(self, segment.from - 1)
  local latest = math.max(segment.local_from, to + kind.offset)
  if to - from > DAYS_APART then return latest end
  return math.max(latest, self:segment(from).fresh_from)
end

local function new_segment(self, kind, from, to)
  local segment = {
    from = from,
    to = to,
    offset = kind.offset,
    abbreviation = kind.abbreviation,
    local_from = from + kind.offset,
    local_to = to + kind.offset,
  }
  segment.fresh_from = repeated_until(self, segment)
  return segment
end

--- The segment that a time is in.
-- @tparam integer t seconds since the epoch
-- @treturn Segment
function Timezone:segment(t)
  local recent = self.recent
  if t >= recent.from and t < recent.to then return recent end
  local kind, from, to = find(self, t)
  local segment = self.segments[from]
  if not segment then
    segment = new_segment(self, kind, from, to)
    self.segments[from] = segment
  end
  self.recent = segment
  return segment
end

-- ---- files ----

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a") -- nil for a folder
end

local function folders()
  local folder = os.getenv("TZDIR")
  if folder and folder ~= "" then return {folder} end
  return FOLDERS
end

local function is_name(name)
  for part in (name .. "/"):gmatch("(.-)/") do
    if not part:find("^" .. WORD .. "$") then return false end
  end
  return true
end

local function refuse_unknown(name)
  local message = ("unknown time zone '%s' (looked in %s)"):format(name, table.concat(folders(), ", "))
  if not timezone.has_database() then
    message = message .. "; there is no time zone database, whose package is usually called tzdata"
  end
  error(ValueError(message))
end

-- The path of the file of a zone, and what is in it.
local function find_file(name)
  for _, folder in ipairs(folders()) do
    local path = folder .. "/" .. name
    local bytes = read(path)
    if bytes then return path, bytes end
  end
end

local function load_file(name, path, bytes)
  local data, problem = tzif.parse(bytes)
  if data and data.rule == "" then data.rule = nil end
  if data and data.rule then data.rule, problem = zone_rule.parse(data.rule) end
  if problem then error(ValueError(("the time zone '%s' cannot be used: %s %s"):format(name, path, problem))) end
  return new_zone(name, data)
end

local function load_zone(name)
  if name == UTC then
    return new_zone(name, {times = {}, kinds = {}, first = {offset = 0, abbreviation = UTC}})
  end
  if name == LOCAL then
    local bytes = read(LOCAL_FILE)
    return bytes and load_file(name, LOCAL_FILE, bytes) or load_zone(UTC)
  end
  if not is_name(name) then
    local message = "'%s' is no name of a time zone (such as Europe/Berlin, UTC, or local for the system's own)"
    error(ValueError(message:format(name)))
  end
  local path, bytes = find_file(name)
  if not path then refuse_unknown(name) end
  return load_file(name, path, bytes)
end

-- ---- the zones that were asked for ----

local zones = {}

--- Whether the system has a database.
-- @treturn boolean
function timezone.has_database()
  return find_file(UTC) ~= nil
end

--- The zone of a name.
-- @tparam string name of the database, such as `"Europe/Berlin"`; `"UTC"`, which needs none;
-- `"local"` for the system's own zone, `/etc/localtime`
-- @treturn Timezone the same each time
-- @raise `ValueError` for a name that is none, for an unknown one, which says where it looked,
-- and for a file that cannot be used
function timezone.get(name)
  local zone = zones[name]
  if not zone then
    zone = load_zone(name)
    zones[name] = zone
  end
  return zone
end

return timezone
