-- echo_luv.lua PORT: an echo server on luv.

local uv = require "luv"

local server = uv.new_tcp()
server:bind("127.0.0.1", tonumber(arg[1]))
server:listen(511, function()
  local client = uv.new_tcp()
  server:accept(client)
  client:nodelay(true)
  client:read_start(function(_, data)
    if data then
      client:write(data)
    else
      client:close()
    end
  end)
end)
uv.run()
