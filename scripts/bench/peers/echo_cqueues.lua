-- echo_cqueues.lua PORT: an echo server on cqueues, a coroutine a connection.

local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local controller = cqueues.new()
local server = socket.listen("127.0.0.1", tonumber(arg[1]))

local function echo(connection)
  connection:setmode("bn", "bn")
  local data = connection:read(-262144)
  while data do
    connection:write(data)
    data = connection:read(-262144)
  end
  connection:close()
end

controller:wrap(function()
  for connection in server:clients() do
    controller:wrap(echo, connection)
  end
end)
-- A client that leaves in the middle of a write fails its own coroutine only.
while not controller:empty() do
  controller:step()
end
