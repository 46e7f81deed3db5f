--- Tables in a fixed order, so that the same sources give the same text.

local ordered = {}

--- The entries of a table by name: `for name, value in ordered.pairs(t) do`. Keys that are no
-- strings, under which the core keeps some things in its classes, are left out.
-- @tparam table t any table
-- @treturn function an iterator
function ordered.pairs(t)
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  local i = 0
  return function()
    i = i + 1
    return names[i], t[names[i]]
  end
end

return ordered
