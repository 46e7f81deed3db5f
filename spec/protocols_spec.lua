local saros = require "saros"
local network = require "spec.support.network"

describe("saros.protocols", function()
  it("are classes to extend, and do nothing by themselves", function()
    network.quietly(function(loop)
      local Echo = saros.Protocol:extend("Echo")
      function Echo:connection_made(transport) self.transport = transport end
      function Echo:data_received(data) self.transport:write(data) end
      local server <close> = loop:create_server(Echo, "127.0.0.1", 0)
      local address = server:sockets()[1]
      local transport, protocol = loop:create_connection(saros.Protocol, address.host, address.port)
      assert.equal("Protocol", getmetatable(protocol).__name)
      transport:write("ignored")
      local reader, writer = saros.open_connection(address.host, address.port)
      writer:write("echoed")
      assert.equal("echoed", reader:readexactly(6))
      transport:close()
      writer:close()
    end)
  end)

  it("have all the methods that are called", function()
    local methods = {
      Protocol = "connection_made data_received eof_received connection_lost pause_writing resume_writing",
      DatagramProtocol = "connection_made datagram_received error_received connection_lost",
      SubprocessProtocol = "connection_made pipe_data_received pipe_connection_lost process_exited",
    }
    for name, list in pairs(methods) do
      local object = saros[name]()
      for method in list:gmatch "%S+" do
        assert.is_function(object[method], name .. "." .. method)
        assert.is_nil(object[method](object))
      end
    end
  end)
end)
