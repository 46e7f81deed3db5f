--- The Redis-compatible server as a part to be used: its databases, its clients
-- and the job that removes expired keys.

local saros = require "saros"

local connection = require "redis.connection"
local store = require "redis.store"

local DATABASES = 16
local SWEEP_INTERVAL = 0.1 -- seconds
local SWEEP_LIMIT = 5000 -- keys removed before others get their turn

local Server = {}
Server.__index = Server

--- Makes the state of a server. It listens once `start` is called.
-- @tparam EventLoop loop
local function new(loop)
  local self = setmetatable({
    loop = loop,
    databases = {}, -- from 0 on
    clients = 0, -- connected now
    last_id = 0,
    served = 0, -- commands since the start
  }, Server)
  for index = 0, DATABASES - 1 do self.databases[index] = store.new(self:now()) end
  return self
end

--- The time that commands go by: milliseconds since the epoch.
function Server:now()
  return self.loop:wall_time() * 1000 // 1 | 0
end

--- Counts a client in.
-- @treturn integer its number
function Server:add()
  self.clients = self.clients + 1
  self.last_id = self.last_id + 1
  return self.last_id
end

--- Counts a client out.
function Server:remove()
  self.clients = self.clients - 1
end

--- How many keys there are in all databases.
function Server:size()
  local sum = 0
  for _, each in pairs(self.databases) do sum = sum + each.size end
  return sum
end

-- Removes the keys that have expired, whether anyone asks for them or not.
local function sweep(self)
  for _, each in pairs(self.databases) do
    while each:sweep(self:now(), SWEEP_LIMIT) do saros.sleep(0) end
  end
end

--- Listens, and starts to remove expired keys.
-- @tparam string host
-- @tparam integer port 0 for a free one
-- @treturn Server the listening server, which ends when its scope is left
-- @treturn Task the job that removes expired keys; it never ends on its own
function Server:start(host, port)
  local listener = self.loop:create_server(function() return connection.new(self) end, host, port)
  return listener, saros.create_task(saros.periodic, SWEEP_INTERVAL, sweep, self)
end

return { new = new }
