--- The lines of a file of annotations: comments and functions.

local Writer = {}
Writer.__index = Writer

--- Make one without lines.
-- @tparam Types types converts the comments' types
-- @treturn Writer
function Writer.new(types)
  return setmetatable({types = types, lines = {}}, Writer)
end

--- Add a line.
-- @tparam string format the line, or a format if there are values
-- @param ... its values
function Writer:line(format, ...)
  self.lines[#self.lines + 1] = select("#", ...) == 0 and format or format:format(...)
end

--- Add a text as a comment.
-- @tparam string text any lines
function Writer:comment(text)
  for line in (text .. "\n"):gmatch("(.-)\n") do self:line("---%s", line) end
end

--- The name of a parameter, with a question mark if it is optional.
-- @tparam table parameter what is documented of it
-- @treturn string
function Writer.parameter_name(parameter)
  if parameter.name == "..." then return "..." end
  local optional = parameter.optional or parameter.type and parameter.type:sub(1, 1) == "?"
  return parameter.name .. (optional and "?" or "")
end

--- The type of a parameter; that it is optional is in its name.
-- @tparam table parameter what is documented of it
-- @treturn string
function Writer:type_of(parameter)
  return self.types:convert((parameter.type or "any"):gsub("^%?", ""))
end

--- What a parameter means, and its default.
-- @tparam table parameter what is documented of it
-- @treturn string
function Writer.describe(parameter)
  if not parameter.default then return parameter.text end
  return ("%s; %s by default"):format(parameter.text, parameter.default)
end

--- Tell the fields of tables of options from the parameters proper.
-- @tparam {table,...} parameters all of them
-- @treturn {table,...} the parameters proper
-- @treturn table lists of the others, by the name of their table
function Writer.split_fields(parameters)
  local own, fields = {}, {}
  for _, parameter in ipairs(parameters) do
    local owner = parameter.name:match("^([%w_]+)%.[%w_]")
    if owner then
      fields[owner] = fields[owner] or {}
      table.insert(fields[owner], parameter)
    else
      own[#own + 1] = parameter
    end
  end
  return own, fields
end

-- A class for the table, so that the editor knows each option; its name.
local function options_class(self, path, owner, fields)
  local name = ("saros.%s.%s"):format(path, owner)
  self:line("---@class %s", name)
  for _, field in ipairs(fields) do
    local short = field.name:match("%.(.*)$")
    local shown = Writer.parameter_name({name = short, optional = field.optional, type = field.type})
    self:line("---@field %s %s %s", shown, self:type_of(field), Writer.describe(field))
  end
  self:line("")
  return name
end

--- Add the types of tables of options.
-- @tparam {table,...} parameters what a function takes
-- @tparam string path its name, for those of the types
-- @treturn {table,...} its parameters proper
-- @treturn table the type of each, by its name
function Writer:add_parameter_types(parameters, path)
  local own, fields = Writer.split_fields(parameters)
  local types = {}
  for _, parameter in ipairs(own) do
    local of_this = fields[parameter.name]
    types[parameter.name] = of_this and options_class(self, path, parameter.name, of_this)
      or self:type_of(parameter)
  end
  return own, types
end

-- Alternatives are told apart by position alone.
local function merge_results(groups)
  local merged = {}
  for _, group in ipairs(groups) do
    for i, result in ipairs(group) do
      local slot = merged[i] or {types = {}, texts = {}}
      merged[i] = slot
      table.insert(slot.types, result.type or "any")
      table.insert(slot.texts, result.text)
    end
  end
  return merged
end

local function results(self, groups)
  for _, slot in ipairs(merge_results(groups)) do
    local kinds, seen = {}, {}
    for _, kind in ipairs(slot.types) do
      local converted = self.types:convert(kind)
      if not seen[converted] then kinds[#kinds + 1] = converted end
      seen[converted] = true
    end
    local text = table.concat(slot.texts, "; or ")
    local rest, several = text:gsub("^%.%.%. ?", "")
    local kind = table.concat(kinds, "|") .. (several > 0 and " ..." or "")
    self:line("%s", rest == "" and "---@return " .. kind or ("---@return %s # %s"):format(kind, rest))
  end
end

--- The parameters and results as one type, for an overload.
-- @tparam {table,...} parameters what it takes
-- @tparam table types the type of each, by its name
-- @tparam table item has the field `results`
-- @tparam ?string self_type the type of `self`, for a method
-- @treturn string
function Writer:signature(parameters, types, item, self_type)
  local list = {}
  if self_type then list[1] = "self: " .. self_type end
  for _, parameter in ipairs(parameters) do
    list[#list + 1] = ("%s: %s"):format(Writer.parameter_name(parameter), types[parameter.name])
  end
  local kinds = {}
  for i, slot in ipairs(merge_results(item.results)) do
    kinds[i] = self.types:convert(slot.types[1])
  end
  local text = ("fun(%s)"):format(table.concat(list, ", "))
  return #kinds == 0 and text or text .. ": " .. table.concat(kinds, ", ")
end

-- A table of options may stand in the place of an optional positional argument.
local function overloads(self, own, types, item, self_type)
  local options = own[#own]
  if not options or options.name ~= "options" then return end
  for i = #own - 1, 1, -1 do
    if Writer.parameter_name(own[i]):sub(-1) ~= "?" then return end
    local shorter = table.move(own, 1, i - 1, 1, {})
    local required = {name = "options", type = "table"}
    self:line("---@overload %s", self:signature(table.move({required}, 1, 1, i, shorter), types, item, self_type))
  end
end

--- The names of parameters, as a call has them.
-- @tparam {table,...} parameters what a function takes
-- @treturn string
function Writer.names_of(parameters)
  local names = {}
  for i, parameter in ipairs(parameters) do names[i] = parameter.name end
  return table.concat(names, ", ")
end

-- Adds the types of the tables of options, then the comment; returns the parameters.
local function function_comment(self, item, path, self_type)
  local own, types = self:add_parameter_types(item.parameters, path)
  self:comment(item.text)
  if item.raise then
    self:line("---")
    self:line("---Raises: %s", item.raise)
  end
  for _, parameter in ipairs(own) do
    self:line("---@param %s %s %s", Writer.parameter_name(parameter), types[parameter.name], Writer.describe(parameter))
  end
  results(self, item.results)
  overloads(self, own, types, item, self_type)
  return own
end

--- Add a function.
-- @tparam table item what is documented of it
-- @tparam string path its name, for those of the types of its tables of options
-- @tparam string declared its name as it is to be declared
-- @tparam ?string self_type the type of `self`, for a method
function Writer:add_function(item, path, declared, self_type)
  local own = function_comment(self, item, path, self_type)
  self:line("function %s(%s) end", declared, Writer.names_of(own))
  self:line("")
end

return Writer
