-- idle_streams.lua CLIENTS_COMMAND: what an idle stream connection in a task costs.
--
-- A streams echo server. CLIENTS_COMMAND is a shell command that gets the port
-- and the number of connections as further arguments, uses each connection
-- once, prints "ready" and holds them until its standard input ends. The growth
-- of this process's own memory, its garbage collected, is the user space's part;
-- the kernel's socket buffers are not in it.

local saros = require "saros"

local COUNT, WARM_UP = 5000, 100

local function anonymous_bytes()
  collectgarbage()
  collectgarbage()
  local file = assert(io.open("/proc/self/smaps_rollup"))
  local kib = file:read("a"):match("Anonymous:%s+(%d+)")
  file:close()
  return tonumber(kib) * 1024
end

-- Runs the clients and waits until `count` connections are open and were used.
-- Their output goes through a file, because reading a pipe would block the loop.
local function hold_clients(command, port, count)
  local ready = os.tmpname()
  local clients = assert(io.popen(("%s %d %d 1024 >%s"):format(command, port, count, ready), "w"))
  repeat
    saros.sleep(0.05)
    local file <close> = assert(io.open(ready))
  until file:read("l") == "ready"
  os.remove(ready)
  return clients
end

saros.run(function(command)
  local connections = 0
  local server <close> = saros.start_server(function(reader, writer)
    connections = connections + 1
    local data = reader:read(262144)
    while data do
      writer:write(data)
      writer:drain()
      data = reader:read(262144)
    end
    writer:close()
  end, "127.0.0.1", 0)
  local port = server:sockets()[1].port

  hold_clients(command, port, WARM_UP):close()
  local before = anonymous_bytes()
  connections = 0
  local clients = hold_clients(command, port, COUNT)
  assert(connections == COUNT, "not every connection arrived")
  print("connection_bytes", (anonymous_bytes() - before) / COUNT)
  clients:close()
end, arg[1])
