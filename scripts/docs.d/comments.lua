--- Reads the comments of the sources, by ldoc.

local files = require "files"

local comments = {}

-- ldoc takes the first comment of a file for its module's, and asks for a name. C files do
-- without; this goes before their first line. The name has an end that no function's begins with:
-- that much ldoc takes off.
local C_HEADING = "/*** @module %s.c */;"

local function stage(root, staged, pattern, folder, heading)
  for _, path in ipairs(files.list(root .. "/" .. folder, pattern)) do
    local name = path:sub(#root + 2)
    local text = files.read(path)
    if text:find(heading and "/***" or "---", 1, true) then
      local module = name:gsub("%.%w+$", ""):gsub("/", ".")
      files.write(staged .. "/" .. name, (heading or ""):format(module) .. text)
    end
  end
end

local function run_ldoc(root, staged)
  local here = root .. "/scripts/docs.d/?.lua;"
  local errors = staged .. "/errors"
  local command = "LUA_PATH=%s ldoc -c %s --filter ldoc_filter.write %s 2>%s"
  local text, ok = files.output_of(command:format(
    files.quote(here .. (os.getenv("LUA_PATH") or ";")), files.quote(root .. "/scripts/docs.d/parse.ld"),
    files.quote(staged), files.quote(errors)))
  return ok and text or nil, files.read(errors)
end

-- ldoc's warnings, such as a parameter that the function does not have, as problems.
local function add_warnings(problems, text, prefix)
  for line in text:gmatch("[^\n]+") do
    if line:sub(1, #prefix) == prefix then line = line:sub(#prefix + 1) end
    problems:add("%s", line)
  end
end

--- Parse all sources.
-- @tparam string root the project's folder
-- @tparam Problems problems gets ldoc's warnings
-- @treturn ?{table,...} modules, as `ldoc_filter` makes them; nil if ldoc gave up
function comments.read(root, problems)
  local staged = root .. "/build/docs.sources"
  files.remove(staged)
  stage(root, staged, "*.lua", "lua/saros")
  stage(root, staged, "*.c", "core", C_HEADING)
  local text, errors = run_ldoc(root, staged)
  add_warnings(problems, errors, staged .. "/")
  if not text then return nil end
  local modules = assert(load(text, "=ldoc", "t", {}))()
  for _, module in ipairs(modules) do module.file = module.file:sub(#staged + 2) end
  return modules
end

return comments
