--- Errors as text: what the `saros` command and the exception handler print.
-- @module saros.error_text
-- @local

local core = require "saros.core"

local ExceptionGroup = core.errors.ExceptionGroup

-- The error alone as `lua` prints it, whatever its metamethods do.
local function describe_as_lua(err)
  if type(err) == "string" or type(err) == "number" then return tostring(err) end
  local metatable = debug.getmetatable(err)
  if metatable and metatable.__tostring then
    local ok, text = pcall(tostring, err)
    if ok then return text end
  end
  return ("(error object is a %s value)"):format(type(err))
end

local function indent(text)
  return "  " .. text:gsub("\n", "\n  ")
end

-- `outer` has the groups that the error is in: one that contains itself is not told again.
local function add(lines, err, traceback, describe, outer)
  if core.is_error(err) then traceback = err.traceback end
  lines[#lines + 1] = describe(err)
  if traceback then lines[#lines + 1] = describe(traceback) end
  if not core.is_error(err, ExceptionGroup) or type(err.errors) ~= "table" or outer[err] then return end
  outer[err] = true
  for _, inner in ipairs(err.errors) do
    local inner_lines = {}
    add(inner_lines, inner, nil, describe, outer)
    lines[#lines + 1] = indent(table.concat(inner_lines, "\n"))
  end
  outer[err] = nil
end

--- Describe an error: the message, then where it came from, then the errors that are in a group.
-- @param err any value
-- @tparam ?string traceback of an error that carries none itself
-- @tparam ?function describe makes one value a string; as `lua` does by default
-- @treturn string
local function error_text(err, traceback, describe)
  local lines = {}
  add(lines, err, traceback, describe or describe_as_lua, {})
  return table.concat(lines, "\n")
end

return error_text
