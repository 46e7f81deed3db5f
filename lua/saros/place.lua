--- Where the program is, seen past the library's own functions: for what people read.
-- A place is a string `file:line`.
-- @module saros.place
-- @local

local core = require "saros.core"

-- Where the library's own sources lie; stripped ones have no name but "=?".
local LIBRARY = debug.getinfo(1, "S").source:match("^(.*)place%.lua$") or "=?"

local place = {}

--- Whether a function's source is one of the library's files.
-- @tparam string source as `debug.getinfo` gives it
-- @treturn boolean
function place.is_library(source)
  return source:sub(1, #LIBRARY) == LIBRARY
end

-- The same for a name as messages show it, cut short by Lua.
local function is_library_name(short)
  local name = short:match("[^/]*$")
  return debug.getinfo(load("", LIBRARY .. name), "S").short_src == short
end

--- The innermost place of a traceback that is not in the library; if all are, the
-- innermost one.
-- @tparam string traceback
-- @treturn ?string nil if there is none
function place.of_traceback(traceback)
  local first
  for file, line in traceback:gmatch("\n\t([^\n]-):(%d+): in ") do
    if not is_library_name(file) then return file .. ":" .. line end
    first = first or file .. ":" .. line
  end
  return first
end

-- The name under which a table, or one that it inherits from, holds a function.
local function find_name(holder, fn)
  while type(holder) == "table" do
    local found
    for name, value in pairs(holder) do
      local public = type(name) == "string" and name:sub(1, 1) ~= "_"
      -- Some methods have two names; which one comes first must not be left to chance.
      if rawequal(value, fn) and public and (not found or name < found) then found = name end
    end
    if found then return found end
    local metatable = debug.getmetatable(holder)
    holder = metatable and rawget(metatable, "__index")
  end
end

--- The public name of a function of the library, such as `sleep` or `Event:wait`.
-- @tparam function fn
-- @param self the first argument that it was called with
-- @treturn ?string nil if it has none
function place.library_name(fn, self)
  local metatable = debug.getmetatable(self)
  if metatable and type(self) ~= "string" then
    local index = rawget(metatable, "__index")
    local name = find_name(type(index) == "table" and index or metatable, fn)
    if not name and rawequal(rawget(metatable, "__close"), fn) then name = "__close" end
    if name then return ("%s:%s"):format(rawget(metatable, "__name") or type(self), name) end
  end
  return find_name(package.loaded.saros, fn) or find_name(core, fn)
end

-- The first of the local variables of a level of a coroutine.
local function first_local(co, level)
  local _, value = debug.getlocal(co, level, 1)
  return value
end

--- Where a coroutine is, and in which function of the library.
-- @tparam thread co
-- @treturn ?string the innermost place that is not in the library; if all are, the innermost one; nil if
-- there is none
-- @treturn ?string the public name of the function of the library that was called there
-- @return the first argument of that function
function place.of_coroutine(co)
  local innermost, name, object
  local level = 0
  local info = debug.getinfo(co, level, "Slf")
  while info do
    if info.currentline > 0 then
      local here = info.short_src .. ":" .. info.currentline
      if not place.is_library(info.source) then return here, name, object end
      innermost = innermost or here
    end
    local first = first_local(co, level)
    local found = place.library_name(info.func, first)
    if found then name, object = found, first end
    level = level + 1
    info = debug.getinfo(co, level, "Slf")
  end
  return innermost, name, object
end

return place
