local saros = require "saros"
local core = require "saros.core"
local addresses = require "saros.addresses"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

-- Runs fn with a resolver that must not be asked.
local function without_resolver(fn)
  local look_up_host = core.look_up_host
  core.look_up_host = function(_, host) error("the resolver was asked for " .. tostring(host)) end
  local ok, failure = pcall(fn)
  core.look_up_host = look_up_host
  if not ok then error(failure, 0) end
end

describe("saros.addresses", function()
  describe("loop:getaddrinfo", function()
    it("never asks the resolver for a numeric host", function()
      network.quietly(function(loop)
        without_resolver(function()
          assert.same({{host = "127.0.0.1", port = 80, family = "inet"}}, loop:getaddrinfo("127.0.0.1", 80))
          assert.same({{host = "::1", port = 0, family = "inet6"}}, loop:getaddrinfo("::1"))
          assert.same({{host = "fe80::1%lo", port = 1, family = "inet6"}}, loop:getaddrinfo("fe80::1%lo", "1"))
        end)
      end)
    end)

    it("knows the names of services and of the machine", function()
      network.quietly(function(loop)
        assert.same({{host = "127.0.0.1", port = 80, family = "inet"}},
          loop:getaddrinfo("localhost", "http", {family = "inet"}))
        assert.same({{host = "0.0.0.0", port = 5, family = "inet"}},
          loop:getaddrinfo(nil, 5, {family = "inet", passive = true}))
        assert.same({{host = "127.0.0.1", port = 5, family = "inet"}},
          loop:getaddrinfo(nil, 5, {family = "inet"}))
        assert.same({{host = "127.0.0.1", port = 53, family = "inet"}},
          loop:getaddrinfo("127.0.0.1", "domain", {type = "dgram"}))
        assert.equal("127.0.0.1", loop:getaddrinfo("localhost", {family = "inet"})[1].host)
      end)
    end)

    it("refuses bad arguments", function()
      network.quietly(function(loop)
        assert.error_matches(function() loop:getaddrinfo(5, 80) end, "bad argument #1 to 'getaddrinfo'")
        assert.error_matches(function() loop:getaddrinfo("127.0.0.1", true) end,
          "bad argument #2 to 'getaddrinfo' %(port number expected, got boolean%)")
        raises(saros.ValueError, loop.getaddrinfo, loop, "127.0.0.1", 70000)
        raises(saros.ValueError, loop.getaddrinfo, loop, "127.0.0.1", 1.5)
        raises(saros.ValueError, loop.getaddrinfo, loop, "127.0.0.1", 80, {family = "x25"})
        raises(saros.ValueError, loop.getaddrinfo, loop, "127.0.0.1", 80, {type = "raw"})
        raises(saros.ValueError, loop.getaddrinfo, loop, "127.0.0.1", 80, {flags = 1})
      end)
    end)

    it("names the service that is unknown, not the host", function()
      network.quietly(function(loop)
        for _, host in ipairs {"127.0.0.1", false} do
          local failure = raises(saros.OSError, loop.getaddrinfo, loop, host or nil, "no-such-service")
          assert.equal("EAI_SERVICE", failure.code)
          assert.matches("cannot resolve the service 'no%-such%-service'", failure.message)
        end
      end)
    end)
  end)

  describe("loop:getnameinfo", function()
    it("gives names, or numbers if they are asked for", function()
      network.quietly(function(loop)
        local host, service = loop:getnameinfo({host = "127.0.0.1", port = 80},
          {numeric_host = true, numeric_service = true})
        assert.same({"127.0.0.1", "80"}, {host, service})
        host, service = loop:getnameinfo({host = "127.0.0.1", port = 80}, {numeric_host = true})
        assert.same({"127.0.0.1", "http"}, {host, service})
      end)
    end)

    it("refuses bad arguments", function()
      network.quietly(function(loop)
        assert.error_matches(function() loop:getnameinfo("127.0.0.1") end,
          "bad argument #1 to 'getnameinfo' %(table expected, got string%)")
        raises(saros.ValueError, loop.getnameinfo, loop, {host = "localhost", port = 80})
        raises(saros.ValueError, loop.getnameinfo, loop, {host = "127.0.0.1", port = 80}, {flags = 1})
        local failure = raises(saros.ValueError, loop.getnameinfo, loop, {path = "/tmp/socket"})
        assert.equal("a path has no name to look up, only a host and a port have", failure.message)
      end)
    end)
  end)

  describe("resolve", function()
    it("joins the addresses of a list of hosts, each once", function()
      network.quietly(function(loop)
        local list = addresses.resolve(loop, {"127.0.0.2", "::1", "127.0.0.2", "127.0.0.1"}, 5, {})
        local hosts = {}
        for i, address in ipairs(list) do hosts[i] = address.host end
        assert.same({"127.0.0.2", "::1", "127.0.0.1"}, hosts)
      end)
    end)

    it("raises for a host that does not fit the family", function()
      network.quietly(function(loop)
        local failure = raises(saros.OSError, addresses.resolve, loop, "127.0.0.1", 5, {family = "inet6"})
        assert.matches("^EAI_", failure.code)
      end)
    end)
  end)

  it("has a check for hosts", function()
    assert.is_nil(addresses.check_host("", 1, "f", true))
    assert.is_nil(addresses.check_host(nil, 1, "f", true))
    assert.equal("h", addresses.check_host("h", 1, "f"))
    assert.error_matches(function() addresses.check_host(nil, 1, "f") end,
      "bad argument #1 to 'f' %(host expected, got nil%)")
    assert.error_matches(function() addresses.check_host({"a", 5}, 1, "f") end, "list of hosts expected, got number")
    raises(saros.ValueError, addresses.check_host, {}, 1, "f")
  end)
end)
