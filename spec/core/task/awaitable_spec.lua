local saros = require "saros"
local raises = require "spec.support.raises"

describe("core.task.awaitable", function()
  local loop

  before_each(function() loop = saros.new_event_loop() end)
  after_each(function() loop:close() end)

  local function awaitable(await)
    return setmetatable({}, { __await = await })
  end

  describe("await", function()
    it("calls __await with the object, in the awaiting task, and gives all its results", function()
      local object
      object = awaitable(function(self, ...)
        assert.equal(object, self)
        assert.equal(0, select("#", ...))
        saros.sleep(0)
        return saros.current_task(), nil, 3, nil
      end)
      loop:run_until_complete(function()
        assert.same({ n = 4, saros.current_task(), nil, 3, nil }, table.pack(saros.await(object)))
      end)
    end)

    it("may take no iteration at all", function()
      loop:run_until_complete(function()
        local ran = false
        loop:call_soon(function() ran = true end)
        assert.equal(1, saros.await(awaitable(function() return 1 end)))
        assert.is_false(ran)
      end)
    end)

    it("raises what __await raises, the same object", function()
      local object = saros.ValueError("m")
      loop:run_until_complete(function()
        local failure = raises(saros.ValueError, saros.await, awaitable(function()
          saros.sleep(0)
          error(object)
        end))
        assert.equal(object, failure)
      end)
    end)

    it("may be cancelled inside of __await", function()
      local closed
      local task = loop:create_task(saros.await, awaitable(function()
        local _ <close> = setmetatable({}, { __close = function() saros.sleep(0) closed = true end })
        saros.sleep(3600)
      end))
      loop:run_once()
      task:cancel()
      raises(saros.CancelledError, loop.run_until_complete, loop, task)
      assert.is_true(closed)
    end)

    it("takes awaitables of awaitables", function()
      loop:run_until_complete(function()
        local inner = awaitable(function() saros.sleep(0) return "deep" end)
        assert.equal("deep", saros.await(awaitable(function() return saros.await(inner) end)))
      end)
    end)

    it("takes userdata and tasks", function()
      loop:run_until_complete(function()
        assert.equal(5, saros.await(loop:create_task(function() return 5 end)))
      end)
    end)

    it("refuses what cannot be awaited", function()
      loop:run_until_complete(function()
        for _, case in ipairs {
          { 12, "number" }, { "x", "string" }, { {}, "table" }, { print, "function" }, { true, "boolean" },
        } do
          assert.error_matches(function() saros.await(case[1]) end,
            "bad argument #1 to 'await' %(.+ expected, got " .. case[2] .. "%)")
        end
        assert.error_matches(function() saros.await(nil) end, "bad argument #1 to 'await' %(.+ expected, got nil%)")
        assert.error_matches(function() saros.await() end, "bad argument #1 to 'await'")
      end)
    end)
  end)

  describe("ensure_future", function()
    it("leaves futures and tasks as they are", function()
      loop:run_until_complete(function()
        local future = loop:create_future()
        assert.equal(future, saros.ensure_future(future))
        assert.equal(saros.current_task(), saros.ensure_future(saros.current_task()))
      end)
    end)

    it("makes tasks of functions, with their arguments, and of awaitables", function()
      loop:run_until_complete(function()
        local task = saros.ensure_future(function(...) return select("#", ...), ... end, 1, nil)
        assert.same({ n = 3, 2, 1, nil }, table.pack(task:await()))
        local object = awaitable(function() return saros.current_task() end)
        local other = saros.ensure_future(object)
        assert.equal(other, other:await())
      end)
    end)

    it("takes a future outside of a loop, and nothing else", function()
      local future = loop:create_future()
      assert.equal(future, saros.ensure_future(future))
      raises(saros.RuntimeError, saros.ensure_future, print)
    end)

    it("refuses the rest", function()
      loop:run_until_complete(function()
        assert.error_matches(function() saros.ensure_future({}) end,
          "bad argument #1 to 'ensure_future' %(.+ expected, got table%)")
        assert.error_matches(function() saros.ensure_future(nil) end,
          "bad argument #1 to 'ensure_future' %(.+ expected, got nil%)")
      end)
    end)
  end)
end)
