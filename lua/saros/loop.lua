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

local function forward_to(name)
  return function(...)
    local loop = get_event_loop()
    return loop[name](loop, ...)
  end
end

-- What is no method of every loop must not be remembered: the next loop may differ.
local function find_in_current(name)
  local ok, loop = pcall(get_event_loop)
  if not ok then return nil end
  local value = loop[name]
  if type(value) == "function" then return forward_to(name) end
  return value
end

return setmetatable({}, {
  __index = function(module, name)
    if type(EventLoop[name]) ~= "function" then return find_in_current(name) end
    local forward = forward_to(name)
    rawset(module, name, forward)
    return forward
  end,
})
