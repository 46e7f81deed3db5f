local saros = require "saros"
local raises = require "spec.support.raises"
local process = require "spec.support.process"

describe("saros.blocking_sleep #threads", function()
  it("sleeps for so long, and never less", function()
    for _, seconds in ipairs({0.001, 0.02}) do
      local begin = saros.monotonic()
      assert.equal(0, select("#", saros.blocking_sleep(seconds)))
      local took = saros.monotonic() - begin
      assert.is_true(took >= seconds and took < seconds + 5)
    end
  end)

  it("does not sleep for nothing or less", function()
    local begin = saros.monotonic()
    saros.blocking_sleep(0)
    saros.blocking_sleep(-10)
    saros.blocking_sleep(-math.huge)
    assert.is_true(saros.monotonic() - begin < 5)
  end)

  it("checks its argument", function()
    raises(saros.ValueError, saros.blocking_sleep, 0 / 0)
    local ok, message = pcall(function() saros.blocking_sleep("x") end)
    assert.is_false(ok)
    assert.matches("bad argument #1 to 'blocking_sleep' %(number expected, got string%)", message)
  end)

  it("ends when Ctrl-C interrupts the program", function()
    local code = [[
      local saros = require "saros"
      io.stdout:write("ready\n")
      io.stdout:flush()
      saros.sleep(0)
      saros.blocking_sleep(60)
    ]]
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(code)
    file:close()
    local running <close> = process.saros(path)
    running:expect("ready")
    saros.blocking_sleep(0.05)
    running:signal("SIGINT")
    saros.blocking_sleep(0.05)
    running:signal("SIGINT")
    assert.equal("exit 130", running:wait(10))
    os.remove(path)
  end)
end)
