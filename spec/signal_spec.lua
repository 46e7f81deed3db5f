local saros = require "saros"
local raises = require "spec.support.raises"

describe("saros.signal", function()
  it("has the numbers that every platform agrees on", function()
    assert.equal(1, saros.signal.SIGHUP)
    assert.equal(2, saros.signal.SIGINT)
    assert.equal(9, saros.signal.SIGKILL)
    assert.equal(15, saros.signal.SIGTERM)
  end)

  it("has nothing under other names", function()
    assert.is_nil(saros.signal.SIGNONSENSE)
  end)

  it("gives the name of a number", function()
    assert.equal("SIGTERM", saros.signal.name(saros.signal.SIGTERM))
    assert.equal("SIGUSR1", saros.signal.name(saros.signal.SIGUSR1))
  end)

  it("prefers the usual name where a number has two", function()
    assert.equal("SIGABRT", saros.signal.name(saros.signal.SIGABRT))
  end)

  it("refuses a number that is no signal's", function()
    for _, number in ipairs {0, -1, 100, 2.5} do
      raises(saros.ValueError, saros.signal.name, number)
    end
  end)

  it("refuses what is no number", function()
    assert.error_matches(function() saros.signal.name("SIGTERM") end,
      "bad argument #1 to 'name' %(number expected, got string%)")
  end)
end)
