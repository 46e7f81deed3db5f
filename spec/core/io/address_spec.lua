local saros = require "saros"
local core = require "saros.core"
local raises = require "spec.support.raises"

describe("core.io.address", function()
  it("reads numeric hosts of both families", function()
    assert.same({host = "127.0.0.1", port = 80, family = "inet"}, core.parse_address("127.0.0.1", 80))
    assert.same({host = "::1", port = 80, family = "inet6"}, core.parse_address("0:0:0::1", 80))
    assert.same({host = "::ffff:1.2.3.4", port = 0, family = "inet6"}, core.parse_address("::ffff:1.2.3.4", 0))
  end)

  it("obeys a family that is asked for", function()
    assert.is_nil(core.parse_address("127.0.0.1", 80, "inet6"))
    assert.is_nil(core.parse_address("::1", 80, "inet"))
    assert.equal("inet", core.parse_address("127.0.0.1", 80, "any").family)
    local failure = raises(saros.ValueError, core.parse_address, "127.0.0.1", 80, "ipx")
    assert.equal("unknown family 'ipx' (known: any, inet, inet6)", failure.message)
  end)

  it("takes no names, and nothing that is only nearly numeric", function()
    for _, host in ipairs {"localhost", "", "127.1", "1.2.3.4.5", "256.1.1.1", "::g", ":::", "1.2.3.4 ",
      "fe80::1%nosuchinterface", ("1"):rep(1000), ("1:"):rep(1000)} do
      assert.is_nil(core.parse_address(host, 80), host)
    end
  end)

  it("keeps the scope of an address", function()
    assert.equal("fe80::1%lo", core.parse_address("fe80::1%lo", 80).host)
    local by_number = core.parse_address("fe80::1%1", 80).host
    assert.matches("^fe80::1%%%w+$", by_number)
    assert.equal("fe80::1%4000000000", core.parse_address("fe80::1%4000000000", 80).host)
  end)

  it("refuses a table that is no address", function()
    local loop <close> = saros.new_event_loop()
    local function open(address) return core.open_socket(loop, address) end
    for _, address in ipairs {{}, {host = "127.0.0.1"}, {port = 1}, {host = "127.0.0.1", port = "x"},
      {host = "127.0.0.1", port = 70000}, {host = "127.0.0.1", port = -1}, {host = "localhost", port = 1},
      {host = "127.0.0.1\0.example", port = 1}, {path = ""}, {path = "a\0b"}} do
      raises(saros.ValueError, open, address)
    end
    local failure = raises(saros.OSError, open, {path = ("x"):rep(200)})
    assert.equal("ENAMETOOLONG", failure.code)
    assert.matches("the path of a socket has at most %d+ bytes, not 200", failure.message)
    assert.error_matches(function() open("127.0.0.1") end, "table expected, got string")
  end)
end)
