--- Writes the reference for people: HTML, by ldoc.
--
-- Where a comment is in the sources says how the library is made, not how it is used. So ldoc
-- gets sources that are sorted anew: one for `saros`, one for each public module and each
-- class, and one for the kinds of errors.

local files = require "files"
local ordered = require "ordered"

-- ---- comments, as ldoc reads them ----

local function add_lines(lines, text)
  for line in (text .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = "-- " .. line end
end

local function start_comment(lines, text)
  lines[#lines + 1] = ""
  lines[#lines + 1] = "---"
  add_lines(lines, text)
end

-- What may be nil may be left out.
local function modifier(parameter, kind)
  if parameter.default then return ("[opt=%s]"):format(parameter.default) end
  return (parameter.optional or kind:sub(1, 1) == "?") and "[opt]" or ""
end

local function add_parameter(lines, tag, parameter)
  local kind = parameter.type or "any"
  add_lines(lines, ("@%s%s %s %s %s"):format(tag, modifier(parameter, kind), (kind:gsub("^%?", "")),
    parameter.name, parameter.text))
end

local function add_results(lines, groups)
  for i, group in ipairs(groups) do
    local alternative = #groups > 1 and ("[%d]"):format(i) or ""
    for _, result in ipairs(group) do
      add_lines(lines, ("@treturn%s %s %s"):format(alternative, result.type or "any", result.text))
    end
  end
end

local function add_function(lines, item, name)
  start_comment(lines, item.text)
  add_lines(lines, "@function " .. name)
  if item.static then add_lines(lines, "@static") end
  for _, parameter in ipairs(item.parameters) do add_parameter(lines, "tparam", parameter) end
  add_results(lines, item.results)
  if item.raise then add_lines(lines, "@raise " .. item.raise) end
end

local function add_table(lines, item)
  start_comment(lines, item.text)
  add_lines(lines, "@table " .. item.name)
  for _, field in ipairs(item.parameters) do add_parameter(lines, "tfield", field) end
end

local function add_field(lines, field)
  start_comment(lines, field.text)
  add_lines(lines, ("@tfield %s %s"):format(field.type or "any", field.name))
end

local function start_page(kind, name, text)
  local lines = {}
  add_lines(lines, text)
  lines[1] = "-" .. lines[1]
  add_lines(lines, ("@%s %s"):format(kind, name))
  return lines
end

-- ---- pages ----

-- What a module says in general goes with its functions, or else with its classes.
local function text_of_class(class, api)
  local module = class.module
  if not module or module.text == "" then return class.text end
  for _, item in pairs(api.functions) do
    if item.module == module then return class.text end
  end
  return class.text .. "\n\n" .. module.text
end

local function class_page(class, api, path)
  local lines = start_page("classmod", class.name, text_of_class(class, api))
  if class.extends then add_lines(lines, "@see " .. class.extends) end
  for _, field in ordered.pairs(class.fields) do add_field(lines, field) end
  for name, item in ordered.pairs(class.methods) do
    add_function(lines, item, name == "init" and path or name)
  end
  return lines
end

local function module_page(name, module)
  local lines = start_page("module", "saros." .. name, module.text)
  for _, item in ordered.pairs(module.tables) do add_table(lines, item) end
  for _, field in ordered.pairs(module.fields) do add_field(lines, field) end
  for function_name, item in ordered.pairs(module.functions) do add_function(lines, item, function_name) end
  return lines
end

local function errors_page(api, library)
  local lines = start_page("module", "errors", "The kinds of errors: `saros.OSError` and others.")
  for name, item in ordered.pairs(api.tables) do
    if library.kinds[name] then add_table(lines, item) end
  end
  for name in ordered.pairs(library.kinds) do
    for method, item in ordered.pairs(api.classes[name] and api.classes[name].methods or {}) do
      add_function(lines, item, name .. ":" .. method)
    end
  end
  return lines
end

-- The functions of `saros` by the module that has them, whose text introduces them.
local function by_module(functions)
  local sections = {}
  for name, item in ordered.pairs(functions) do
    local path = item.module.name
    sections[path] = sections[path] or {text = item.module.text, functions = {}}
    sections[path].functions[name] = item
  end
  return sections
end

-- The first sentence becomes a heading, in which there is no markup.
local function without_backticks(text)
  local sentence, rest = text:match("^(.-[.?])(%s.*)$")
  return (sentence or text):gsub("`", "") .. (rest or "")
end

-- A C file says nothing about itself that is for users; its functions come first, as they are.
local function saros_page(api, library)
  local lines = start_page("module", "saros", api.text)
  for _, field in ordered.pairs(api.fields) do add_field(lines, field) end
  for name, item in ordered.pairs(api.tables) do
    if not library.kinds[name] then add_table(lines, item) end
  end
  local sections = by_module(api.functions)
  for _, with_text in ipairs {false, true} do
    for path, section in ordered.pairs(sections) do
      if (section.text ~= "") == with_text then
        if with_text then
          start_comment(lines, without_backticks(section.text))
          add_lines(lines, "@section " .. path:gsub("%W", "_"))
        end
        for name, item in ordered.pairs(section.functions) do add_function(lines, item, name) end
      end
    end
  end
  return lines
end

local function run_ldoc(root, sources, problems)
  local output = root .. "/build/docs"
  files.remove(output)
  local errors = sources .. "/errors"
  local command = "ldoc -c %s --testing -d %s %s >%s 2>&1"
  local _, ok = files.output_of(command:format(files.quote(root .. "/docs/config.ld"), files.quote(output),
    files.quote(sources), files.quote(errors)))
  local said = files.read(errors)
  if not ok then problems:add("ldoc failed: %s", said) end
  if said:find("falling back to text", 1, true) then
    problems:add("ldoc has nothing to format the pages with: run scripts/setup docs")
  end
end

local pages = {}

--- Write all pages into `build/docs`.
-- @tparam string root the project's folder
-- @tparam table api what is documented, as `api.sort` returns it
-- @tparam table library what is there, as `library.look` returns it
-- @tparam Problems problems gets what ldoc has to say if it fails
function pages.write(root, api, library, problems)
  local sources = root .. "/build/docs.pages"
  files.remove(sources)
  local function write(name, lines)
    files.write(("%s/%s.lua"):format(sources, name), table.concat(lines, "\n") .. "\n")
  end
  write("saros", saros_page(api, library))
  write("errors", errors_page(api, library))
  for name, module in pairs(api.modules) do write("saros." .. name, module_page(name, module)) end
  for name, class in pairs(api.classes) do
    if library.classes[name] then write(name, class_page(class, api, library.paths[name])) end
  end
  run_ldoc(root, sources, problems)
end

return pages
