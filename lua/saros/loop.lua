--- The loop's functions on the current loop, called with a dot, for scripts in the
-- callback style.
--
--     local loop = require "saros.loop"
--     loop.call_later(1.5, print, "later")
--     loop.call_soon(print, "soon")
--     loop.run()                      -- until nothing is scheduled, or loop.stop()
--
-- The current loop is the running one or else that of `saros.get_event_loop()`. Every
-- method of `saros.EventLoop` is here, with the same arguments, results and errors;
-- methods that only a loop's own class has are here while that loop is the current one.
-- @module saros.loop

local saros = require "saros"

local EventLoop = saros.EventLoop
local get_event_loop = saros.get_event_loop

-- A program that has loops as well is soon written with a colon in the wrong place.
local function refuse_colon(name)
  error(("the functions of saros.loop are called with a dot: loop.%s(...)"):format(name), 3)
end

-- From source, so that messages have the method's name and count its arguments; without lines, so that none of these
-- is taken for the program's.
local FORWARD = [[
local get_event_loop, module, refuse_colon = ...
return function(...)
  if (...) == module then refuse_colon("%s") end
  return get_event_loop():%s(...)
end
]]

local module = {}

local function forward_to(name)
  local make = load(FORWARD:format(name, name), "=saros.loop")
  return load(string.dump(make, true))(get_event_loop, module, refuse_colon)
end

-- What is no method of every loop must not be remembered: the next loop may differ.
local function find_in_current(name)
  local ok, loop = pcall(get_event_loop)
  if not ok then return nil end
  local value = loop[name]
  if type(value) ~= "function" then return value end
  return function(...)
    local current = get_event_loop()
    return current[name](current, ...)
  end
end

return setmetatable(module, {
  __index = function(_, name)
    if type(EventLoop[name]) ~= "function" then return find_in_current(name) end
    local forward = forward_to(name)
    rawset(module, name, forward)
    return forward
  end,
})
