-- An echo server in the style of callbacks: one protocol object per connection.
--
-- It shows a protocol class, and backpressure by hand: while a client does not read its
-- replies, nothing more is read from it. Ctrl-C or SIGTERM end it.
--
--   scripts/run scripts/examples/echo_protocol.lua [HOST [PORT]]     (127.0.0.1, 7001)
--   socat - TCP:127.0.0.1:7001
--
-- Port 0 is any free one. The first line of output tells which.

local saros = require "saros"

local host, port = arg[1] or "127.0.0.1", tonumber(arg[2]) or arg[2] or 7001

local Echo = saros.Protocol:extend("Echo")

function Echo:connection_made(transport)
  self.transport = transport
end

function Echo:data_received(data)
  self.transport:write(data)
end

function Echo:pause_writing()
  self.transport:pause_reading()
end

function Echo:resume_writing()
  self.transport:resume_reading()
end

saros.run(function()
  local loop = saros.get_running_loop()
  local stop = saros.Event()
  for _, name in ipairs({ "SIGINT", "SIGTERM" }) do
    loop:add_signal_handler(name, function() stop:set() end)
  end

  local server <close> = loop:create_server(Echo, host, port)
  local address = server:sockets()[1]
  print(("listening on %s:%d"):format(address.host, address.port))
  io.stdout:flush()

  stop:wait()
end)
