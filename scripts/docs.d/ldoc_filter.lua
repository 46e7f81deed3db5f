--- Runs inside ldoc, by its option `--filter ldoc_filter.write`: prints what ldoc has parsed
-- as a Lua table, cut down to what `comments` needs. ldoc may run on any Lua from 5.1 on.

local pretty = require "pl.pretty"

local filter = {}

-- ldoc cuts the first sentence off; put together again, without the indent of comments. What
-- `@usage` shows follows as code.
local function text_of(item)
  local text = (item.summary or "") .. (item.description or "")
  text = text:gsub("\r", ""):gsub("\n ", "\n"):gsub("^%s+", ""):gsub("%s+$", "")
  for _, usage in ipairs(item.usage or {}) do
    text = text .. "\n\n    " .. usage:gsub("%s+$", ""):gsub("\n", "\n    ")
  end
  return text
end

local function comment_of(text)
  return ((text or ""):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

local function parameter(item, name)
  local modifiers = item.modifiers[item.parameter]
  local of_this = type(modifiers) == "table" and modifiers[name] or {}
  local default = of_this.opt or of_this.optchain
  return {
    name = name,
    type = of_this.type,
    optional = default ~= nil,
    default = type(default) == "string" and default or nil,
    text = comment_of(item.params.map[name]),
  }
end

-- A table's fields, `options.limit`, follow the table. A field of a class, `Queue.maxsize`, is
-- for ldoc one of a table that is not there.
local function parameters(item)
  local list = {}
  for _, name in ipairs(item.params or {}) do
    list[#list + 1] = parameter(item, name)
    for _, field in ipairs(item.subparams[name] or {}) do list[#list + 1] = parameter(item, field) end
  end
  for name, fields in pairs(item.subparams or {}) do
    if not item.params.map[name] then
      for _, field in ipairs(fields) do list[#list + 1] = parameter(item, field) end
    end
  end
  return list
end

-- Alternatives, `@return[1]` and `@return[2]`, are lists of their own.
local function results(item)
  local groups = {}
  for i, group in ipairs(item.retgroups or {}) do
    groups[i] = {}
    for j, result in ipairs(group) do
      local kind = result.type ~= "" and result.type or nil
      groups[i][j] = {type = kind, text = comment_of(result.text)}
    end
  end
  return groups
end

local function describe_item(item)
  return {
    name = item.name,
    kind = item.type,
    line = item.lineno,
    section = item.section,
    private = item.tags["local"] ~= nil,
    text = text_of(item),
    parameters = parameters(item),
    results = results(item),
    raise = item.raise and comment_of(item.raise),
  }
end

local function describe_section(section)
  local extends = section.tags.extends
  if type(extends) == "table" then extends = extends[1] end
  return {
    name = section.name,
    kind = section.type,
    line = section.lineno,
    private = section.tags["local"] ~= nil,
    text = text_of(section),
    extends = extends and comment_of(extends),
  }
end

local function describe_all(list, describe)
  local result = {}
  for i, each in ipairs(list) do result[i] = describe(each) end
  return result
end

local function describe_module(module)
  return {
    name = module.name,
    file = module.file,
    private = module.tags["local"] ~= nil,
    text = text_of(module),
    sections = describe_all(module.sections, describe_section),
    items = describe_all(module.items, describe_item),
  }
end

--- What ldoc calls.
-- @tparam table modules ldoc's modules
function filter.write(modules)
  io.stdout:write("return ", pretty.write(describe_all(modules, describe_module)), "\n")
end

return filter
