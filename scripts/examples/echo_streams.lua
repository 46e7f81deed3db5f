-- An echo server in the style of tasks: one task per connection, and plain loops.
--
-- It shows a reader and a writer. `drain` waits while the client does not read its replies,
-- so that no client can make the server hold more than a little of its data. Ctrl-C or
-- SIGTERM end it.
--
--   scripts/run scripts/examples/echo_streams.lua [HOST [PORT]]      (127.0.0.1, 7002)
--   socat - TCP:127.0.0.1:7002
--
-- Port 0 is any free one. The first line of output tells which.

local saros = require "saros"

local host, port = arg[1] or "127.0.0.1", tonumber(arg[2]) or arg[2] or 7002

local function echo(reader, writer)
  while true do
    local data = reader:read(65536)
    if not data then break end
    writer:write(data)
    writer:drain()
  end
  writer:close()
end

saros.run(function()
  local loop = saros.get_running_loop()
  local stop = saros.Event()
  for _, name in ipairs({ "SIGINT", "SIGTERM" }) do
    loop:add_signal_handler(name, function() stop:set() end)
  end

  local server <close> = saros.start_server(echo, host, port)
  local address = server:sockets()[1]
  print(("listening on %s:%d"):format(address.host, address.port))
  io.stdout:flush()

  stop:wait()
end)
