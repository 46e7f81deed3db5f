local saros = require "saros"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

local function echo(reader, writer)
  local data = reader:read(65536)
  while data do
    writer:write(data)
    writer:drain()
    data = reader:read(65536)
  end
end

-- Sends and receives at the same time what does not fit into the buffers in between.
local function exchange(reader, writer, data)
  local sender = saros.create_task(function()
    for i = 1, #data, 50000 do
      writer:write(data:sub(i, i + 49999))
      writer:drain()
    end
    writer:write_eof()
  end)
  local received = reader:read("a")
  sender:await()
  writer:close()
  writer:wait_closed()
  return received
end

describe("saros.streams", function()
  local data = {}
  for i = 1, 500000 do data[i] = tostring(i) end
  data = table.concat(data)

  it("echoes over TCP", function()
    network.quietly(function()
      local server <close> = saros.start_server(echo, "127.0.0.1", 0)
      local address = server:sockets()[1]
      local reader, writer = saros.open_connection(address.host, address.port)
      assert.is_true(exchange(reader, writer, data) == data)
    end)
  end)

  it("echoes over a Unix socket", function()
    local file = os.tmpname()
    network.quietly(function()
      local server <close> = saros.start_unix_server(echo, file .. ".socket")
      local reader, writer = saros.open_unix_connection(file .. ".socket")
      assert.is_true(exchange(reader, writer, data) == data)
      assert.equal(1, #server:sockets())
    end)
    os.remove(file)
  end)

  it("echoes on many connections at once", function()
    network.quietly(function()
      local server <close> = saros.start_server(echo, "127.0.0.1", 0)
      local address = server:sockets()[1]
      local part = data:sub(1, 300000)
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = saros.create_task(function()
          local reader, writer = saros.open_connection(address.host, address.port)
          return exchange(reader, writer, part) == part
        end)
      end
      local results = saros.gather(tasks):await()
      for i = 1, 20 do assert.is_true(results[i]) end
    end)
  end)

  it("knows the limit of each side", function()
    network.quietly(function()
      local client, peer, server = network.streams {client = {limit = 10}, server = {limit = 20}}
      local _ <close> = server
      peer.writer:write(("x"):rep(15) .. "\n")
      raises(saros.LimitOverrunError, client.reader.readline, client.reader)
      client.writer:write(("x"):rep(15) .. "\n" .. ("y"):rep(25) .. "\n")
      assert.equal(16, #peer.reader:readline())
      raises(saros.LimitOverrunError, peer.reader.readline, peer.reader)
      client.writer:close()
    end)
  end)

  it("refuses bad arguments", function()
    network.quietly(function()
      assert.error_matches(function() saros.start_server(nil) end,
        "bad argument #1 to 'start_server' %(function expected, got nil%)")
      assert.error_matches(function() saros.open_connection(5, 80) end,
        "bad argument #1 to 'open_connection' %(host expected, got number%)")
      assert.error_matches(function() saros.open_connection("127.0.0.1") end,
        "bad argument #2 to 'open_connection' %(port number expected, got nil%)")
      assert.error_matches(function() saros.open_unix_connection() end,
        "bad argument #1 to 'open_unix_connection' %(string expected, got nil%)")
      raises(saros.ValueError, saros.open_connection, "127.0.0.1", 70000)
      raises(saros.ValueError, saros.open_connection, "127.0.0.1\0x", 80)
      raises(saros.ValueError, saros.open_connection, "127.0.0.1", 80, {limit = 0})
      raises(saros.ValueError, saros.start_server, echo, "127.0.0.1", 0, {limit = -1})
      raises(saros.ValueError, saros.start_unix_server, echo, "x", {limit = 0})
      local failure = raises(saros.ValueError, saros.open_unix_connection, "x", {family = "inet"})
      assert.equal("unknown option 'family' for 'open_unix_connection' (known: limit)", failure.message)
    end)
  end)

  it("needs a running loop", function()
    local failure = raises(saros.RuntimeError, saros.open_connection, "127.0.0.1", 80)
    assert.matches("no running event loop", failure.message)
    failure = raises(saros.RuntimeError, saros.start_server, echo, "127.0.0.1", 0)
    assert.matches("no running event loop", failure.message)
  end)
end)
