--- What is really there: loads the library and looks at it.
--
-- Public names are the fields of `saros`, those that it loads when they are first asked for
-- included. Classes are found by walking from the library's modules through tables, upvalues
-- and metatables: what has a `__name` is one. Classes of the core, to which nothing leads but
-- their instances, are found by those that `instances` makes.

local IDENTIFIER = "^[%a_][%w_]*$"

local library = {}

-- The names that `saros` loads later are in tables that its `__index` has as upvalues.
local function find_names(saros)
  local names = {}
  for name, value in pairs(saros) do names[name] = value end
  local index = debug.getmetatable(saros).__index
  for i = 1, math.huge do
    local upvalue, list = debug.getupvalue(index, i)
    if not upvalue then break end
    for name in pairs(type(list) == "table" and list ~= saros and list or {}) do
      names[name] = saros[name]
    end
  end
  return names
end

-- What belongs to Lua itself is not walked through.
local function standard_values()
  local seen = {[_G] = true, [package.loaded] = true}
  for _, value in pairs(_G) do
    seen[value] = true
    for _, inner in pairs(type(value) == "table" and value or {}) do seen[inner] = true end
  end
  return seen
end

-- Calls visit(value) for every table and function that can be reached.
local function walk(roots, visit)
  local seen, stack = standard_values(), roots
  local function push(value)
    local kind = type(value)
    if kind ~= "table" and kind ~= "function" and kind ~= "userdata" or seen[value] then return end
    seen[value] = true
    stack[#stack + 1] = value
  end
  while #stack > 0 do
    local value = table.remove(stack)
    visit(value)
    if type(value) ~= "function" then push(debug.getmetatable(value)) end
    if type(value) == "table" then
      for key, inner in next, value do push(key) push(inner) end
    elseif type(value) == "function" then
      for i = 1, math.huge do
        local name, inner = debug.getupvalue(value, i)
        if not name then break end
        push(inner)
      end
    end
  end
end

local function methods_of(metatable)
  local index = rawget(metatable, "__index")
  return type(index) == "table" and index or metatable
end

local function is_kind(value)
  return type(value) == "table" and rawget(value, "saros.kind") ~= nil
end

local function is_class(value)
  if type(value) ~= "table" or is_kind(value) then return false end
  local name = rawget(value, "__name")
  return type(name) == "string" and name:find(IDENTIFIER) ~= nil
end

local function add_class(classes, metatable)
  local name = rawget(metatable, "__name")
  if not classes[name] then
    classes[name] = {name = name, metatable = metatable, methods = methods_of(metatable)}
  end
end

-- The class that a class inherits from, by the metatable of its table.
local function find_parent(class, classes)
  local metatable = debug.getmetatable(class.methods)
  local parent = metatable and rawget(metatable, "__index")
  if not is_class(parent) then return nil end
  local name = rawget(parent, "__name")
  return classes[name] and name ~= class.name and name or nil
end

local function find_classes(names)
  local classes = {}
  local roots = {names}
  for name, module in pairs(package.loaded) do
    if name:find("^saros%f[%W]") then roots[#roots + 1] = module end
  end
  walk(roots, function(value)
    if is_class(value) then add_class(classes, value) end
  end)
  return classes
end

-- Makes an instance of each class of the table, in a task.
local function make_instances(saros, makers)
  local instances = {}
  saros.run(function()
    for name, make in pairs(makers) do instances[name] = make() end
  end)
  return instances
end

-- A class that can be called without arguments needs no entry.
local function try_constructor(class)
  local ok, instance = pcall(class.methods)
  if ok then return instance end
end

local function add_kind(kinds, name, value)
  local base = rawget(value, "saros.base")
  kinds[name] = {name = name, parent = base and rawget(base, "name"), methods = value, metatable = value}
end

local function find_modules(names)
  local modules = {}
  for name, value in pairs(names) do
    if value == package.loaded["saros." .. name] then modules[name] = value end
  end
  return modules
end

-- The kinds of errors, and where programs find kinds and classes: `saros.Queue`,
-- `saros.testing.VirtualClockLoop`.
local function find_public(names, modules)
  local kinds, paths = {}, {}
  local function look_in(values, prefix)
    for name, value in pairs(values) do
      if is_kind(value) then add_kind(kinds, name, value) end
      if is_kind(value) or is_class(value) then paths[name] = prefix .. name end
    end
  end
  look_in(names, "saros.")
  for name, module in pairs(modules) do look_in(module, "saros." .. name .. ".") end
  return kinds, paths
end

local function name_of(metatable)
  return is_kind(metatable) and rawget(metatable, "name") or rawget(metatable, "__name")
end

--- Look at the library that `require` finds.
-- @treturn table `names`: the values of `saros` by name; `modules`: those of them that are
-- modules; `classes` and `kinds`, those of errors, by name: each with `methods`, `metatable`,
-- `parent` and, where one can be made, an `instance`; `paths`: where programs find these
function library.look()
  local saros = require "saros"
  local names = find_names(saros)
  local modules = find_modules(names)
  local classes = find_classes(names)
  local kinds, paths = find_public(names, modules)
  for name, instance in pairs(make_instances(saros, require "instances")) do
    local metatable = debug.getmetatable(instance)
    assert(name_of(metatable) == name, "instances." .. name .. " makes something else")
    if not kinds[name] then add_class(classes, metatable) end
    (kinds[name] or classes[name]).instance = instance
  end
  for _, class in pairs(classes) do
    class.parent = find_parent(class, classes)
    if class.instance == nil then class.instance = try_constructor(class) end
  end
  return {names = names, modules = modules, classes = classes, kinds = kinds, paths = paths}
end

return library
