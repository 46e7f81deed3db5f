local saros = require "saros"
local network = require "spec.support.network"

-- More than the kernel's buffers of a loopback connection take.
local MUCH = 32 * 1024 * 1024

describe("core.io.output", function()
  it("sends the writes of one iteration together", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      for i = 1, 100 do client.transport:write(("%03d,"):format(i)) end
      client.transport:close()
      peer.wait("lost")
      local chunks = 0
      for _, note in ipairs(peer.notes) do if note[1] == "data" then chunks = chunks + 1 end end
      assert.equal(1, chunks)
      assert.equal(400, #peer.received())
    end)
  end)

  it("keeps the order of small and large writes", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      local parts = {}
      for i = 1, 300 do
        parts[i] = (string.char(65 + i % 26)):rep(i % 7 == 0 and 50000 or i)
        client.transport:write(parts[i])
        if i % 50 == 0 then saros.sleep(0) end
      end
      client.transport:close()
      peer.wait("lost")
      assert.is_true(peer.received() == table.concat(parts))
    end)
  end)

  it("shows what the system has not taken, not what is about to be sent", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      client.transport:write("small")
      assert.equal(0, client.transport:get_write_buffer_size())
      peer.transport:pause_reading()
      client.transport:write(("x"):rep(MUCH))
      local left = client.transport:get_write_buffer_size()
      assert.is_true(left > 0 and left < MUCH)
      client.transport:write("y")
      assert.equal(left + 1, client.transport:get_write_buffer_size())
      client.transport:abort()
    end)
  end)

  it("pauses the protocol above the high water mark and resumes it at the low one", function()
    network.quietly(function()
      local size_at_resume
      local client, peer, server = network.protocols {
        resume_writing = function(self) size_at_resume = self.transport:get_write_buffer_size() end,
      }
      local _ <close> = server
      client.transport:set_write_buffer_limits {high = 1000000, low = 5000}
      peer.transport:pause_reading()
      client.transport:write(("x"):rep(MUCH))
      assert.same({"made", "pause"}, client.names())
      client.transport:write("more")
      assert.same({"made", "pause"}, client.names())
      peer.transport:resume_reading()
      client.wait("resume")
      assert.is_true(size_at_resume <= 5000)
      network.until_true(function() return #peer.received() == MUCH + 4 end)
      assert.same({"made", "pause", "resume"}, client.names())
      client.transport:close()
      peer.wait("lost")
    end)
  end)

  it("does not pause for many small writes that the system takes", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      for _ = 1, 150 do client.transport:write(("x"):rep(1000)) end
      assert.same({"made"}, client.names())
      client.transport:close()
      peer.wait("lost")
      assert.equal(150000, #peer.received())
    end)
  end)

  it("pauses at once when the limits are lowered below what waits", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      client.transport:set_write_buffer_limits {high = 2 * MUCH}
      peer.transport:pause_reading()
      client.transport:write(("x"):rep(MUCH))
      assert.same({"made"}, client.names())
      client.transport:set_write_buffer_limits {high = 0}
      assert.same({"made", "pause"}, client.names())
      peer.transport:resume_reading()
      client.wait("resume")
      assert.equal(0, client.transport:get_write_buffer_size())
      client.transport:close()
      peer.wait("lost")
    end)
  end)

  it("resumes the protocol before the end, though it was closed meanwhile", function()
    -- Used to be left out when the last bytes left: a protocol that was paused heard connection_lost alone.
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      client.transport:write(("x"):rep(MUCH))
      client.transport:close()
      client.wait("lost")
      peer.wait("lost")
      assert.same({"made", "pause", "resume", "lost"}, client.names())
      assert.equal(MUCH, #peer.received())
    end)
  end)

  it("does not resume the protocol when the connection fails", function()
    network.run(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      peer.transport:pause_reading()
      client.transport:write(("x"):rep(MUCH))
      peer.transport:abort()
      client.wait("lost")
      assert.same({"made", "pause", "lost"}, client.names())
    end)
  end)

  it("takes what resume_writing writes", function()
    network.quietly(function()
      local client, peer, server = network.protocols {
        resume_writing = function(self)
          self.transport:write("last")
          self.transport:close()
        end,
      }
      local _ <close> = server
      peer.transport:pause_reading()
      client.transport:write(("x"):rep(MUCH))
      peer.transport:resume_reading()
      peer.wait("lost")
      assert.equal(MUCH + 4, #peer.received())
      assert.equal("xlast", peer.received():sub(-5))
    end)
  end)

  it("tells the end of the file after everything that was written", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      peer.transport:pause_reading()
      client.transport:write(("x"):rep(MUCH))
      client.transport:write_eof()
      peer.transport:resume_reading()
      peer.wait("lost")
      assert.equal(MUCH, #peer.received())
      client.wait("lost")
    end)
  end)

  it("sends what was written right before the loop is closed", function()
    local received
    local loop = saros.new_event_loop()
    local other = saros.new_event_loop()
    local server = other:run_until_complete(function()
      return saros.start_server(function(reader) received = reader:read("a") end, "127.0.0.1", 0)
    end)
    local address = server:sockets()[1]
    loop:run_until_complete(function()
      local _, writer = saros.open_connection(address.host, address.port)
      writer:write("last words")
    end)
    loop:close()
    other:run_until_complete(function()
      network.until_true(function() return received end)
      server:close()
    end)
    other:close()
    assert.equal("last words", received)
  end)
end)
