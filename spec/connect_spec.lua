local saros = require "saros"
local core = require "saros.core"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

-- A port on which nobody listens.
local function closed_port(loop)
  local listener = core.bind_listener(loop, {host = "127.0.0.1", port = 0})
  local port = listener:address().port
  listener:close()
  return port
end

local function echo(loop, host, options)
  return loop:create_server(function()
    local protocol = {}
    function protocol.connection_made(_, transport) protocol.transport = transport end
    function protocol.data_received(_, data) protocol.transport:write(data) end
    return protocol
  end, host, 0, options)
end

-- Makes `core.connect_socket` slow or failing for some hosts; restored at the end of the scope.
local function with_fates(fates)
  local connect_socket = core.connect_socket
  core.connect_socket = function(transport, address)
    local fate = fates[address.host]
    if fate then fate(address) end
    return connect_socket(transport, address)
  end
  return setmetatable({}, {__close = function() core.connect_socket = connect_socket end})
end

local function fails(code)
  return function() error(saros.OSError {code = code, message = code}) end
end

local function hangs()
  saros.sleep(3600)
end

describe("saros.connect", function()
  it("connects to a host by its number and by its name", function()
    network.quietly(function(loop)
      local server <close> = echo(loop, "127.0.0.1")
      local port = server:sockets()[1].port
      for _, host in ipairs {"127.0.0.1", "localhost"} do
        local client = network.recorder()
        local transport, protocol = loop:create_connection(function() return client end, host, port, {family = "inet"})
        assert.equal(client, protocol)
        transport:write(host)
        network.until_true(function() return client.received() == host end)
        transport:close()
      end
    end)
  end)

  it("connects by IPv6", function()
    network.quietly(function(loop)
      local server <close> = echo(loop, "::1")
      local address = server:sockets()[1]
      assert.equal("::1", address.host)
      assert.equal("inet6", address.family)
      local reader, writer = saros.open_connection("::1", address.port)
      assert.same(address, writer:get_extra_info("peername"))
      writer:write("six")
      assert.equal("six", reader:readexactly(3))
      writer:close()
    end)
  end)

  it("raises ECONNREFUSED, naming the address", function()
    network.quietly(function(loop)
      local port = closed_port(loop)
      local failure = raises(saros.OSError, loop.create_connection, loop, function() return {} end, "127.0.0.1", port)
      assert.equal("ECONNREFUSED", failure.code)
      assert.equal(("cannot connect to 127.0.0.1:%d: connection refused"):format(port), failure.message)
      failure = raises(saros.OSError, saros.open_connection, "::1", port)
      assert.matches(("cannot connect to [::1]:%d"):format(port), failure.message, 1, true)
    end)
  end)

  it("raises for an unknown host", function()
    network.quietly(function()
      local failure = raises(saros.OSError, saros.open_connection, "no-such-host.invalid", 80)
      assert.is_true(failure.code == "EAI_NONAME" or failure.code == "EAI_AGAIN", failure.code)
      assert.matches("no%-such%-host%.invalid", failure.message)
    end)
  end)

  it("connects from an address that is asked for", function()
    network.quietly(function(loop)
      local server <close> = echo(loop, "127.0.0.1")
      local port = server:sockets()[1].port
      local _, writer = saros.open_connection("127.0.0.1", port, {local_addr = {host = "127.0.0.3"}})
      assert.equal("127.0.0.3", writer:get_extra_info("sockname").host)
      writer:close()
      local function connect_from(host)
        return raises(saros.OSError, saros.open_connection, "127.0.0.1", port, {local_addr = {host = host}})
      end
      local failure = connect_from "192.0.2.1"
      assert.equal("EADDRNOTAVAIL", failure.code)
      assert.matches("cannot bind to 192.0.2.1:0", failure.message, 1, true)
      failure = connect_from "::1"
      assert.equal("EADDRNOTAVAIL", failure.code)
    end)
  end)

  it("refuses a local address that is none", function()
    -- Used to connect from any address: {"127.0.0.1", 0} has neither a host nor a port.
    network.quietly(function(loop)
      local server <close> = echo(loop, "127.0.0.1")
      local port = server:sockets()[1].port
      local function connect_from(address)
        return saros.open_connection("127.0.0.1", port, {local_addr = address})
      end
      for field, address in pairs {["1"] = {"127.0.0.1", 0}, path = {path = "x"}, hots = {hots = "127.0.0.1"}} do
        local failure = raises(saros.ValueError, connect_from, address)
        assert.matches(("unknown field '%s' of the option 'local_addr' (known: family, host, port)"):format(field),
          failure.message, 1, true)
      end
      raises(saros.ValueError, connect_from, {family = "ipx"})
      assert.error_matches(function() connect_from {host = true} end, "bad argument #3 to 'open_connection' "
        .. "%(host expected, got boolean in the option 'local_addr'%)")
      assert.error_matches(function() connect_from {port = true} end, "bad argument #3 to 'open_connection' "
        .. "%(port number expected, got boolean in the option 'local_addr'%)")
      raises(saros.OSError, connect_from, {family = "inet6"})
    end)
  end)

  it("aborts the connection when the factory fails", function()
    network.quietly(function(loop)
      local client, peer, server = network.protocols()
      local _ <close> = server
      local address = server:sockets()[1]
      assert.error_matches(function()
        loop:create_connection(function() error("mine", 0) end, address.host, address.port)
      end, "^mine$")
      local failure = raises(saros.RuntimeError, loop.create_connection, loop, function() return nil end,
        address.host, address.port)
      assert.equal("the protocol factory returned a nil, not a protocol", failure.message)
      client.transport:close()
      peer.wait("lost")
    end)
  end)

  it("leaves nothing open when it is cancelled", function()
    local before = network.descriptors()
    network.quietly(function(loop)
      local _ <close> = with_fates {["127.0.0.1"] = hangs, ["127.0.0.2"] = hangs}
      for _, host in ipairs {"127.0.0.1", {"127.0.0.1", "127.0.0.2"}} do
        local task = saros.create_task(saros.open_connection, host, 9, {happy_eyeballs_delay = 0.001})
        saros.sleep(0.01)
        task:cancel()
        raises(saros.CancelledError, task.await, task)
      end
      saros.sleep(0)
      assert.equal(1, #saros.all_tasks(loop))
    end)
    assert.equal(before, network.descriptors())
  end)

  describe("happy eyeballs", function()
    it("goes on to the next address at once when one fails", function()
      network.quietly(function(loop)
        local server <close> = echo(loop, "127.0.0.1")
        local port = server:sockets()[1].port
        local start = loop:time()
        local _, writer = saros.open_connection({"127.0.0.2", "127.0.0.3", "127.0.0.1"}, port,
          {happy_eyeballs_delay = 100})
        assert.equal("127.0.0.1", writer:get_extra_info("peername").host)
        assert.is_true(loop:time() - start < 50)
        writer:close()
      end)
    end)

    it("tries the next address beside one that does not answer", function()
      network.quietly(function(loop)
        local server <close> = echo(loop, "127.0.0.1")
        local port = server:sockets()[1].port
        local _ <close> = with_fates {["127.0.0.2"] = hangs}
        local before = #saros.all_tasks()
        local start = loop:time()
        local _, writer = saros.open_connection({"127.0.0.2", "127.0.0.1"}, port)
        local took = loop:time() - start
        assert.equal("127.0.0.1", writer:get_extra_info("peername").host)
        assert.is_true(took >= 0.25, took)
        assert.is_true(took < 30, took)
        saros.sleep(0)
        assert.equal(before, #saros.all_tasks())
        writer:close()
      end)
    end)

    it("lets the families take turns", function()
      network.quietly(function()
        local order = {}
        local function note(address)
          order[#order + 1] = address.host
          fails("ECONNREFUSED")()
        end
        local _ <close> = with_fates {["127.0.0.1"] = note, ["127.0.0.2"] = note, ["127.0.0.3"] = note, ["::1"] = note}
        raises(saros.OSError, saros.open_connection, {"127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"}, 9)
        assert.same({"127.0.0.1", "::1", "127.0.0.2", "127.0.0.3"}, order)
      end)
    end)

    it("raises one error for all addresses", function()
      network.quietly(function()
        local _ <close> = with_fates {["127.0.0.1"] = fails("ECONNREFUSED"), ["127.0.0.2"] = fails("EHOSTUNREACH"),
          ["127.0.0.3"] = fails("ECONNREFUSED")}
        local failure = raises(saros.OSError, saros.open_connection, {"127.0.0.1", "127.0.0.2"}, 9)
        assert.equal("Multiple exceptions: OSError: ECONNREFUSED, OSError: EHOSTUNREACH", failure.message)
        assert.equal("ECONNREFUSED", failure.code)
        assert.equal(2, #failure.errors)
        failure = raises(saros.OSError, saros.open_connection, {"127.0.0.1", "127.0.0.3"}, 9)
        assert.equal("ECONNREFUSED", failure.message)
      end)
    end)
  end)

  describe("to a Unix socket", function()
    local path

    local file

    before_each(function()
      file = os.tmpname()
      path = file .. ".socket"
    end)

    after_each(function() os.remove(file) end)

    it("connects", function()
      network.quietly(function(loop)
        local peer = network.recorder()
        local _ <close> = loop:create_unix_server(function() return peer end, path)
        local transport, client = loop:create_unix_connection(network.recorder, path)
        assert.same({path = path}, transport:get_extra_info("peername"))
        assert.same({path = ""}, transport:get_extra_info("sockname"))
        transport:write("hello")
        transport:close()
        peer.wait("lost")
        client.wait("lost")
        assert.equal("hello", peer.received())
        saros.sleep(0)
        assert.same({path = path}, transport:get_extra_info("peername"))
        assert.same({path = path}, peer.transport:get_extra_info("sockname"))
      end)
    end)

    it("waits while the server's queue is full", function()
      network.quietly(function(loop)
        local served = 0
        local server <close> = loop:create_unix_server(function()
          served = served + 1
          return {}
        end, path, {backlog = 1})
        local function connect()
          return (loop:create_unix_connection(function() return {} end, path))
        end
        local tasks = {}
        for i = 1, 30 do tasks[i] = saros.create_task(connect) end
        local transports = saros.gather(tasks):await()
        assert.equal(30, #transports)
        network.until_true(function() return served == 30 end)
        assert.is_true(server:is_serving())
      end)
    end)

    it("raises for a path where there is none", function()
      network.quietly(function(loop)
        local failure = raises(saros.OSError, loop.create_unix_connection, loop, function() return {} end,
          "/nonexistent/socket")
        assert.equal("ENOENT", failure.code)
        assert.equal("cannot connect to /nonexistent/socket: no such file or directory", failure.message)
        failure = raises(saros.OSError, saros.open_unix_connection, file)
        assert.equal("ECONNREFUSED", failure.code)
        failure = raises(saros.OSError, saros.open_unix_connection, ("x"):rep(200))
        assert.equal("ENAMETOOLONG", failure.code)
      end)
    end)

    it("takes Linux's abstract names", function()
      network.quietly(function()
        local name = "\0" .. path
        local server <close> = saros.start_unix_server(function(reader, writer)
          writer:write(reader:readline())
        end, name)
        local reader, writer = saros.open_unix_connection(name)
        assert.same({path = name}, writer:get_extra_info("peername"))
        assert.same({{path = name}}, server:sockets())
        writer:write("line\n")
        assert.equal("line\n", reader:readline())
        writer:close()
      end)
    end)
  end)

  it("refuses bad arguments", function()
    network.quietly(function(loop)
      local function factory() return {} end
      assert.error_matches(function() loop:create_connection(nil, "127.0.0.1", 80) end,
        "bad argument #1 to 'create_connection' %(function expected, got nil%)")
      assert.error_matches(function() loop:create_connection(factory, 5, 80) end,
        "bad argument #2 to 'create_connection' %(host expected, got number%)")
      assert.error_matches(function() loop:create_connection(factory, "127.0.0.1") end,
        "bad argument #3 to 'create_connection' %(port number expected, got nil%)")
      assert.error_matches(function() loop:create_connection(factory, "127.0.0.1", 80, 5) end,
        "bad argument #4 to 'create_connection' %(table expected, got number%)")
      local failure = raises(saros.ValueError, loop.create_connection, loop, factory, "127.0.0.1", 70000)
      assert.equal("port 70000 is not an integer between 0 and 65535", failure.message)
      failure = raises(saros.ValueError, loop.create_connection, loop, factory, "127.0.0.1", 80, {fmaily = "inet"})
      assert.equal("unknown option 'fmaily' for 'create_connection' "
        .. "(known: family, happy_eyeballs_delay, local_addr)", failure.message)
      raises(saros.ValueError, loop.create_connection, loop, factory, "127.0.0.1", 80, {family = "unix"})
      assert.error_matches(function() loop:create_unix_connection(factory, 5) end,
        "bad argument #2 to 'create_unix_connection' %(string expected, got number%)")
      raises(saros.ValueError, loop.create_unix_connection, loop, factory, "x", {limit = 5})
    end)
  end)

  it("says why it cannot wait outside a task", function()
    local loop <close> = saros.new_event_loop()
    local failure = raises(saros.RuntimeError, loop.create_connection, loop, function() return {} end, "127.0.0.1", 9)
    assert.matches("cannot connect outside a task", failure.message)
    loop:close()
    failure = raises(saros.RuntimeError, loop.create_connection, loop, function() return {} end, "127.0.0.1", 9)
    assert.equal("Event loop is closed", failure.message)
  end)
end)
