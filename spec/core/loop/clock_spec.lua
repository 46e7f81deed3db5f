local core = require "saros.core"
local fds = require "spec.support.fds"
local raises = require "spec.support.raises"
local saros = require "saros"

local EventLoop = saros.EventLoop

-- What a loop on a virtual clock does is in spec/virtual_clock_spec.lua; here is what the Lua layer never asks
-- for, and what a class may do to the clock.
describe("core.loop.clock", function()
  local loop

  local function make(class, manual)
    loop = (class or EventLoop)()
    core.set_limit(loop, 60, function() error(saros.KeyboardInterrupt("the loop waits in real time")) end)
    core.make_clock_virtual(loop, 0, manual, function() return "nothing can happen" end)
    return loop
  end

  after_each(function()
    if loop then loop:close() end
    loop = nil
  end)

  it("is the machine's unless made virtual, and then refuses to be set", function()
    loop = EventLoop()
    for name, arguments in pairs { set_manual_clock = { true }, has_manual_clock = {}, set_wall_clock = { 1 },
      begin_advance = { 1, print }, end_advance = {} } do
      assert.error_matches(function() core[name](loop, table.unpack(arguments)) end,
        "bad argument #1 to '.*' %(the loop's clock is not virtual%)", nil, name)
    end
  end)

  it("asks for the message of the error when nothing can happen", function()
    make()
    assert.equal("nothing can happen", raises(saros.RuntimeError, loop.run_forever, loop).message)
    core.make_clock_virtual(loop, 0, false, function() error(saros.ValueError("none")) end)
    raises(saros.ValueError, loop.run_forever, loop)
    assert.is_false(loop:is_running())
  end)

  it("lets an overridden run_once catch that error and go on", function()
    local Mine = EventLoop:extend("Mine")
    local caught = 0
    function Mine:run_once()
      local ok, failure = pcall(EventLoop.run_once, self)
      if ok then return end
      assert.equal("nothing can happen", failure.message)
      caught = caught + 1
      if caught == 3 then self:stop() end
    end
    make(Mine)
    loop:run_forever()
    assert.equal(3, caught)
  end)

  it("keeps the other loop of a state real", function()
    make()
    local real <close> = EventLoop()
    loop:call_later(3600, function() end)
    loop:run()
    local before = saros.monotonic()
    assert.is_true(real:time() >= before)
    real:call_later(0.01, function() end)
    real:run()
    assert.is_true(saros.monotonic() >= before + 0.01)
  end)

  it("may become manual and automatic again", function()
    make()
    core.set_manual_clock(loop, true)
    assert.is_true(core.has_manual_clock(loop))
    loop:call_later(5, function() end)
    raises(saros.RuntimeError, loop.run, loop)
    core.set_manual_clock(loop, false)
    loop:run()
    assert.equal(5, loop:time())
  end)

  it("stops an advance where it is when it is given up", function()
    make(nil, true)
    local arrived = false
    loop:call_later(1, function()
      core.end_advance(loop)
      loop:stop()
    end)
    core.begin_advance(loop, 10, function() arrived = true end)
    loop:run_forever()
    assert.equal(1, loop:time())
    raises(saros.RuntimeError, loop.run_forever, loop)
    assert.is_false(arrived)
  end)

  it("does not leap in an advance while it follows real time", function()
    make()
    local reader, writer = fds.pipe()
    loop:add_reader(reader, function() end)
    local began = saros.monotonic()
    assert.is_true(loop:time() >= 0)
    while saros.monotonic() < began + 0.02 do end
    core.begin_advance(loop, 0, function() loop:stop() end)
    loop:run_forever()
    assert.is_true(loop:time() >= 0.02)
    assert.is_true(loop:time() <= saros.monotonic() - began)
    loop:remove_reader(reader)
    fds.close(reader)
    fds.close(writer)
  end)

  it("reaches a deadline by an overridden time that is finer than its own", function()
    local Mine = EventLoop:extend("Mine")
    -- At 1e6 a double has steps of 1e-10, near 0 much smaller ones: what is left may be less than a step.
    function Mine:time() return EventLoop.time(self) - 1e6 end
    make(Mine)
    loop:call_at(1e-12 - 1e6, function() end)
    loop:call_later(1e6, function() end)
    loop:call_at(1e-13, function() loop:stop() end)
    loop:run_forever()
    assert.is_true(loop:time() >= 1e-13)
    assert.is_true(loop:time() < 1e-9)
  end)

  it("raises what an overridden time raises out of the loop, and the loop can be used again", function()
    local Mine = EventLoop:extend("Mine")
    function Mine:time()
      if self.failing then error(saros.ValueError("no time")) end
      return EventLoop.time(self)
    end
    make(Mine)
    local ran = false
    loop:call_later(1, function() ran = true end)
    loop.failing = true
    raises(saros.ValueError, loop.run, loop)
    loop.failing = false
    loop:run()
    assert.is_true(ran)
  end)

  it("reports the lag of timers that fire at their deadlines as none", function()
    make()
    for i = 1, 5 do loop:call_at(i, function() end) end
    loop:run()
    local stats = loop:stats()
    assert.equal(5, stats.lag[1].count)
    assert.equal(0, stats.idle)
  end)
end)
