--- Which loop is the current one, and who makes new ones.
--
-- Mirrors asyncio's event loop policies: a policy makes loops and remembers the
-- current one. There is one policy per Lua state.
--
--     local Policy = saros.EventLoopPolicy:extend("Policy")
--     function Policy:new_event_loop() return LoggingLoop() end
--     saros.set_event_loop_policy(Policy())
-- @module saros.policy

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"

local EventLoop = core.EventLoop
local RuntimeError = core.errors.RuntimeError

--- The class to extend; mirrors `asyncio.DefaultEventLoopPolicy`.
-- @type EventLoopPolicy
local EventLoopPolicy = Class.new("EventLoopPolicy")

--- Make a loop; what policies override.
-- Mirrors `asyncio.AbstractEventLoopPolicy.new_event_loop`.
-- @function EventLoopPolicy:new_event_loop
-- @treturn EventLoop
function EventLoopPolicy.new_event_loop(_)
  return EventLoop()
end

--- The current loop, made on first use.
-- Mirrors `asyncio.AbstractEventLoopPolicy.get_event_loop`.
-- @treturn EventLoop
-- @raise `RuntimeError` once `set_event_loop(nil)` was called
function EventLoopPolicy:get_event_loop()
  if self.event_loop == nil and not self.event_loop_was_set then
    self:set_event_loop(self:new_event_loop())
  end
  if self.event_loop == nil then
    error(RuntimeError("there is no current event loop"))
  end
  return self.event_loop
end

--- Make a loop the current one.
-- Mirrors `asyncio.AbstractEventLoopPolicy.set_event_loop`.
-- @tparam ?EventLoop loop the loop; nil for none
-- @raise `bad argument` for what is neither
function EventLoopPolicy:set_event_loop(loop)
  if loop ~= nil and not check.is_loop(loop) then
    check.fail(1, "set_event_loop", "EventLoop", loop)
  end
  self.event_loop = loop
  self.event_loop_was_set = true
end

--- @section end

local current

local policy = {EventLoopPolicy = EventLoopPolicy}

--- The policy in use. Mirrors `asyncio.get_event_loop_policy`.
-- @treturn EventLoopPolicy
function policy.get_event_loop_policy()
  if current == nil then current = EventLoopPolicy() end
  return current
end

--- Use another policy. Mirrors `asyncio.set_event_loop_policy`.
-- @tparam ?EventLoopPolicy new an instance of `EventLoopPolicy` or of a subclass; nil
-- for a new default policy
-- @raise `bad argument` for anything else, a class that was not called included
function policy.set_event_loop_policy(new)
  if new ~= nil and not Class.is_instance(new, EventLoopPolicy) then
    check.fail(1, "set_event_loop_policy", "EventLoopPolicy", new)
  end
  current = new
end

--- The running loop; outside of one, the policy's current loop, made on first use.
-- Mirrors `asyncio.get_event_loop`.
-- @treturn EventLoop
-- @raise `RuntimeError` outside a running loop once `set_event_loop(nil)` was called,
-- which `saros.run` does when it ends
function policy.get_event_loop()
  return core.running_loop_or_nil() or policy.get_event_loop_policy():get_event_loop()
end

-- The loop that get_event_loop made or would return, without making one: for the launcher.
function policy.default_loop()
  return current and current.event_loop
end

--- Make a loop the policy's current one. Mirrors `asyncio.set_event_loop`.
-- @tparam ?EventLoop loop the loop; nil for none
-- @raise `bad argument` for what is neither
function policy.set_event_loop(loop)
  policy.get_event_loop_policy():set_event_loop(loop)
end

--- Make a loop as the policy wants it. It does not become the current one.
-- Mirrors `asyncio.new_event_loop`.
-- @treturn EventLoop
function policy.new_event_loop()
  return policy.get_event_loop_policy():new_event_loop()
end

return policy
