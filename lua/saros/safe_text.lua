--- Any value as text, whatever its metamethods do.
-- @module saros.safe_text
-- @local

local check = require "saros.check"

--- As `tostring`, but it never fails.
-- @param value
-- @treturn string
local function safe_text(value)
  local ok, text = pcall(tostring, value)
  if ok then return text end
  return ("%s whose __tostring fails"):format(check.type_name(value))
end

return safe_text
