--- Looks for comments that say too little: without a description, a parameter without a type
-- or a description, a type that nothing is known of.

local quality = {}

local function check_type(types, text, where, problems)
  local unknown = text and types:complaint(text)
  if unknown then
    problems:add("%s: the type '%s' is unknown (a class needs a comment with `@type`, a shape one "
      .. "with `@table`)", where, unknown)
  end
end

local function check_parameter(types, parameter, where, problems)
  if parameter.name ~= "..." and not parameter.type then
    problems:add("%s: the parameter '%s' has no type (`@tparam TYPE %s ...`)", where,
      parameter.name, parameter.name)
  end
  if parameter.text == "" then
    problems:add("%s: the parameter '%s' has no description", where, parameter.name)
  end
  check_type(types, parameter.type, where, problems)
end

local function check_function(types, item, name, problems)
  local where = item.file .. ": " .. name
  if item.text == "" then problems:add("%s has no description", where) end
  for _, parameter in ipairs(item.parameters) do check_parameter(types, parameter, where, problems) end
  for _, group in ipairs(item.results) do
    for _, result in ipairs(group) do check_type(types, result.type, where, problems) end
  end
end

local function check_field(types, field, name, problems)
  local where = field.file .. ": " .. name
  if field.text == "" then problems:add("%s has no description", where) end
  check_type(types, field.type, where, problems)
end

local function check_module(types, module, path, problems)
  for name, item in pairs(module.functions) do check_function(types, item, path .. name, problems) end
  for name, field in pairs(module.fields) do check_field(types, field, path .. name, problems) end
  for name, item in pairs(module.tables) do check_function(types, item, path .. name, problems) end
end

local function check_class(types, class, problems)
  if class.file and class.text == "" then
    problems:add("%s: the class %s has no description", class.file, class.name)
  end
  for name, item in pairs(class.methods) do
    check_function(types, item, class.name .. ":" .. name, problems)
  end
  for name, field in pairs(class.fields) do
    check_field(types, field, class.name .. "." .. name, problems)
  end
end

--- Check every public comment.
-- @tparam table api what is documented, as `api.sort` returns it
-- @tparam Types types tells which types there are
-- @tparam Problems problems gets what is wrong
function quality.check(api, types, problems)
  check_module(types, api, "saros.", problems)
  for name, module in pairs(api.modules) do
    check_module(types, module, "saros." .. name .. ".", problems)
    if module.text == "" then problems:add("the module saros.%s has no description", name) end
  end
  for _, class in pairs(api.classes) do check_class(types, class, problems) end
end

return quality
