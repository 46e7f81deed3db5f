--- Reads a file of the time zone database, TZif (RFC 8536), versions 1 to 3.
--
-- A newer version has everything twice: with times of 32 bits, then with times of 64 bits
-- and a last line, the rule for times after the last change.
-- @module saros.tzif
-- @local

local MAGIC = "TZif"
local HEADER = ">c4c1c15I4I4I4I4I4I4"
local KIND_SIZE = 6

local tzif = {}

local function read_header(bytes, position)
  local header = {}
  local magic
  magic, header.version, header.reserved, header.utc_flags, header.standard_flags, header.leap_seconds,
    header.changes, header.kinds, header.characters, header.rest = HEADER:unpack(bytes, position)
  if magic ~= MAGIC then error("is no file of the time zone database", 0) end
  return header
end

local function block_size(header, time_size)
  return header.changes * (time_size + 1) + header.kinds * KIND_SIZE + header.characters
    + header.leap_seconds * (time_size + 4) + header.standard_flags + header.utc_flags
end

-- `count` numbers of one format from `position` on, and where they end.
local function read_list(bytes, position, format, count)
  local list = {}
  for i = 1, count do list[i], position = format:unpack(bytes, position) end
  return list, position
end

-- What the clocks show, in each way that they did in this zone.
local function read_kinds(bytes, position, header)
  local names = bytes:sub(position + header.kinds * KIND_SIZE):sub(1, header.characters)
  local kinds = {}
  for i = 1, header.kinds do
    local offset, name
    offset, name, position = (">i4xB"):unpack(bytes, position) -- between them: whether that is summer time
    kinds[i] = {offset = offset, abbreviation = ("z"):unpack(names, name + 1)}
  end
  return kinds, position + header.characters
end

local function read_block(bytes, position, header, time_size)
  if header.leap_seconds > 0 then error("counts leap seconds, which seconds since the epoch do not", 0) end
  local times, indices, kinds
  times, position = read_list(bytes, position, time_size == 8 and ">i8" or ">i4", header.changes)
  indices, position = read_list(bytes, position, "B", header.changes)
  kinds, position = read_kinds(bytes, position, header)
  local changes = {}
  for i, index in ipairs(indices) do changes[i] = assert(kinds[index + 1]) end
  return {
    times = times,
    kinds = changes,
    first = assert(kinds[1]),
  }, position + header.standard_flags + header.utc_flags
end

local function read(bytes)
  local header = read_header(bytes, 1)
  if header.version == "\0" then return (read_block(bytes, header.rest, header, 4)) end
  header = read_header(bytes, header.rest + block_size(header, 4))
  local zone, position = read_block(bytes, header.rest, header, 8)
  zone.rule = bytes:match("^\n([^\n]*)\n", position)
  if not zone.rule then error("is damaged", 0) end
  return zone
end

--- Read the content of a file.
-- @tparam string bytes all of it
-- @treturn ?table `times`: when the clocks changed, in seconds since the epoch, ascending;
-- `kinds`: to what, each with `offset` in seconds east of UTC and `abbreviation`; `first`: the
-- same before the first change; `rule`: the text for `saros.zone_rule`, nil or empty where there is none
-- @treturn ?string what is wrong with it, instead
function tzif.parse(bytes)
  local ok, result = pcall(read, bytes)
  if ok then return result end
  -- The reading itself fails on what is too short, or points outside of the file.
  if not (result:find("^is ") or result:find("^counts ")) then result = "is damaged" end
  return nil, result
end

return tzif
