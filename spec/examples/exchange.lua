--- Conversations with a server for the specs of the examples: what is sent and what comes back,
-- byte for byte. All of them run a loop of their own and end within a limit.

local saros = require "saros"

local LIMIT = 20 -- seconds; what is waited for comes in milliseconds

local exchange = {}

--- Runs a function in a task, for at most LIMIT seconds.
-- @tparam function fn
-- @param ... its arguments
-- @return its results
function exchange.run(fn, ...)
  return saros.run(saros.wait_for, fn, LIMIT, ...)
end

--- Connects, runs `talk(reader, writer)` and closes the connection, all in a running loop.
-- @tparam integer port
-- @tparam function talk
-- @return the results of `talk`
function exchange.with(port, talk)
  local reader, writer = saros.open_connection("127.0.0.1", port)
  local closing <close> = setmetatable({}, { __close = function() writer:close() end })
  return talk(reader, writer, closing)
end

--- Sends bytes, in pieces that leave one by one.
-- @param writer
-- @tparam string bytes
-- @tparam[opt] integer size of a piece; without it, all at once
function exchange.send(writer, bytes, size)
  for at = 1, #bytes, size or #bytes do
    writer:write(bytes:sub(at, at + (size or #bytes) - 1))
    writer:drain()
    if size then saros.sleep(0.0002) end
  end
end

-- What comes until `stop` came at its end, or the server closed the connection.
local function receive(reader, stop)
  local parts, tail = {}, ""
  while tail ~= stop do
    -- A server that closes while there is something left to read resets the connection.
    local ok, data = pcall(reader.read, reader, 65536)
    if not ok and not saros.is_error(data, saros.OSError) then error(data, 0) end
    if not ok or not data then return table.concat(parts), true end
    parts[#parts + 1] = data
    tail = (tail .. data):sub(-#stop)
  end
  return table.concat(parts), false
end

--- Sends a server a request and then one that it answers with `stop`. Waits for that, or for the
-- end of the connection.
-- @tparam integer port
-- @tparam string request
-- @tparam string ask a request for `stop`
-- @tparam string stop the end of that reply
-- @tparam[opt] integer size of the pieces to send
-- @treturn string what the server sent
-- @treturn boolean whether it closed the connection
function exchange.ask(port, request, ask, stop, size)
  return exchange.run(function()
    return exchange.with(port, function(reader, writer)
      -- The other side may be gone before all is sent.
      local ok, problem = pcall(exchange.send, writer, request .. ask, size)
      if not ok and not saros.is_error(problem, saros.OSError) then error(problem, 0) end
      return receive(reader, stop)
    end)
  end)
end

return exchange
