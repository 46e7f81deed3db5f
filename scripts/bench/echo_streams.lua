-- echo_streams.lua PORT: an echo server, a task a connection.

local saros = require "saros"

local function echo(reader, writer)
  while true do
    local data = reader:read(262144)
    if not data then
      break
    end
    writer:write(data)
    writer:drain()
  end
  writer:close()
end

saros.run(function()
  local server <close> = saros.start_server(echo, "127.0.0.1", tonumber(arg[#arg]), {backlog = 511})
  server:serve_forever()
end)
