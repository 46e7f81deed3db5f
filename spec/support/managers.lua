--- A service manager for specs: listens where services tell how they do, as systemd does.
--
--     local manager <close> = managers.open()
--     service:launch_with(manager:environment("WATCHDOG_USEC=1000000"))
--     assert.equal("READY=1\nSTATUS=...", manager:expect("READY=1"))

local datagrams = require "spec.support.datagrams"

local LIMIT = 60 -- seconds

local managers = {}

local Manager = {}
Manager.__index = Manager

--- Listen.
-- @tparam ?boolean abstract at a name instead of a path
function managers.open(abstract)
  local path = os.tmpname()
  os.remove(path)
  local address = abstract and "@saros" .. path or path
  return setmetatable({path = path, address = address, fd = datagrams.open(address)}, Manager)
end

--- What a service has in its environment.
-- @tparam string ... further variables
function Manager:environment(...)
  return {"NOTIFY_SOCKET=" .. self.address, ...}
end

--- The next message; nil if none comes in time.
-- @tparam ?number seconds
function Manager:receive(seconds)
  return datagrams.receive(self.fd, seconds or LIMIT)
end

--- The next message that begins with a line; those before it are counted, but not kept.
-- @treturn string the message
-- @treturn integer how many others came before it
function Manager:expect(line)
  local others = 0
  while true do
    local text = assert(self:receive(), "systemd is not told " .. line)
    if (text .. "\n"):sub(1, #line + 1) == line .. "\n" then return text, others end
    others = others + 1
  end
end

function Manager:__close()
  datagrams.close(self.fd)
  os.remove(self.path)
end

return managers
