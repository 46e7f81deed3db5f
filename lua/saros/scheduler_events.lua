--- Telling a program what a scheduler does.
-- @module saros.scheduler_events
-- @local

local core = require "saros.core"
local check = require "saros.check"

local ValueError = core.errors.ValueError

local NAMES = {"cancelled", "failed", "finished", "missed", "skipped", "started"}

-- listeners[event] is a list that is replaced when it changes, as one may be walked.
local Events = {}
Events.__index = Events

--- Make one that nobody listens to.
-- @tparam EventLoop loop
-- @treturn table
function Events.new(loop)
  local listeners = {}
  for _, name in ipairs(NAMES) do listeners[name] = {} end
  return setmetatable({loop = loop, listeners = listeners}, Events)
end

local function without(list, listener)
  local rest = {}
  for _, other in ipairs(list) do
    if other ~= listener then rest[#rest + 1] = other end
  end
  return rest
end

--- Call a function at each event of a kind.
-- @tparam string event
-- @tparam function fn
-- @treturn function which takes it back
-- @raise `ValueError`; `bad argument`
function Events:on(event, fn)
  if type(event) ~= "string" then check.fail(1, "on", "string", event) end
  check.callable(fn, 2, "on")
  local listeners = self.listeners
  if not listeners[event] then
    error(ValueError(("unknown event '%s' (known: %s)"):format(event, table.concat(NAMES, ", "))))
  end
  -- One of its own for each call: the same function may listen twice.
  local listener = {fn = fn}
  listeners[event] = table.move(listeners[event], 1, #listeners[event], 1, {})
  table.insert(listeners[event], listener)
  return function() listeners[event] = without(listeners[event], listener) end
end

--- Whether anybody listens to an event.
-- @tparam string event
-- @treturn boolean
function Events:is_heard(event)
  return self.listeners[event][1] ~= nil
end

--- Tell of an event. Each listener is called in a callback of its own, in order, so that none can fail
-- or suspend what it is told of.
-- @tparam string event
-- @tparam string name the job's
-- @tparam ?number fire_time
-- @tparam ?table details further fields
function Events:emit(event, name, fire_time, details)
  for _, listener in ipairs(self.listeners[event]) do
    local told = {event = event, name = name, fire_time = fire_time}
    for key, value in pairs(details or {}) do told[key] = value end
    self.loop:call_soon(listener.fn, told)
  end
end

return Events
