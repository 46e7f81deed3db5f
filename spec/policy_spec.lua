local saros = require "saros"
local raises = require "spec.support.raises"

describe("saros.policy", function()
  after_each(function() saros.set_event_loop_policy(nil) end)

  it("makes the current loop on first use and keeps it", function()
    saros.set_event_loop_policy(nil)
    local loop <close> = saros.get_event_loop()
    assert.equal(loop, saros.get_event_loop())
    assert.is_false(loop:is_closed())
  end)

  it("gives the loop that was set", function()
    local loop <close> = saros.new_event_loop()
    saros.set_event_loop(loop)
    assert.equal(loop, saros.get_event_loop())
  end)

  it("has no current loop after it was set to nil", function()
    saros.set_event_loop(nil)
    raises(saros.RuntimeError, saros.get_event_loop)
  end)

  it("gives the running loop inside of one", function()
    local other <close> = saros.new_event_loop()
    saros.set_event_loop(other)
    local loop <close> = saros.new_event_loop()
    local seen
    loop:call_soon(function()
      seen = saros.get_event_loop()
      loop:stop()
    end)
    loop:run_forever()
    assert.equal(loop, seen)
    assert.equal(other, saros.get_event_loop())
  end)

  it("makes loops that do not become the current one", function()
    local current <close> = saros.get_event_loop()
    local loop <close> = saros.new_event_loop()
    assert.not_equal(loop, current)
    assert.equal(current, saros.get_event_loop())
  end)

  it("refuses to set what is no loop", function()
    assert.error_matches(function() saros.set_event_loop("loop") end,
      "bad argument #1 to 'set_event_loop' %(EventLoop expected, got string%)")
  end)

  describe("of one's own", function()
    local MyLoop = saros.EventLoop:extend("MyLoop")
    local MyPolicy = saros.EventLoopPolicy:extend("MyPolicy")
    function MyPolicy:new_event_loop()
      self.made = (self.made or 0) + 1
      local loop = MyLoop()
      loop.mine = true
      return loop
    end

    it("makes every loop of the library", function()
      local policy = MyPolicy()
      saros.set_event_loop_policy(policy)
      assert.equal(policy, saros.get_event_loop_policy())
      local made <close> = saros.new_event_loop()
      assert.is_true(made.mine)
      local current <close> = saros.get_event_loop()
      assert.is_true(current.mine)
      assert.is_true(saros.run(function() return saros.get_running_loop().mine end))
      assert.equal(3, policy.made)
    end)

    it("keeps its own current loop", function()
      local first <close> = saros.get_event_loop()
      saros.set_event_loop_policy(MyPolicy())
      local second <close> = saros.get_event_loop()
      assert.not_equal(first, second)
    end)

    it("may have an init that knows nothing of the parent", function()
      local WithInit = saros.EventLoopPolicy:extend("WithInit")
      function WithInit:init(name) self.name = name end
      saros.set_event_loop_policy(WithInit("x"))
      local loop <close> = saros.get_event_loop()
      assert.is_false(loop:is_closed())
    end)

    it("gives way to a new default policy for nil", function()
      saros.set_event_loop_policy(MyPolicy())
      saros.set_event_loop_policy(nil)
      local loop <close> = saros.new_event_loop()
      assert.is_nil(loop.mine)
    end)

    it("is refused when it is no instance", function()
      assert.error_matches(function() saros.set_event_loop_policy(MyPolicy) end,
        "bad argument #1 to 'set_event_loop_policy' %(EventLoopPolicy expected, got class MyPolicy%)")
      assert.error_matches(function() saros.set_event_loop_policy {} end,
        "bad argument #1 to 'set_event_loop_policy' %(EventLoopPolicy expected, got table%)")
    end)
  end)
end)
