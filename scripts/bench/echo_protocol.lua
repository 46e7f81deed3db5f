-- echo_protocol.lua PORT: an echo server, callback style.

local saros = require "saros"

local Echo = saros.Protocol:extend("Echo")

function Echo:connection_made(transport)
  self.transport = transport
end

function Echo:data_received(data)
  self.transport:write(data)
end

saros.run(function()
  local loop = saros.get_running_loop()
  local server <close> = loop:create_server(Echo, "127.0.0.1", tonumber(arg[#arg]), {backlog = 511})
  server:serve_forever()
end)
