local saros = require "saros"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

describe("core.io.connection", function()
  -- SIGPIPE would end the process here, and did in prototypes.
  it("survives clients that vanish while it writes to them", function()
    network.quietly(function()
      local lost = {}
      local loop = saros.get_running_loop()
      local server <close> = loop:create_server(function()
        return {
          connection_made = function(self, transport)
            self.transport = transport
            self.timer = loop:call_soon(self.go_on, self)
          end,
          go_on = function(self)
            if self.over then return end
            self.transport:write(("x"):rep(10000))
            loop:call_soon(self.go_on, self)
          end,
          connection_lost = function(self, failure)
            self.over = true
            lost[#lost + 1] = failure
          end,
        }
      end, "127.0.0.1", 0)
      local address = server:sockets()[1]
      for _ = 1, 50 do
        local reader, writer = saros.open_connection(address.host, address.port)
        reader:read(100)
        writer.transport:abort()
      end
      network.until_true(function() return #lost == 50 end)
      for _, failure in ipairs(lost) do
        assert.is_true(saros.is_error(failure, saros.OSError))
        assert.is_true(failure.code == "ECONNRESET" or failure.code == "EPIPE", failure.code)
        assert.matches("^connection lost: ", failure.message)
      end
    end)
  end)

  it("tells a reset while it reads", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      -- A socket that is closed with unread data is reset.
      client.transport:pause_reading()
      peer.transport:write("unread")
      saros.sleep(0.01)
      client.transport:abort()
      peer.wait("lost")
      local failure = peer.notes[#peer.notes][2]
      assert.is_true(saros.is_error(failure, saros.OSError))
      assert.equal("ECONNRESET", failure.code)
      assert.equal("integer", math.type(failure.errno))
    end)
  end)

  it("is closed by the loop when that closes, without a call of its protocol", function()
    local before = network.descriptors()
    local client, peer
    local loop = saros.new_event_loop()
    loop:run_until_complete(function()
      client, peer = network.protocols()
      client.transport:write(("x"):rep(100000))
    end)
    loop:close()
    assert.equal(before, network.descriptors())
    assert.same({"made"}, client.names())
    assert.is_not.equal("lost", peer.names()[#peer.names()])
    local transport = client.transport
    assert.is_true(transport:is_closing())
    transport:write("x")
    transport:close()
    transport:abort()
    transport:pause_reading()
    transport:resume_reading()
    assert.equal(0, transport:get_write_buffer_size())
    assert.matches("closed", tostring(transport))
  end)

  it("is closed when nobody has closed the loop and it is collected", function()
    local before = network.descriptors()
    do
      local loop = saros.new_event_loop()
      loop:run_until_complete(function()
        local client, peer, server = network.streams()
        client.writer:write("x")
        assert(peer.reader:read(1) and server)
      end)
    end
    collectgarbage()
    collectgarbage()
    assert.equal(before, network.descriptors())
  end)

  it("stays open while nobody refers to its transport", function()
    network.quietly(function(loop)
      local lost, received = 0, {}
      local server <close> = loop:create_server(function()
        return {
          data_received = function(_, data) received[#received + 1] = data end,
          connection_lost = function() lost = lost + 1 end,
        }
      end, "127.0.0.1", 0)
      local address = server:sockets()[1]
      local reader, writer = saros.open_connection(address.host, address.port)
      for i = 1, 10 do
        collectgarbage()
        writer:write(tostring(i % 10))
        network.until_true(function() return #table.concat(received) == i end)
      end
      assert.equal(0, lost)
      writer:close()
      network.until_true(function() return lost == 1 end)
      assert.equal("", reader:read())
    end)
  end)

  it("keeps loop:run() going while it is open", function()
    local loop = saros.new_event_loop()
    local client, peer
    loop:create_task(function()
      local server
      client, peer, server = network.protocols()
      server:close()
      loop:call_later(0.01, function() client.transport:close() end)
    end)
    loop:run()
    assert.same({"made", "lost"}, client.names())
    assert.same({"made", "eof", "lost"}, peer.names())
    loop:close()
  end)

  it("leaves no descriptor behind", function()
    local before = network.descriptors()
    network.quietly(function()
      for _ = 1, 20 do
        local client, peer, server = network.streams()
        client.writer:write("x")
        peer.reader:read(1)
        client.writer:close()
        server:close()
        server:close_clients()
        client.writer:wait_closed()
      end
    end)
    assert.equal(before, network.descriptors())
  end)

  it("belongs to its loop: another loop's task cannot wait on it", function()
    local loop, other = saros.new_event_loop(), saros.new_event_loop()
    local client, server
    loop:run_until_complete(function()
      local _
      client, _, server = network.streams()
    end)
    other:run_until_complete(function()
      local failure = raises(saros.RuntimeError, client.reader.read, client.reader, 1)
      assert.matches("another loop", failure.message)
      failure = raises(saros.RuntimeError, client.writer.wait_closed, client.writer)
      assert.matches("another loop", failure.message)
    end)
    loop:run_until_complete(function()
      server:close()
      server:abort_clients()
    end)
    loop:close()
    other:close()
  end)
end)
