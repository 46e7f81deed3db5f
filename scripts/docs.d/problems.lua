--- A list of what is wrong, in the order in which it was found.

local Problems = {}
Problems.__index = Problems

--- Make an empty list.
-- @treturn Problems
function Problems.new()
  return setmetatable({}, Problems)
end

--- Add one, once.
-- @tparam string format as of `string.format`
-- @param ... its values
function Problems:add(format, ...)
  local text = format:format(...)
  if self[text] then return end
  self[text] = true
  self[#self + 1] = text
end

return Problems
