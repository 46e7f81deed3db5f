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

  -- How a program ends that has Ctrl-C pressed twice while it blocks; the first time is for its main task.
  local function interrupt(code)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write('local saros = require "saros" saros.sleep(0) io.stdout:setvbuf("no") ', code)
    file:close()
    local running <close> = process.saros(path)
    running:expect("ready")
    for _ = 1, 2 do
      saros.blocking_sleep(0.1)
      running:signal("SIGINT")
    end
    local outcome = running:wait(10)
    os.remove(path)
    return outcome
  end

  it("ends when Ctrl-C interrupts the program", function()
    assert.equal("exit 130", interrupt [[
      print("ready")
      saros.blocking_sleep(60)
    ]])
  end)

  it("ends then in a coroutine as well, of which Ctrl-C's hook knows nothing", function()
    assert.equal("exit 130", interrupt [[
      print("ready")
      coroutine.wrap(saros.blocking_sleep)(60)
    ]])
  end)

  it("ends then where it is the end of an executor that a coroutine waits for", function()
    assert.equal("exit 130", interrupt [[
      local executor = saros.ThreadPoolExecutor {max_workers = 1}
      executor:submit(saros.blocking_sleep, 60)
      print("ready")
      coroutine.wrap(executor.shutdown)(executor)
    ]])
  end)
end)
