--- How to get an instance of a class that no table of the library leads to, or whose fields
-- are documented and whose constructor needs arguments: by the class's name, a function that
-- is called in a task.

local saros = require "saros"

local function nothing() end

-- Both ends of a connection, as streams.
local function connect()
  local server <close> = saros.start_server(function(_, writer) writer:close() end, "127.0.0.1", 0)
  return saros.open_connection("127.0.0.1", server:sockets()[1].port)
end

local instances = {}

function instances.Future() return saros.get_running_loop():create_future() end

function instances.Task() return saros.current_task() end

function instances.Handle() return saros.get_running_loop():call_soon(nothing) end

function instances.TimerHandle() return saros.get_running_loop():call_later(0, nothing) end

function instances.StreamReader()
  local reader, writer = connect()
  writer:close()
  return reader
end

function instances.StreamWriter()
  local _, writer = connect()
  writer:close()
  return writer
end

function instances.Transport()
  local loop = saros.get_running_loop()
  local server <close> = loop:create_server(saros.Protocol, "127.0.0.1", 0)
  local transport = loop:create_connection(saros.Protocol, "127.0.0.1", server:sockets()[1].port)
  transport:close()
  return transport
end

function instances.Barrier() return saros.Barrier(1) end

return instances
