local saros = require "saros"
local network = require "spec.support.network"

describe("core.io.protocol", function()
  it("tells connection_made, data, end of file and connection_lost, in this order", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      client.transport:write("hello")
      client.transport:close()
      peer.wait("lost")
      client.wait("lost")
      assert.same({"made", "lost"}, client.names())
      assert.same({"made", "data", "eof", "lost"}, peer.names())
      assert.equal("hello", peer.received())
      assert.is_nil(peer.notes[#peer.notes][2])
      assert.equal(client.transport, client.notes[1][2])
    end)
  end)

  it("has called connection_made when create_connection returns", function()
    network.quietly(function(loop)
      local _, _, server = network.protocols()
      local _ <close> = server
      local address = server:sockets()[1]
      local protocol = network.recorder()
      local transport, same = loop:create_connection(function() return protocol end, address.host, address.port)
      assert.equal(protocol, same)
      assert.equal(transport, protocol.transport)
      transport:close()
    end)
  end)

  it("does not call connection_made before the factory's caller goes on", function()
    network.quietly(function(loop)
      local order = {}
      local server <close> = loop:create_server(function()
        order[#order + 1] = "factory"
        loop:call_soon(function() order[#order + 1] = "soon" end)
        return {connection_made = function() order[#order + 1] = "made" end}
      end, "127.0.0.1", 0)
      local address = server:sockets()[1]
      local _, writer = saros.open_connection(address.host, address.port)
      network.until_true(function() return #order == 3 end)
      assert.same({"factory", "soon", "made"}, order)
      writer:close()
    end)
  end)

  it("accepts any table, and does without the methods that it lacks", function()
    network.quietly(function(loop)
      local server <close> = loop:create_server(function() return {} end, "127.0.0.1", 0)
      local address = server:sockets()[1]
      local transport, protocol = loop:create_connection(function() return {} end, address.host, address.port)
      assert.same({}, protocol)
      transport:write(("x"):rep(1000000))
      transport:close()
      network.until_true(function() return transport:get_protocol() == nil end)
    end)
  end)

  it("keeps the direction of writing open if eof_received returns true", function()
    network.quietly(function()
      local client, peer, server = network.protocols(nil, {eof_received = function() return true end})
      local _ <close> = server
      client.transport:write("question")
      client.transport:write_eof()
      peer.wait("eof")
      assert.is_false(peer.transport:is_closing())
      peer.transport:write("answer")
      network.until_true(function() return client.received() == "answer" end)
      peer.transport:close()
      client.wait("lost")
      assert.same({"made", "data", "eof", "lost"}, client.names())
      assert.same({"made", "data", "eof", "lost"}, peer.names())
    end)
  end)

  for _, method in ipairs {"data_received", "eof_received"} do
    it("ends the connection for an error in " .. method, function()
      local failure = saros.ValueError("mine")
      local peer
      local contexts = network.run(function()
        local client, server
        client, peer, server = network.protocols(nil, {[method] = function() error(failure) end})
        local _ <close> = server
        client.transport:write("x")
        client.transport:write_eof()
        client.wait("lost")
        peer.wait("lost")
      end)
      assert.equal(1, #contexts)
      assert.equal(("Fatal error: protocol.%s() call failed."):format(method), contexts[1].message)
      assert.equal(failure, contexts[1].exception)
      assert.equal(peer, contexts[1].protocol)
      assert.equal(peer.transport, contexts[1].transport)
      assert.equal(failure, peer.notes[#peer.notes][2])
      assert.matches("protocol_spec", failure.traceback)
    end)
  end

  it("ends the connection for an error in connection_made", function()
    local client, peer
    local contexts = network.run(function()
      local server
      client, peer, server = network.protocols(nil, {connection_made = function() error("mine", 0) end})
      local _ <close> = server
      client.wait("lost")
    end)
    assert.equal(1, #contexts)
    assert.equal("Fatal error: protocol.connection_made() call failed.", contexts[1].message)
    assert.equal("mine", contexts[1].exception)
    assert.matches("stack traceback", contexts[1].traceback)
    assert.same({"made", "lost"}, peer.names())
    assert.equal("mine", peer.notes[2][2])
  end)

  it("reports an error in connection_lost, and closes all the same", function()
    local contexts = network.run(function()
      local client, peer, server = network.protocols(nil, {connection_lost = function() error("mine", 0) end})
      local _ <close> = server
      peer.transport:close()
      client.wait("lost")
      network.until_true(function() return peer.transport:get_protocol() == nil end)
    end)
    assert.equal(1, #contexts)
    assert.equal("Exception in protocol.connection_lost()", contexts[1].message)
    assert.equal("mine", contexts[1].exception)
  end)

  it("goes on after errors in pause_writing and resume_writing", function()
    local contexts = network.run(function()
      local client, peer, server = network.protocols(nil, {
        pause_writing = function() error("paused", 0) end,
        resume_writing = function() error("resumed", 0) end,
      })
      local _ <close> = server
      client.transport:pause_reading()
      local data = ("x"):rep(16 * 1024 * 1024)
      peer.transport:write(data)
      peer.wait("pause")
      client.transport:resume_reading()
      peer.wait("resume")
      network.until_true(function() return #client.received() == #data end)
      peer.transport:close()
      client.wait("lost")
    end)
    assert.equal(2, #contexts)
    assert.equal("protocol.pause_writing() failed", contexts[1].message)
    assert.equal("paused", contexts[1].exception)
    assert.equal("protocol.resume_writing() failed", contexts[2].message)
    assert.equal("resumed", contexts[2].exception)
  end)

  it("receives no more once the transport is closed by data_received itself", function()
    network.quietly(function()
      local client, peer, server = network.protocols(nil, {data_received = function(self) self.transport:close() end})
      local _ <close> = server
      client.transport:write("once")
      peer.wait("lost")
      assert.same({"made", "data", "lost"}, peer.names())
      assert.equal("once", peer.received())
    end)
  end)

  it("calls another protocol once it is set", function()
    network.quietly(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      client.transport:write("one")
      peer.wait("data")
      local other = network.recorder()
      peer.transport:set_protocol(other)
      assert.equal(other, peer.transport:get_protocol())
      client.transport:write("two")
      client.transport:close()
      other.wait("lost")
      assert.same({"made", "data"}, peer.names())
      assert.same({"data", "eof", "lost"}, other.names())
      assert.equal("two", other.received())
    end)
  end)

  it("may be called in an overridden call_soon's time", function()
    local scheduled = {}
    local Loop = saros.EventLoop:extend("Loop")
    function Loop:call_soon(fn, ...)
      scheduled[#scheduled + 1] = tostring(fn)
      return saros.EventLoop.call_soon(self, fn, ...)
    end
    local runner <close> = saros.Runner {loop_factory = Loop}
    runner:run(function()
      local client, peer, server = network.protocols()
      local _ <close> = server
      local before = #scheduled
      client.transport:write("hello")
      client.transport:close()
      peer.wait("lost")
      client.wait("lost")
      assert.same({"made", "data", "eof", "lost"}, peer.names())
      assert.same({"made", "lost"}, client.names())
      assert.is_true(#scheduled > before)
    end)
  end)

  it("lets a KeyboardInterrupt out of the loop", function()
    local ok, failure = pcall(network.run, function()
      local client, _, server = network.protocols(nil, {
        data_received = function() error(saros.KeyboardInterrupt()) end,
      })
      local _ <close> = server
      client.transport:write("x")
      client.wait("lost")
    end)
    assert.is_false(ok)
    assert.is_true(saros.is_error(failure, saros.KeyboardInterrupt))
  end)

  it("runs in the context in which the connection, or its server, was made", function()
    local var = saros.ContextVar("var", "none")
    local seen = {}
    local function see(name)
      return function() seen[#seen + 1] = name .. " " .. var:get() end
    end
    local methods = {}
    for _, name in ipairs {"connection_made", "data_received", "eof_received", "connection_lost"} do
      methods[name] = see(name)
    end
    network.quietly(function()
      local inside = saros.copy_context()
      inside:run(var.set, var, "server's")
      local client, peer, server = inside:run(network.protocols, nil, methods)
      local _ <close> = server
      var:set("task's")
      client.transport:write("hello")
      peer.wait("data")
      client.transport:close()
      peer.wait("lost")
      assert.equal("task's", var:get())
    end)
    assert.same({
      "connection_made server's", "data_received server's", "eof_received server's",
      "connection_lost server's",
    }, seen)
  end)

  it("does not leave its context to others when a method fails", function()
    local var = saros.ContextVar("var", "none")
    local after
    local contexts = network.run(function()
      local loop = saros.get_running_loop()
      local inside = saros.copy_context()
      inside:run(var.set, var, "server's")
      local client, peer, server = inside:run(network.protocols, nil, {
        data_received = function() error("boo") end,
      })
      local _ <close> = server
      loop:set_exception_handler(function() after = var:get() end)
      client.transport:write("hello")
      peer.wait("lost")
    end)
    assert.same({}, contexts)
    assert.equal("none", after)
  end)
end)
