--- Argument checks with the messages of Lua's own library.
--
-- A wrong type is `bad argument #n to 'f' (number expected, got nil)`, raised at the
-- line that called the public function; a wrong value is a `ValueError`, as is an
-- unknown option, which lists the known ones.
--
-- @module saros.check
-- @local

local core = require "saros.core"

local ValueError = core.errors.ValueError

-- Where the library's own sources lie; stripped ones have no name but "=?".
local LIBRARY = debug.getinfo(1, "S").source:match("^(.*)check%.lua$") or "=?"

local check = {}

-- Raise at the line outside the library that called into it, however many of its own
-- functions are in between.
local function blame_caller(message)
  local level = 2
  local info = debug.getinfo(level, "S")
  while info and info.source:sub(1, #LIBRARY) == LIBRARY do
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  error(message, level)
end

--- The type of a value as error messages name it: `__name` where there is one.
-- @param value any value
-- @treturn string
function check.type_name(value)
  -- debug.getmetatable sees through `__metatable`, as Lua's own messages do.
  local metatable = debug.getmetatable(value)
  local name = metatable and rawget(metatable, "__name")
  if type(name) == "string" then return name end
  return type(value)
end

--- Whether a value can be called: a function, or something with `__call`.
-- @param value any value
-- @treturn boolean
function check.is_callable(value)
  if type(value) == "function" then return true end
  local metatable = debug.getmetatable(value)
  return metatable ~= nil and rawget(metatable, "__call") ~= nil
end

--- Whether a value can be awaited: a Future, a Task, or anything with `__await`.
-- @param value any value
-- @treturn boolean
function check.is_awaitable(value)
  if core.isfuture(value) then return true end
  local metatable = debug.getmetatable(value)
  return metatable ~= nil and rawget(metatable, "__await") ~= nil
end

--- Whether a value is a loop. Loops are userdata of the core, which alone can tell them: its
-- methods refuse anything else.
-- @param value any value
-- @treturn boolean
function check.is_loop(value)
  return (pcall(core.EventLoop.is_closed, value))
end

--- Raise the error of an argument of the wrong type.
-- @tparam integer n the argument's position, from 1
-- @tparam string name the public function's name
-- @tparam string expected what would have been right
-- @param got the value that came
-- @tparam ?string where it came from inside the argument, such as `" at index 2"`
function check.fail(n, name, expected, got, where)
  local message = "bad argument #%d to '%s' (%s expected, got %s%s)"
  blame_caller(message:format(n, name, expected, check.type_name(got), where or ""))
end

--- A number, or a string that reads as one (as Lua's own functions take it).
-- @param value the argument
-- @tparam integer n its position
-- @tparam string name the public function's name
-- @treturn number the value as a number
-- @raise `bad argument`; `ValueError` for NaN, which no deadline and no size can be
function check.number(value, n, name)
  local number = value
  if type(value) == "string" then number = tonumber(value) end
  if type(number) ~= "number" then check.fail(n, name, "number", value) end
  if number ~= number then
    error(ValueError(("argument #%d to '%s' is NaN"):format(n, name)))
  end
  return number
end

--- Any callable: a function or something with `__call`.
-- @param value the argument
-- @tparam integer n its position
-- @tparam string name the public function's name
-- @return the value
-- @raise `bad argument`
function check.callable(value, n, name)
  if not check.is_callable(value) then check.fail(n, name, "function", value) end
  return value
end

-- The kinds of option values that a table of known options may name.
local option_kinds = {
  any = function() return true end,
  boolean = function(value) return type(value) == "boolean" end,
  callable = check.is_callable,
  integer = function(value) return math.type(value) == "integer" end,
  number = function(value) return type(value) == "number" and value == value end,
  string = function(value) return type(value) == "string" end,
  table = function(value) return type(value) == "table" end,
}

--- What is known, for the message that something is not.
-- @tparam {[string]=any} known by name
-- @treturn string the names in order
function check.names(known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

local function unknown_option(key, name, known)
  error(ValueError(("unknown option '%s' for '%s' (known: %s)"):format(tostring(key), name, check.names(known))))
end

--- A trailing table of options.
-- @tparam ?table options the argument; nil counts as no options
-- @tparam {[string]=string} known the kind of value of each known option: `any`
-- `boolean` `callable` `integer` `number` `string` or `table`
-- @tparam integer n the argument's position
-- @tparam string name the public function's name
-- @treturn table the options, or an empty table
-- @raise `bad argument` for what is no table and for an option of the wrong type;
-- `ValueError` for an unknown option
function check.options(options, known, n, name)
  if options == nil then return {} end
  if type(options) ~= "table" then check.fail(n, name, "table", options) end
  for key, value in pairs(options) do
    local kind = known[key]
    if not kind then unknown_option(key, name, known) end
    if not option_kinds[kind](value) then
      local expected = kind == "callable" and "function" or kind
      local got = value ~= value and "NaN" or check.type_name(value)
      local message = "bad argument #%d to '%s' (option '%s': %s expected, got %s)"
      blame_caller(message:format(n, name, key, expected, got))
    end
  end
  return options
end

return check
