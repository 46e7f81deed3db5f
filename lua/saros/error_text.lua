--- What the `saros` command prints for an error: what `lua` prints.
-- @module saros.error_text
-- @local

local core = require "saros.core"

-- The error alone, whatever its metamethods do.
local function describe(err)
  if type(err) == "string" or type(err) == "number" then return tostring(err) end
  local metatable = debug.getmetatable(err)
  if metatable and metatable.__tostring then
    local ok, text = pcall(tostring, err)
    if ok then return text end
  end
  return ("(error object is a %s value)"):format(type(err))
end

--- Describe an error: the message, then where it came from.
-- @param err any value
-- @tparam ?string traceback of an error that carries none itself
-- @treturn string
local function error_text(err, traceback)
  if core.is_error(err) then traceback = err.traceback end
  local text = describe(err)
  return traceback and text .. "\n" .. tostring(traceback) or text
end

return error_text
