local saros = require "saros"
local loop = require "saros.loop"
local raises = require "spec.support.raises"

describe("saros.loop", function()
  before_each(function() saros.set_event_loop_policy(nil) end)
  after_each(function()
    saros.get_event_loop():close()
    saros.set_event_loop_policy(nil)
  end)

  it("is saros.loop", function()
    assert.equal(saros.loop, loop)
  end)

  it("runs callbacks until nothing is scheduled any more", function()
    local order = {}
    loop.call_later(0.001, function() order[#order + 1] = "later" end)
    loop.call_soon(function(...) order[#order + 1] = table.concat({...}, " ") end, "soon", 1)
    loop.run()
    assert.same({"soon 1", "later"}, order)
  end)

  it("runs until it is stopped", function()
    local calls = 0
    loop.call_soon(function()
      calls = calls + 1
      loop.call_later(3600, print)
      loop.stop()
    end)
    loop.run()
    assert.equal(1, calls)
  end)

  it("works on the loop of get_event_loop outside a running one", function()
    local handle = loop.call_at(loop.time() + 3600, print)
    assert.is_false(handle:cancelled())
    handle:cancel()
    assert.is_false(loop.is_running())
    assert.equal(saros.get_event_loop():get_debug(), loop.get_debug())
  end)

  it("works on the running loop inside of one", function()
    local outer = saros.get_event_loop()
    local other <close> = saros.new_event_loop()
    local ran
    other:run_until_complete(function()
      assert.is_true(loop.is_running())
      loop.call_soon(function() ran = saros.get_running_loop() end)
      saros.sleep(0)
    end)
    assert.equal(other, ran)
    assert.is_false(outer:is_running())
  end)

  it("names the function and counts the arguments as the program wrote them", function()
    -- The message was: bad argument #2 to '?', at a line of the library.
    local _, problem = pcall(function() loop.call_later(print, 1) end)
    assert.equal("bad argument #1 to 'call_later' (number expected, got function)", problem)
  end)

  it("tells that its functions are called with a dot", function()
    local _, problem = pcall(function() loop:call_soon(print) end)
    assert.matches("^[^:]*loop_spec%.lua:%d+: the functions of saros%.loop are called with a dot: ", problem)
    assert.matches(": loop%.call_soon%(%.%.%.%)$", problem)
  end)

  it("gives results and raises errors as the method does", function()
    assert.equal(7, loop.run_until_complete(function(x) return x end, 7))
    assert.error_matches(function() loop.call_soon(nil) end, "function expected, got nil")
  end)

  it("remembers the functions that it makes", function()
    assert.equal(loop.call_soon, loop.call_soon)
  end)

  it("has methods that the class gains later", function()
    assert.is_nil(loop.added_later)
    function saros.EventLoop:added_later(x) return self, x end
    local current, x = loop.added_later(5)
    saros.EventLoop.added_later = nil
    assert.equal(saros.get_event_loop(), current)
    assert.equal(5, x)
  end)

  it("has the methods of the current loop's own class", function()
    local Special = saros.EventLoop:extend("Special")
    function Special:special() return "special" end -- luacheck: ignore 212
    local special <close> = Special()
    local plain = saros.get_event_loop()
    saros.set_event_loop(special)
    assert.equal("special", loop.special())
    saros.set_event_loop(plain)
    assert.is_nil(loop.special)
  end)

  it("has nil under other names", function()
    assert.is_nil(loop.nonsense)
  end)

  it("raises when there is no current loop", function()
    local current = saros.get_event_loop()
    saros.set_event_loop(nil)
    raises(saros.RuntimeError, loop.call_soon, print)
    assert.is_nil(loop.nonsense)
    saros.set_event_loop(current)
  end)
end)
