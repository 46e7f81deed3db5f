local lfs = require "lfs"
local saros = require "saros"
local core = require "saros.core"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

local function factory() return {} end

local function has_inet6(loop)
  local ok, listener = pcall(core.bind_listener, loop, {host = "::1", port = 0})
  if ok then listener:close() end
  return ok
end

describe("saros.listen", function()
  it("raises EADDRINUSE, naming the address", function()
    network.quietly(function(loop)
      local server <close> = loop:create_server(factory, "127.0.0.1", 0)
      local port = server:sockets()[1].port
      local failure = raises(saros.OSError, loop.create_server, loop, factory, "127.0.0.1", port)
      assert.equal("EADDRINUSE", failure.code)
      assert.equal(("error while attempting to bind on address 127.0.0.1:%d: address already in use"):format(port),
        failure.message)
      failure = raises(saros.OSError, saros.start_server, factory, {"127.0.0.2", "127.0.0.1"}, port)
      assert.equal("EADDRINUSE", failure.code)
    end)
  end)

  it("leaves nothing bound when one of several addresses is in use", function()
    local before = network.descriptors()
    network.quietly(function(loop)
      local server <close> = loop:create_server(factory, "127.0.0.1", 0)
      local port = server:sockets()[1].port
      for _ = 1, 5 do
        raises(saros.OSError, loop.create_server, loop, factory, {"127.0.0.2", "127.0.0.1"}, port)
      end
      local other <close> = loop:create_server(factory, "127.0.0.2", port)
      assert.equal(port, other:sockets()[1].port)
    end)
    assert.equal(before, network.descriptors())
  end)

  it("shares a port with reuse_port", function()
    network.quietly(function(loop)
      local one <close> = loop:create_server(factory, "127.0.0.1", 0, {reuse_port = true})
      local port = one:sockets()[1].port
      local two <close> = loop:create_server(factory, "127.0.0.1", port, {reuse_port = true})
      assert.equal(port, two:sockets()[1].port)
    end)
  end)

  it("listens again at once on a port that was just used", function()
    network.quietly(function(loop)
      local server = loop:create_server(function()
        return {connection_made = function(_, transport) transport:close() end}
      end, "127.0.0.1", 0)
      local port = server:sockets()[1].port
      local reader, writer = saros.open_connection("127.0.0.1", port)
      reader:read()
      writer:close()
      server:close()
      server:wait_closed()
      local again <close> = loop:create_server(factory, "127.0.0.1", port)
      assert.equal(port, again:sockets()[1].port)
    end)
  end)

  it("listens on every interface without a host, on all families", function()
    network.quietly(function(loop)
      for _, host in ipairs {"", false} do
        local server <close> = loop:create_server(factory, host or nil, 0)
        local hosts = {}
        for _, address in ipairs(server:sockets()) do hosts[address.host] = true end
        assert.is_true(hosts["0.0.0.0"])
        assert.equal(has_inet6(loop) or nil, hosts["::"])
      end
      local server <close> = loop:create_server(factory, nil, 0, {family = "inet"})
      assert.equal("0.0.0.0", server:sockets()[1].host)
      assert.is_nil(server:sockets()[2])
    end)
  end)

  it("listens on a list of hosts, each once", function()
    network.quietly(function(loop)
      local server <close> = loop:create_server(factory, {"127.0.0.2", "127.0.0.1", "127.0.0.2"}, 0)
      local sockets = server:sockets()
      assert.equal(2, #sockets)
      assert.equal("127.0.0.2", sockets[1].host)
      assert.equal("127.0.0.1", sockets[2].host)
    end)
  end)

  it("takes options in the place of a host or a port", function()
    network.quietly(function(loop)
      local server <close> = loop:create_server(factory, "127.0.0.1", {backlog = 5})
      assert.is_true(server:sockets()[1].port > 0)
      local other <close> = loop:create_server(factory, {family = "inet"})
      assert.equal("0.0.0.0", other:sockets()[1].host)
    end)
  end)

  it("raises for an unknown host", function()
    network.quietly(function(loop)
      local failure = raises(saros.OSError, loop.create_server, loop, factory, "no-such-host.invalid", 0)
      assert.matches("^EAI_", failure.code)
      failure = raises(saros.OSError, loop.create_server, loop, factory, "192.0.2.1", 0)
      assert.equal("EADDRNOTAVAIL", failure.code)
    end)
  end)

  describe("on a Unix socket", function()
    local file, path

    before_each(function()
      file = os.tmpname()
      path = file .. ".socket"
    end)

    after_each(function()
      os.remove(path)
      os.remove(file)
    end)

    local function exists(name)
      -- A socket cannot be opened as a file, but renamed to itself.
      return os.rename(name, name) ~= nil
    end

    it("makes the socket, and removes it when it closes", function()
      network.quietly(function(loop)
        local server = loop:create_unix_server(factory, path)
        assert.same({{path = path}}, server:sockets())
        assert.equal("Server: " .. path, tostring(server))
        assert.is_true(exists(path))
        server:close()
        assert.is_false(exists(path))
      end)
    end)

    it("removes the socket when the loop is closed", function()
      local loop = saros.new_event_loop()
      loop:run_until_complete(function() loop:create_unix_server(factory, path) end)
      assert.is_true(exists(path))
      loop:close()
      assert.is_false(exists(path))
    end)

    it("replaces a socket that was left behind, and leaves its successor's alone", function()
      network.quietly(function(loop)
        local first = loop:create_unix_server(factory, path)
        local second = loop:create_unix_server(factory, path)
        first:close()
        assert.is_true(exists(path))
        local _, writer = saros.open_unix_connection(path)
        writer:close()
        second:close()
        assert.is_false(exists(path))
      end)
    end)

    it("does not replace a file that is no socket", function()
      network.quietly(function(loop)
        local failure = raises(saros.OSError, loop.create_unix_server, loop, factory, file)
        assert.equal("EADDRINUSE", failure.code)
        assert.matches(file, failure.message, 1, true)
        assert.is_true(exists(file))
        failure = raises(saros.OSError, loop.create_unix_server, loop, factory, "/nonexistent/socket")
        assert.equal("ENOENT", failure.code)
      end)
    end)

    it("refuses bad arguments", function()
      network.quietly(function(loop)
        assert.error_matches(function() loop:create_unix_server(factory) end,
          "bad argument #2 to 'create_unix_server' %(string expected, got nil%)")
        assert.error_matches(function() loop:create_unix_server(5, path) end, "bad argument #1 to 'create_unix_server'")
        raises(saros.ValueError, loop.create_unix_server, loop, factory, path, {reuse_port = true})
        raises(saros.ValueError, loop.create_unix_server, loop, factory, "")
        raises(saros.ValueError, saros.start_unix_server, factory, "a\0b")
      end)
    end)
  end)

  it("refuses bad arguments", function()
    network.quietly(function(loop)
      assert.error_matches(function() loop:create_server(nil, "127.0.0.1", 0) end,
        "bad argument #1 to 'create_server' %(function expected, got nil%)")
      assert.error_matches(function() loop:create_server(factory, 5, 0) end,
        "bad argument #2 to 'create_server' %(host expected, got number%)")
      assert.error_matches(function() loop:create_server(factory, "127.0.0.1", true) end,
        "bad argument #3 to 'create_server' %(port number expected, got boolean%)")
      assert.error_matches(function() loop:create_server(factory, "127.0.0.1", 0, {backlog = "many"}) end,
        "option 'backlog': integer expected, got string")
      local failure = raises(saros.ValueError, loop.create_server, loop, factory, "127.0.0.1", 70000)
      assert.equal("port 70000 is not an integer between 0 and 65535", failure.message)
      raises(saros.ValueError, loop.create_server, loop, factory, "127.0.0.1", -1)
      raises(saros.ValueError, loop.create_server, loop, factory, "127.0.0.1", 0, {backlog = 0})
      failure = raises(saros.ValueError, loop.create_server, loop, factory, "127.0.0.1", 0, {backlog = 1 << 32})
      assert.equal("backlog (4294967296) must be from 1 to 2147483647", failure.message)
      raises(saros.ValueError, loop.create_server, loop, factory, "127.0.0.1", 0, {family = "x"})
      failure = raises(saros.ValueError, loop.create_server, loop, factory, "127.0.0.1", 0, {backlogs = 5})
      assert.equal("unknown option 'backlogs' for 'create_server' "
        .. "(known: backlog, family, reuse_port, start_serving)", failure.message)
    end)
  end)

  it("makes a Unix socket with no more permissions than asked for", function()
    network.quietly(function(loop)
      local path = os.tmpname()
      os.remove(path)
      for mode, permissions in pairs {[384] = "rw-------", [0] = "---------"} do
        local first <close> = loop:create_unix_server(factory, path, {mode = mode})
        assert.equal(permissions, (lfs.attributes(path).permissions))
        first:close()
        local second <close> = saros.start_unix_server(factory, path, {mode = mode})
        assert.equal(path, second:sockets()[1].path)
        assert.equal(permissions, (lfs.attributes(path).permissions))
      end
      for _, mode in ipairs {-1, 512} do
        local failure = raises(saros.ValueError, loop.create_unix_server, loop, factory, path, {mode = mode})
        assert.equal(("mode (%d) must be from 0 to 511, which is 0777"):format(mode), failure.message)
      end
      raises(saros.ValueError, loop.create_server, loop, factory, "127.0.0.1", 0, {mode = 384})
    end)
  end)

  it("says that the loop is closed", function()
    local loop = saros.new_event_loop()
    loop:close()
    local failure = raises(saros.RuntimeError, loop.create_server, loop, factory, "127.0.0.1", 0)
    assert.equal("Event loop is closed", failure.message)
  end)
end)
