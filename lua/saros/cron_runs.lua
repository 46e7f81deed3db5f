--- The instants at which a cron expression runs in a time zone.
--
-- Each local time that the fields allow is an instant where the clocks show it once. A time that
-- they skip runs at the first instant after the gap, together with whatever else runs then. A time
-- that they show twice runs the first time, and if the expression is an interval the second
-- time as well.
-- @module saros.cron_runs
-- @local

local search = require "saros.cron_search"

-- Seconds that are more than any two clocks have ever been apart. No clocks have been set twice
-- within as much as they were set by.
local DAYS_APART = 2 * 86400

local cron_runs = {}

-- Whether what runs while the clocks skip some time runs at the beginning of a segment.
local function runs_at_beginning(fields, zone, segment)
  local shown = zone:segment(segment.from - 1).local_to
  if shown >= segment.local_from then return false end
  local skipped = search.next(fields, shown)
  return skipped ~= nil and skipped < segment.local_from
end

--- The first run at a time or later.
-- @tparam table fields of the expression, as `saros.cron_parser` gives them
-- @tparam Timezone zone the zone
-- @tparam integer t seconds since the epoch
-- @treturn ?integer seconds since the epoch; nil if there is none
function cron_runs.next(fields, zone, t)
  while true do
    local segment = zone:segment(t)
    if t == segment.from and runs_at_beginning(fields, zone, segment) then return t end
    local earliest = t + segment.offset
    if not fields.is_interval and earliest < segment.fresh_from then earliest = segment.fresh_from end
    local found = search.next(fields, earliest)
    if not found then return nil end
    if found < segment.local_to then return found - segment.offset end
    -- The clocks may show again what was searched in this segment; in all of the segment, there was nothing.
    if t == segment.from or not fields.is_interval then
      t = math.max(segment.to, found - DAYS_APART)
    else
      t = segment.to
    end
  end
end

--- The last run at a time or earlier.
-- @tparam table fields of the expression, as `saros.cron_parser` gives them
-- @tparam Timezone zone the zone
-- @tparam integer t seconds since the epoch
-- @treturn ?integer seconds since the epoch; nil if there is none
function cron_runs.previous(fields, zone, t)
  while true do
    local segment = zone:segment(t)
    local found = search.previous(fields, t + segment.offset)
    if not found then return nil end
    if found >= (fields.is_interval and segment.local_from or segment.fresh_from) then
      return found - segment.offset
    end
    if found < segment.local_from and found >= zone:segment(segment.from - 1).local_to then return segment.from end
    if t == segment.to - 1 then
      t = math.min(segment.from - 1, found + DAYS_APART)
    else
      t = segment.from - 1
    end
  end
end

return cron_runs
