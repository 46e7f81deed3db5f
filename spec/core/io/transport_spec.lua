local saros = require "saros"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

describe("core.io.transport", function()
  it("tells the addresses of both ends, also after it is closed", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      local listening = server:sockets()[1]
      local function check()
        assert.same(listening, client.transport:get_extra_info("peername"))
        assert.same(listening, peer.transport:get_extra_info("sockname"))
        assert.same(client.transport:get_extra_info("sockname"), peer.transport:get_extra_info("peername"))
        assert.equal("127.0.0.1", peer.transport:get_extra_info("peername").host)
        assert.equal("inet", peer.transport:get_extra_info("peername").family)
      end
      check()
      client.transport:close()
      peer.wait("lost")
      client.wait("lost")
      saros.sleep(0)
      check()
    end)
  end)

  it("has a descriptor while it is open, and a default for what it does not know", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      assert.equal("integer", math.type(client.transport:get_extra_info("socket")))
      assert.is_nil(client.transport:get_extra_info("compression"))
      assert.equal("none", client.transport:get_extra_info("compression", "none"))
      client.transport:close()
      peer.wait("lost")
      assert.equal(false, client.transport:get_extra_info("socket", false))
    end)
  end)

  it("writes lists of strings as one", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      client.transport:writelines {"a", "b", 1, ("c"):rep(100000), "d"}
      client.transport:writelines {}
      client.transport:close()
      peer.wait("lost")
      assert.equal("ab1" .. ("c"):rep(100000) .. "d", peer.received())
    end)
  end)

  it("sends what was written before it closes", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      local data = ("0123456789"):rep(1024 * 1024)
      peer.transport:pause_reading()
      client.transport:write(data)
      client.transport:close()
      assert.is_true(client.transport:is_closing())
      assert.is_true(client.transport:get_write_buffer_size() > 0)
      saros.sleep(0.01)
      assert.same({"made", "pause"}, client.names())
      peer.transport:resume_reading()
      peer.wait("lost")
      client.wait("lost")
      assert.is_true(peer.received() == data)
    end)
  end)

  it("drops what was written when it is aborted", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      peer.transport:pause_reading()
      client.transport:write(("x"):rep(16 * 1024 * 1024))
      client.transport:abort()
      assert.is_true(client.transport:is_closing())
      assert.equal(0, client.transport:get_write_buffer_size())
      assert.same({"made", "pause"}, client.names())
      saros.sleep(0)
      assert.same({"made", "pause", "lost"}, client.names())
      assert.is_nil(client.notes[3][2])
      peer.transport:resume_reading()
      peer.wait("lost")
      assert.is_true(#peer.received() < 16 * 1024 * 1024)
    end)
  end)

  it("calls connection_lost once, however often it is closed", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      local transport = client.transport
      transport:close()
      transport:close()
      transport:abort()
      peer.wait("lost")
      saros.sleep(0)
      transport:close()
      transport:abort()
      saros.sleep(0)
      assert.same({"made", "lost"}, client.names())
    end)
  end)

  it("stops and resumes reading", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      peer.transport:pause_reading()
      peer.transport:pause_reading()
      assert.is_false(peer.transport:is_reading())
      client.transport:write("later")
      saros.sleep(0.02)
      assert.same({"made"}, peer.names())
      peer.transport:resume_reading()
      assert.is_true(peer.transport:is_reading())
      peer.wait("data")
      assert.equal("later", peer.received())
      peer.transport:close()
      assert.is_false(peer.transport:is_reading())
      peer.transport:resume_reading()
      peer.transport:pause_reading()
    end)
  end)

  it("refuses to write after write_eof, but takes nothing", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      assert.is_true(client.transport:can_write_eof())
      client.transport:write_eof()
      client.transport:write_eof()
      raises(saros.RuntimeError, client.transport.write, client.transport, "x")
      client.transport:write("")
      peer.wait("lost")
    end)
  end)

  it("ignores what is done after it was closed, and warns after some writes", function()
    local warnings = {}
    local logger = {}
    for _, level in ipairs {"debug", "info", "warn", "error", "fatal"} do
      logger[level] = function(_, format, ...) warnings[#warnings + 1] = level .. ": " .. format:format(...) end
    end
    saros.set_logger(logger)
    local _ <close> = setmetatable({}, {__close = function() saros.set_logger(nil) end})
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      local transport = client.transport
      transport:abort()
      peer.wait("lost")
      saros.sleep(0)
      for _ = 1, 7 do transport:write("x") end
      transport:writelines {"x"}
      transport:write_eof()
      transport:pause_reading()
      transport:resume_reading()
      transport:set_write_buffer_limits {high = 10}
      assert.equal(0, transport:get_write_buffer_size())
      assert.is_nil(transport:get_protocol())
      assert.is_true(transport:is_closing())
      assert.matches("closed", tostring(transport))
    end)
    assert.equal(3, #warnings)
    assert.equal("warn: a write to a connection that is lost was dropped", warnings[1])
  end)

  it("is closed at the end of a scope", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      do
        local transport <close> = client.transport
        transport:write("bye")
      end
      peer.wait("lost")
      assert.equal("bye", peer.received())
    end)
  end)

  it("says in its text whether it reads and how much it has to write", function()
    network.quietly(function()
      local client, _, server = network.protocols()
      local _ <close> = server
      assert.matches("^Transport: %S+ fd=%d+ read=polling write=0 bytes$", tostring(client.transport))
      client.transport:pause_reading()
      assert.matches("read=idle", tostring(client.transport))
      client.transport:close()
      assert.matches("closing", tostring(client.transport))
    end)
  end)

  describe("refuses", function()
    local function with_transport(fn)
      network.quietly(function()
        local client, _, server = network.protocols()
        local _ <close> = server
        fn(client.transport)
        client.transport:close()
      end)
    end

    it("data that is no string", function()
      with_transport(function(transport)
        assert.error_matches(function() transport:write(nil) end,
          "bad argument #1 to 'write' %(string expected, got nil%)")
        assert.error_matches(function() transport:write({}) end,
          "bad argument #1 to 'write' %(string expected, got table%)")
        assert.error_matches(function() transport:writelines("x") end,
          "bad argument #1 to 'writelines' %(table expected, got string%)")
        assert.error_matches(function() transport:writelines {"x", {}} end, "item 2 is no string but a table")
        assert.equal(0, transport:get_write_buffer_size())
      end)
    end)

    it("something else in its own place", function()
      with_transport(function(transport)
        assert.error_matches(function() transport.write({}, "x") end, "Transport expected, got table")
        assert.error_matches(function() transport.close() end, "Transport expected, got no value")
        assert.error_matches(function() transport.close(io.stdout) end, "Transport expected, got FILE*")
      end)
    end)

    it("a protocol that can have no methods", function()
      with_transport(function(transport)
        assert.error_matches(function() transport:set_protocol(nil) end,
          "bad argument #1 to 'set_protocol' %(protocol expected, got nil%)")
        assert.error_matches(function() transport:set_protocol("x") end, "protocol expected, got string")
      end)
    end)

    it("water marks that make no sense", function()
      with_transport(function(transport)
        raises(saros.ValueError, transport.set_write_buffer_limits, transport, {high = 1, low = 2})
        raises(saros.ValueError, transport.set_write_buffer_limits, transport, {high = -1})
        local failure = raises(saros.ValueError, transport.set_write_buffer_limits, transport, {hihg = 1})
        assert.equal("unknown option 'hihg' for 'set_write_buffer_limits' (known: high, low)", failure.message)
        assert.error_matches(function() transport:set_write_buffer_limits {high = "much"} end,
          "option 'high': integer expected, got string")
        assert.error_matches(function() transport:set_write_buffer_limits(5) end, "table expected, got number")
        assert.same({16384, 65536}, {transport:get_write_buffer_limits()})
        transport:set_write_buffer_limits {low = 10}
        assert.same({10, 40}, {transport:get_write_buffer_limits()})
        failure = raises(saros.ValueError, transport.set_write_buffer_limits, transport, {[1] = 5})
        assert.equal("unknown option '1' for 'set_write_buffer_limits' (known: high, low)", failure.message)
        transport:set_write_buffer_limits {low = math.maxinteger - 1} -- four times that is no integer
        assert.same({math.maxinteger - 1, math.maxinteger}, {transport:get_write_buffer_limits()})
        transport:set_write_buffer_limits {high = 100}
        assert.same({25, 100}, {transport:get_write_buffer_limits()})
        transport:set_write_buffer_limits()
        assert.same({16384, 65536}, {transport:get_write_buffer_limits()})
      end)
    end)
  end)
end)
