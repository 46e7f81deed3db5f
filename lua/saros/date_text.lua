--- Times for people: local, to the second.
-- @module saros.date_text
-- @local

--- A time as the clocks here show it. One that the system has no date for, as it is too far away, is shown as the
-- number that it is.
-- @tparam number time seconds since the epoch
-- @treturn string such as `"2026-11-26 17:04:21"`
local function date_text(time)
  local ok, text = pcall(os.date, "%Y-%m-%d %H:%M:%S", math.floor(time))
  return ok and text or ("%.14g"):format(time)
end

return date_text
