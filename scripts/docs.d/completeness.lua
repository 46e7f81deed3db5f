--- Compares what is documented with what is there, both ways.

local ordered = require "ordered"

local completeness = {}

local function is_private(name)
  return name:sub(1, 1) == "_"
end

-- ---- what is there, and not documented ----

-- A table of a public module stands for all names that begin with its own: SIG for SIGTERM.
local function in_family(module, name)
  for prefix in pairs(module.tables) do
    if name:sub(1, #prefix) == prefix then return true end
  end
  return false
end

-- Checks the values of a module, of which that is documented that is in `module`.
local function check_module(api, library, module, values, path, problems)
  for name, value in ordered.pairs(values) do
    local documented
    if library.paths[name] == path .. name then
      documented = api.tables[name] or api.classes[name]
    elseif library.modules[name] == value then
      documented = api.modules[name]
    else
      documented = module.functions[name] or module.fields[name]
        or module ~= api and in_family(module, name)
    end
    if not documented and not is_private(name) then
      problems:add("%s%s is not documented", path, name)
    end
  end
end

-- The documented class that a class inherits from: by its comment, or as it is at run time.
local function parent_of(api, library, name)
  local class, there = api.classes[name], library.classes[name]
  return class and class.extends or there and there.parent
end

local function is_documented(api, library, class_name, name)
  local at = class_name
  while at do
    local class = api.classes[at]
    if class and (class.methods[name] or class.fields[name]) then return true end
    at = parent_of(api, library, at)
  end
  return false
end

-- A constructor is only worth a comment of its own when programs call it, with arguments.
local function needs_comment(name, value, is_public)
  if name ~= "init" then return not is_private(name) end
  if not is_public or type(value) ~= "function" then return false end
  local info = debug.getinfo(value, "u")
  return info.nparams > 1 or info.isvararg
end

local function check_class(api, library, class, problems)
  local is_public = library.paths[class.name] ~= nil
  for name, value in ordered.pairs(class.methods) do
    if needs_comment(name, value, is_public) and not is_documented(api, library, class.name, name) then
      local separator = type(value) == "function" and ":" or "."
      problems:add("%s%s%s is not documented", class.name, separator, name)
    end
  end
end

local function check_classes(api, library, problems)
  for name, class in ordered.pairs(library.classes) do
    local documented = api.classes[name]
    if documented and documented.file then
      check_class(api, library, class, problems)
    elseif not api.private[name] then
      problems:add("the class %s is not documented (its comment has the tag `@type %s`; one that is "
        .. "private has `@local` as well)", name, name)
    end
  end
end

-- ---- what is documented, and not there ----

local function check_functions(functions, values, path, problems)
  for name, item in ordered.pairs(functions) do
    if type(values[name]) ~= "function" then
      problems:add("%s: %s.%s is documented, but there is no such function (what is private has "
        .. "the tag `@local`)", item.file, path, name)
    end
  end
end

local function check_fields(fields, values, path, problems)
  for name, field in ordered.pairs(fields) do
    if values[name] == nil then
      problems:add("%s: %s.%s is documented, but not there", field.file, path, name)
    end
  end
end

local function is_optional(field)
  return field.type ~= nil and field.type:sub(1, 1) == "?"
end

local function check_class_fields(class, there, problems)
  for name, field in ordered.pairs(class.fields) do
    if there.methods[name] == nil and not is_optional(field) then
      if there.instance == nil then
        problems:add("%s: %s has documented fields, and no instance to look at: say how to get one "
          .. "in scripts/docs.d/instances.lua", field.file, class.name)
      elseif there.instance[name] == nil then
        problems:add("%s: %s.%s is documented, but not there", field.file, class.name, name)
      end
    end
  end
end

local function check_documented_class(class, there, problems)
  for name, item in ordered.pairs(class.methods) do
    if type(there.methods[name]) ~= "function" and rawget(there.metatable, name) == nil then
      problems:add("%s: %s:%s is documented, but not there", item.file, class.name, name)
    end
  end
  check_class_fields(class, there, problems)
end

local function check_documented_classes(api, library, problems)
  for name, class in ordered.pairs(api.classes) do
    local there = library.classes[name] or library.kinds[name]
    if there then
      check_documented_class(class, there, problems)
    else
      local _, item = next(class.methods)
      problems:add("%s: the class %s is documented, but not found; if it is there, it has no `__name`, "
        .. "or nothing leads to it but its instances: then say how to get one in "
        .. "scripts/docs.d/instances.lua", class.file or item and item.file or "?", name)
    end
  end
end

-- ---- errors ----

local function has_field(item, name)
  for _, field in ipairs(item.parameters) do
    if field.name == name then return true end
  end
  return false
end

-- Whether a field of errors is documented, for their kind or one that it extends.
local function is_documented_field(api, library, kind, name)
  while kind do
    if api.tables[kind.name] and has_field(api.tables[kind.name], name) then return true end
    kind = library.kinds[kind.parent]
  end
  return false
end

-- Both ways at once: all fields of errors are public.
local function check_kind(api, library, kind, problems)
  local item, instance = api.tables[kind.name], kind.instance
  if not item then return end
  if not instance then
    if #item.parameters > 0 and kind.parent then
      problems:add("%s: %s has documented fields, and no error to look at: say how to get one in "
        .. "scripts/docs.d/instances.lua", item.file, kind.name)
    end
    return
  end
  for _, field in ipairs(item.parameters) do
    if instance[field.name] == nil and not is_optional(field) then
      problems:add("%s: %s.%s is documented, but not there", item.file, kind.name, field.name)
    end
  end
  for name in ordered.pairs(instance) do
    if not is_documented_field(api, library, kind, name) then
      problems:add("%s: %s.%s is not documented", item.file, kind.name, name)
    end
  end
end

--- Compare.
-- @tparam table api what is documented, as `api.sort` returns it
-- @tparam table library what is there, as `library.look` returns it
-- @tparam Problems problems gets what is wrong
function completeness.check(api, library, problems)
  check_module(api, library, api, library.names, "saros.", problems)
  check_classes(api, library, problems)
  check_functions(api.functions, library.names, "saros", problems)
  check_fields(api.fields, library.names, "saros", problems)
  check_documented_classes(api, library, problems)
  for _, kind in ordered.pairs(library.kinds) do check_kind(api, library, kind, problems) end
  for name, module in pairs(api.modules) do
    local values, path = library.modules[name], "saros." .. name
    check_module(api, library, module, values, path .. ".", problems)
    check_functions(module.functions, values, path, problems)
    check_fields(module.fields, values, path, problems)
  end
end

return completeness
