--- The option `max_workers` of executors.
-- @module saros.max_workers
-- @local

local core = require "saros.core"

-- More than can be counted are no more than there can be.
local MOST = 0x7fffffff

--- Check it.
-- @tparam ?integer count
-- @treturn ?integer how many workers there may be, nil for the default
-- @raise `ValueError` if there are to be none
local function max_workers(count)
  if not count then return nil end
  if count < 1 then error(core.errors.ValueError("max_workers must be greater than 0")) end
  return math.min(count, MOST)
end

return max_workers
