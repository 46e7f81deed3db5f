--- The protocol object of one client: bytes come in, all commands in them run, and
-- their replies leave in one write.

local commands = require "redis.commands"
local resp = require "redis.resp"

-- Replies are handed over in pieces of about this size, so that a client that
-- asks for much and reads little is noticed in time.
local PIECE = 256 * 1024

-- Bytes of replies that may wait for a client. Many clients send a whole pipeline before
-- they read the first reply, so it is much; without a limit, one of them could have it all.
local MOST_WAITING, ENOUGH_WAITING = 64 * 1024 * 1024, 16 * 1024 * 1024

local Connection = {}
Connection.__index = Connection

--- Makes the protocol object of a client.
-- @tparam table server the state that all clients share, see redis.server
local function new(server)
  return setmetatable({
    server = server,
    databases = server.databases,
    store = server.databases[0],
    parser = resp.Parser(),
    protocol = 2,
    null = "$-1\r\n",
    paused = false, -- the client reads too slowly to be given more
    closing = false,
  }, Connection)
end

function Connection:connection_made(transport)
  self.transport = transport
  transport:set_write_buffer_limits({ high = MOST_WAITING, low = ENOUGH_WAITING })
  self.id = self.server:add(self)
end

function Connection:connection_lost()
  self.closing = true
  self.server:remove(self)
end

function Connection:data_received(data)
  self.parser:feed(data)
  self:work()
end

-- Runs the commands that have arrived, as long as the client takes their replies.
function Connection:work()
  local parser, run = self.parser, commands.run
  local replies, count, size = {}, 0, 0
  self.now = self.server:now()
  while not (self.paused or self.closing) do
    local args, problem = parser:next()
    if not args and not problem then break end
    local reply
    if args then
      reply = run(self, args)
    else
      reply = resp.error("ERR Protocol error: " .. problem)
      self.closing = true
    end
    count = count + 1
    replies[count] = reply
    size = size + #reply
    if size >= PIECE then
      self.transport:write(table.concat(replies, "", 1, count))
      self.server.served = self.server.served + count
      count, size = 0, 0
    end
  end
  if count > 0 then
    self.transport:write(table.concat(replies, "", 1, count))
    self.server.served = self.server.served + count
  end
  if self.closing then self.transport:close() end
end

function Connection:pause_writing()
  self.paused = true
  self.transport:pause_reading()
end

function Connection:resume_writing()
  self.paused = false
  if self.closing then return end
  self.transport:resume_reading()
  self:work()
end

return { new = new }
