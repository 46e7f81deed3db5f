--- Runs the two halves of twins as programs of their own, and compares their traces.

local twin_runner = {}

-- Bounds a twin that hangs; each takes a small part of a second.
local LIMIT = 60

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Everything the command prints, its errors among it, in which a failure then shows.
local function output_of(environment, ...)
  local words = { "env" }
  for name, value in pairs(environment) do words[#words + 1] = name .. "=" .. quote(value) end
  words[#words + 1] = "timeout -k 5 " .. LIMIT
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  local pipe <close> = assert(io.popen(table.concat(words, " ") .. " 2>&1 </dev/null"))
  local output = pipe:read("a")
  local _, how, status = pipe:close()
  if status ~= 0 then
    output = ("%s%s %d of: %s\n"):format(output, how, status, table.concat(words, " "))
  end
  return output
end

--- The trace of a Python program, or of several, each after a line `=== FILE`.
function twin_runner.python(...)
  -- A system's own Python, rather than one that a version manager puts in front of it.
  local python = os.getenv("PYTHON") or "/usr/bin/python3"
  return output_of({ PYTHONPATH = "spec/support", PYTHONDONTWRITEBYTECODE = "1" }, python, "-u", ...)
end

--- The trace of a Lua program, on the loop that `variant` names: "plain", "overridden" or "debug".
function twin_runner.lua(variant, ...)
  return output_of({
    LUA_PATH = package.path,
    LUA_CPATH = package.cpath,
    SAROS_TWIN = variant,
  }, os.getenv("SAROS_LUA") or "lua5.4", ...)
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n?") do lines[#lines + 1] = line end
  while lines[#lines] == "" do lines[#lines] = nil end
  return lines
end

-- The lines up to where the traces part are the same in both; a few of them show where that is.
local function excerpt(expected, actual, at)
  local text = {}
  for i = math.max(1, at - 6), at - 1 do text[#text + 1] = "         " .. expected[i] end
  text[#text + 1] = "python:  " .. (expected[at] or "(has ended)")
  text[#text + 1] = "lua:     " .. (actual[at] or "(has ended)")
  for i = at + 1, math.min(at + 2, #actual) do text[#text + 1] = "  lua then: " .. actual[i] end
  return table.concat(text, "\n")
end

--- Where two traces part, in words; nil when they are the same.
function twin_runner.difference(expected, actual)
  if expected == actual then return nil end
  expected, actual = lines_of(expected), lines_of(actual)
  for at = 1, math.max(#expected, #actual) do
    if expected[at] ~= actual[at] then
      return ("line %d of the traces differs:\n%s"):format(at, excerpt(expected, actual, at))
    end
  end
end

--- Splits text at the lines that `pattern` matches: a table of what follows each, by its capture.
-- Long traces are cut rather than gone through line by line, which takes minutes where each string
-- that is made costs a collection.
function twin_runner.split(text, pattern)
  text = "\n" .. text
  local parts, name, start = {}, nil, nil
  local position = 1
  while position do
    local first, last, found = text:find("\n" .. pattern .. "\n", position)
    if name then parts[name] = text:sub(start, first or -1) end
    name, start, position = found, last and last + 1, last
  end
  return parts
end

return twin_runner
