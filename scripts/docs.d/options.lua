--- Compares the options that are documented one by one with those that a function knows.
--
-- A function of the Lua layer has the table of its known options as an upvalue whose name ends
-- in OPTIONS; where that cannot be seen, or options are described in prose, nothing is compared.

local ordered = require "ordered"

local options = {}

-- The table of known options; nil where there is none, or more than one.
local function known_options(fn)
  local known
  for i = 1, math.huge do
    local name, value = debug.getupvalue(fn, i)
    if not name then return known end
    if name:find("OPTIONS$") and type(value) == "table" then
      if known then return nil end
      known = value
    end
  end
end

local function documented_options(item)
  local list
  for _, parameter in ipairs(item.parameters) do
    local option = parameter.name:match("^options%.([%w_]+)$")
    if option then
      list = list or {}
      list[option] = true
    end
  end
  return list
end

local function check_function(item, fn, name, problems)
  local documented = documented_options(item)
  local known = documented and type(fn) == "function" and known_options(fn)
  if not known then return end
  for option in ordered.pairs(known) do
    if not documented[option] then
      problems:add("%s: %s: the option '%s' is not documented", item.file, name, option)
    end
  end
  for option in ordered.pairs(documented) do
    if not known[option] then
      problems:add("%s: %s: the option '%s' is documented, but not known", item.file, name, option)
    end
  end
end

--- Compare.
-- @tparam table api what is documented, as `api.sort` returns it
-- @tparam table library what is there, as `library.look` returns it
-- @tparam Problems problems gets what is wrong
function options.check(api, library, problems)
  for name, item in pairs(api.functions) do
    check_function(item, library.names[name], "saros." .. name, problems)
  end
  for module_name, module in pairs(api.modules) do
    for name, item in pairs(module.functions) do
      local path = ("saros.%s.%s"):format(module_name, name)
      check_function(item, library.modules[module_name][name], path, problems)
    end
  end
  for class_name, class in pairs(api.classes) do
    local there = library.classes[class_name]
    for name, item in pairs(there and class.methods or {}) do
      check_function(item, there.methods[name], class_name .. ":" .. name, problems)
    end
  end
end

return options
