--- Makes the API reference, or says what is wrong with the comments; see scripts/docs.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path

local annotations = require "annotations"
local api = require "api"
local comments = require "comments"
local completeness = require "completeness"
local files = require "files"
local library = require "library"
local options = require "options"
local pages = require "pages"
local quality = require "quality"
local Problems = require "problems"
local Types = require "types"

local root = files.output_of("cd " .. files.quote(here .. "/../..") .. " && pwd -P"):match("[^\n]+")
local check_only = arg[1] == "--check"

-- What the comments say, checked against the library; nil when there are problems.
local function read_api(problems)
  local modules = comments.read(root, problems)
  if not modules then return nil end
  local there = library.look()
  local documented = api.sort(modules, there, problems)
  local types = Types.new(api.type_names(documented))
  completeness.check(documented, there, problems)
  options.check(documented, there, problems)
  quality.check(documented, types, problems)
  if #problems > 0 then return nil end
  return documented, there, types
end

local function write_annotations(texts, problems)
  for path, text in pairs(texts) do
    if not check_only then
      files.write(root .. "/" .. path, text)
    elseif files.read(root .. "/" .. path) ~= text then
      problems:add("%s is not up to date: run scripts/docs", path)
    end
  end
end

local function main()
  local problems = Problems.new()
  local documented, there, types = read_api(problems)
  if documented then
    write_annotations(annotations.make(documented, there, types), problems)
    pages.write(root, documented, there, problems)
  end
  table.sort(problems)
  for _, problem in ipairs(problems) do io.stderr:write("scripts/docs: ", problem, "\n") end
  return #problems == 0
end

os.exit(main(), true)
