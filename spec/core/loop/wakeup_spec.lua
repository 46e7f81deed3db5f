local saros = require "saros"
local wakeup = require "spec.support.wakeup"
local raises = require "spec.support.raises"

describe("core.loop.wakeup", function()
  describe("call_soon_threadsafe", function()
    local loop, order

    local function record(...) order[#order + 1] = table.concat({ ... }, " ") end

    before_each(function()
      loop = saros.new_event_loop()
      order = {}
    end)
    after_each(function() loop:close() end)

    it("keeps its place among the callbacks on the loop's own thread", function()
      loop:call_soon(record, 1)
      loop:call_soon_threadsafe(record, 2)
      loop:call_soon(record, 3)
      loop:call_soon_threadsafe(record, 4, nil and 5)
      loop:run()
      assert.same({ "1", "2", "3", "4" }, order)
    end)

    it("gives a handle", function()
      local handle = loop:call_soon_threadsafe(record, "cancelled")
      loop:call_soon_threadsafe(record, "kept")
      assert.is_false(handle:cancelled())
      handle:cancel()
      assert.is_true(handle:cancelled())
      loop:run()
      assert.same({ "kept" }, order)
    end)

    it("passes arguments and reports errors as call_soon does", function()
      local contexts, seen = {}, nil
      loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
      loop:call_soon_threadsafe(function(...) seen = table.pack(...) end, nil, 2, nil)
      loop:call_soon_threadsafe(error, "went wrong")
      loop:run()
      assert.same({ n = 3, nil, 2, nil }, seen)
      assert.equal("went wrong", contexts[1].exception)
    end)

    it("goes through an overridden call_soon or not at all, but is called all the same", function()
      local Mine = saros.EventLoop:extend("Mine")
      local calls = 0
      function Mine:call_soon(...)
        calls = calls + 1
        return saros.EventLoop.call_soon(self, ...)
      end
      local other <close> = Mine()
      other:call_soon_threadsafe(record, "called")
      other:run()
      assert.same({ "called" }, order)
      assert.is_true(calls <= 1)
    end)

    it("is allowed in debug mode", function()
      loop:set_debug(true)
      loop:call_soon_threadsafe(record, "called")
      loop:run()
      assert.same({ "called" }, order)
    end)

    it("refuses what cannot be called, and a closed loop", function()
      assert.error_matches(function() loop:call_soon_threadsafe(nil) end,
        "bad argument #1 to 'call_soon_threadsafe' %(function expected, got nil%)")
      loop:close()
      assert.matches("closed", raises(saros.RuntimeError, loop.call_soon_threadsafe, loop, print).message)
    end)
  end)

  describe("the queue under it #threads", function()
    it("loses nothing that eight threads post at once, and keeps each one's order", function()
      local came, disordered, refused = wakeup.storm(8, 5000)
      assert.equal(40000, came)
      assert.equal(0, disordered)
      assert.equal(8, refused)
    end)

    it("refuses posts to a closed loop", function()
      local _, _, refused = wakeup.storm(4, 1)
      assert.equal(4, refused)
    end)

    it("hands over what is left when the loop closes, without a loop", function()
      local with, without = wakeup.leftovers(100)
      assert.equal(0, with)
      assert.equal(100, without)
    end)
  end)
end)
