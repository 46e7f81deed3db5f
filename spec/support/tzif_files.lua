--- Makes files of the time zone database, for specs.

local tzif_files = {}

-- One block with its header. `zone` has `changes`, pairs of a time and the number of a kind, and
-- `kinds`, pairs of an offset and an abbreviation.
local function block(version, zone, time_format)
  local times, indices, kinds, names = {}, {}, {}, ""
  for i, change in ipairs(zone.changes) do
    times[i], indices[i] = time_format:pack(change[1]), ("B"):pack(change[2])
  end
  for i, kind in ipairs(zone.kinds) do
    kinds[i] = (">i4BB"):pack(kind[1], 0, #names)
    names = names .. kind[2] .. "\0"
  end
  local leap_seconds = zone.leap_seconds or 0
  local header = (">c4c1c15I4I4I4I4I4I4"):pack("TZif", version, "", 0, 0, leap_seconds, #times, #kinds, #names)
  return header .. table.concat(times) .. table.concat(indices) .. table.concat(kinds) .. names
    .. time_format:pack(0):rep(leap_seconds) .. (">i4"):pack(1):rep(leap_seconds)
end

--- A file of version 1, with times of 32 bits.
-- @tparam table zone
-- @treturn string
function tzif_files.version_1(zone)
  return block("\0", zone, ">i4")
end

--- A file of version 2 or 3, whose old part is empty, as in those that are made small.
-- @tparam table zone with `rule`, the text after the blocks
-- @tparam[opt="2"] string version
-- @treturn string
function tzif_files.version_2(zone, version)
  version = version or "2"
  local empty = {changes = {}, kinds = {{0, ""}}}
  return block(version, empty, ">i4") .. block(version, zone, ">i8") .. "\n" .. zone.rule .. "\n"
end

return tzif_files
