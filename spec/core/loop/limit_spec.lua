local core = require "saros.core"
local raises = require "spec.support.raises"
local saros = require "saros"

local SOON = 0.02

describe("core.loop.limit", function()
  local loop

  before_each(function() loop = saros.new_event_loop() end)
  after_each(function() loop:close() end)

  it("ends a loop that waits for nothing", function()
    local began = saros.monotonic()
    core.set_limit(loop, SOON, function() loop:stop() end)
    loop:run_forever()
    assert.is_true(saros.monotonic() - began >= SOON - 0.001) -- libuv counts milliseconds
  end)

  it("ends a loop that is never without something to run", function()
    core.set_limit(loop, SOON, function() loop:stop() end)
    raises(saros.RuntimeError, loop.run_until_complete, loop, function()
      while true do saros.sleep(0) end
    end)
  end)

  it("ends a loop that waits although the limit passed before it ran", function()
    core.set_limit(loop, 0, function() loop:stop() end)
    local began = saros.monotonic()
    while saros.monotonic() < began + 0.005 do end
    loop:run_forever()
  end)

  it("does not keep run() going", function()
    core.set_limit(loop, 3600, error)
    loop:call_soon(function() end)
    loop:run()
  end)

  it("is replaced by the next one, and cleared", function()
    local called = {}
    core.set_limit(loop, 0, function() called[#called + 1] = "first" end)
    core.set_limit(loop, SOON, function() called[#called + 1] = "second" loop:stop() end)
    loop:run_forever()
    assert.same({ "second" }, called)
    core.set_limit(loop, 0, function() called[#called + 1] = "third" end)
    core.clear_limit(loop)
    core.clear_limit(loop)
    loop:call_later(SOON, loop.stop, loop)
    loop:run_forever()
    assert.same({ "second" }, called)
  end)

  it("takes any number of seconds", function()
    core.set_limit(loop, math.huge, error)
    loop:call_later(0.001, loop.stop, loop)
    loop:run_forever()
  end)

  it("frees its function when the loop closes", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local fn = function() return weak end
      weak[fn] = true
      core.set_limit(loop, 3600, fn)
    end
    loop:close()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
