--- Sorts what the comments document by whom it belongs to.
--
-- An item whose name has a class before it (`EventLoop:stop`) belongs to that class, in
-- whichever file it is; the others belong to `saros`, or to the module `saros.NAME` if that
-- is public. The tag `@local` makes an item, a class or a whole module private; what a
-- private module documents of a public class is public all the same. What begins with a
-- small letter and a dot is a function of the table that a Lua file returns, whatever its
-- name there; in a C file it is one of a table that only the Lua layer sees.

local api = {}

local function new_class(name)
  return {name = name, text = "", methods = {}, fields = {}}
end

local function class_of(self, name)
  local class = self.classes[name]
  if not class then
    class = new_class(name)
    self.classes[name] = class
  end
  return class
end

local function add_section(self, section, module)
  if section.kind ~= "type" then return end
  local class = class_of(self, section.name)
  class.text = section.text
  class.extends = section.extends
  class.file = module.file
  class.module = module
  class.private = section.private or module.private
end

-- A field is named by its tag, or else by the code that follows.
local function field_of(item)
  local tag = item.parameters[1]
  local text = item.text
  if tag and tag.text ~= "" then text = text == "" and tag.text or text .. "\n" .. tag.text end
  return {name = tag and tag.name or item.name, type = tag and tag.type, text = text, file = item.file}
end

local function add_field(self, item, home)
  local field = field_of(item)
  local owner, name = field.name:match("^(.*)[.:]([%w_]+)$")
  owner = owner and owner:match("[%w_]+$") or item.section:match("^Class ([%w_]+)$")
  field.name = name or field.name
  if owner then
    class_of(self, owner).fields[field.name] = field
  elseif not item.private then
    home.fields[field.name] = field
  end
end

local function is_module_function(owner, separator)
  return not owner or separator == "." and owner:find("^%l")
end

local function add_to(list, item, where, problems)
  local other = list[item.name]
  if other then
    problems:add("%s: %s%s is documented in %s as well", item.file, where, item.name, other.file)
  end
  list[item.name] = item
end

local function add_function(self, item, home, problems)
  -- The methods of a class whose table is in its metatable: `Context.__index:run`.
  local full_name = item.name:gsub("%.__index:", ":")
  local owner, separator, name = full_name:match("^([%w_]+)([.:])([%w_]+)$")
  item.name = name or full_name
  if item.private then return end
  if is_module_function(owner, separator) then
    add_to(home.functions, item, "", problems)
  else
    item.static = separator == "."
    add_to(class_of(self, owner).methods, item, owner .. ":", problems)
  end
end

-- Whether an item is one of the module itself, not of a class.
local function belongs_to_module(item)
  return not item.name:find("[.:]") or item.name:find("^%l[%w_]*%.[%w_]+$") ~= nil
end

local function is_private_item(item, module)
  if item.private then return true end
  if module.private then return belongs_to_module(item) end
  return module.file:find("%.c$") ~= nil and item.name:find("^%l[%w_]*%.") ~= nil
end

local function add_item(self, item, module, home, problems)
  item.file = module.file
  item.module = module
  item.private = is_private_item(item, module)
  if item.kind == "function" then
    add_function(self, item, home, problems)
  elseif item.kind == "field" then
    add_field(self, item, home)
  elseif item.kind == "table" and self.library.kinds[item.name] then
    self.tables[item.name] = item
  elseif item.kind == "table" and not item.private then
    home.tables[item.name] = item
  end
end

-- A class that nothing but private modules speaks of is private, too. One that programs find
-- is not, wherever it is made.
local function is_private(class, library)
  if library.paths[class.name] then return false end
  if class.private ~= nil or class.file then return class.private end
  for _, item in pairs(class.methods) do
    if not item.module.private then return false end
  end
  return next(class.fields) == nil
end

local function set_private_apart(self, library)
  for name, class in pairs(self.classes) do
    if is_private(class, library) then
      self.private[name] = true
      self.classes[name] = nil
    end
  end
end

local function new_module(text)
  return {text = text, functions = {}, fields = {}, tables = {}}
end

-- The type of a constant need not be written down.
local function infer_types(fields, values)
  for name, field in pairs(fields) do
    field.type = field.type or math.type(values[name]) or type(values[name])
  end
end

--- Sort what the comments document.
-- @tparam {table,...} modules as `comments.read` returns them
-- @tparam table library what is there, as `library.look` returns it
-- @tparam Problems problems gets what is documented twice
-- @treturn table `functions`, `fields` and `tables` (kinds of errors, shapes) of `saros` by
-- name; `modules`, each with the same; `classes`, each with `methods` and `fields`;
-- `private`: the names of private classes as keys
function api.sort(modules, library, problems)
  local self = new_module("")
  self.classes, self.modules, self.private, self.library = {}, {}, {}, library
  for _, module in ipairs(modules) do
    local name = module.name:match("^saros%.([%w_]+)$")
    local home = self
    if library.modules[name] then
      home = new_module(module.text)
      self.modules[name] = home
    elseif module.name == "saros" then
      self.text = module.text
    end
    for _, section in ipairs(module.sections) do add_section(self, section, module) end
    for _, item in ipairs(module.items) do add_item(self, item, module, home, problems) end
  end
  set_private_apart(self, library)
  infer_types(self.fields, library.names)
  for name, module in pairs(self.modules) do infer_types(module.fields, library.modules[name]) end
  return self
end

--- The names of what can be a type: classes, kinds of errors, shapes.
-- @tparam table self as `api.sort` returns it
-- @treturn table the names are its keys
function api.type_names(self)
  local names = {}
  for name in pairs(self.classes) do names[name] = true end
  for name in pairs(self.tables) do names[name] = true end
  return names
end

return api
