-- Where a task cannot suspend, the error says why, and names what is in the way.

local saros = require "saros"
local raises = require "spec.support.raises"

describe("core.task.refuse", function()
  local loop, contexts

  before_each(function()
    loop = saros.new_event_loop()
    contexts = {}
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)
  after_each(function() loop:close() end)

  -- All that suspends, as functions to call where it is not allowed.
  local function suspenders()
    local future = loop:create_future()
    return {
      sleep = function() saros.sleep(0) end,
      ["sleep for long"] = function() saros.sleep(3600, "x") end,
      await = function() saros.await(future) end,
      ["future:await"] = function() future:await() end,
    }
  end

  -- Asserts that each of them fails with a RuntimeError that matches all the patterns, when it is
  -- called by `place`; and that the task goes on unharmed.
  local function refused(place, ...)
    local patterns = { ... }
    for name, suspend in pairs(suspenders()) do
      local task = loop:create_task(function()
        local failure = raises(saros.RuntimeError, place, suspend)
        for _, pattern in ipairs(patterns) do assert.matches(pattern, failure.message, nil, name) end
        saros.sleep(0)
        return "went on"
      end)
      assert.equal("went on", loop:run_until_complete(task), name)
    end
  end

  it("outside of any loop", function()
    for _, suspend in pairs(suspenders()) do
      local failure = raises(saros.RuntimeError, suspend)
      assert.matches("outside a task", failure.message)
      assert.matches("no running event loop", failure.message)
    end
  end)

  it("in a callback", function()
    for _, suspend in pairs(suspenders()) do loop:call_soon(suspend) end
    loop:call_later(0.001, saros.sleep, 0)
    loop:run()
    assert.equal(5, #contexts)
    for _, context in ipairs(contexts) do
      assert.is_true(saros.is_error(context.exception, saros.RuntimeError))
      assert.matches("outside a task", context.exception.message)
      assert.matches("callback", context.exception.message)
    end
  end)

  it("in a done callback, which runs when no task does", function()
    local future = loop:create_future()
    future:add_done_callback(function() saros.sleep(0) end)
    loop:run_until_complete(function()
      future:set_result()
      saros.sleep(0)
      saros.sleep(0)
    end)
    assert.matches("callback", contexts[1].exception.message)
  end)

  it("does not matter for what is done already: result() is there for that", function()
    local done = loop:create_future()
    done:set_result("ready")
    loop:run_until_complete(function()
      local failures = {}
      coroutine.wrap(function() failures[1] = raises(saros.RuntimeError, done.await, done).message end)()
      table.sort({ 2, 1 }, function(a, b)
        failures[2] = raises(saros.RuntimeError, done.await, done).message
        assert.equal("ready", done:result())
        return a < b
      end)
      assert.matches("coroutine", failures[1])
      assert.matches("table%.sort", failures[2])
    end)
  end)

  it("in a coroutine that the program resumes itself", function()
    refused(function(suspend) coroutine.wrap(suspend)() end, "coroutine")
    refused(function(suspend)
      local co = coroutine.create(suspend)
      local ok, failure = coroutine.resume(co)
      assert.is_false(ok)
      error(failure, 0)
    end, "coroutine", "resume")
    refused(function(suspend)
      coroutine.wrap(function() coroutine.wrap(suspend)() end)()
    end, "coroutine")
  end)

  it("across table.sort", function()
    refused(function(suspend)
      table.sort({ 3, 1, 2 }, function(a, b) suspend() return a < b end)
    end, "table%.sort")
  end)

  it("across string.gsub", function()
    refused(function(suspend) string.gsub("abc", ".", suspend) end, "string%.gsub")
    refused(function(suspend) return (("abc"):gsub(".", suspend)) end, "string%.gsub")
  end)

  it("across require", function()
    refused(function(suspend)
      package.preload["spec.suspending_module"] = suspend
      package.loaded["spec.suspending_module"] = nil
      local ok, failure = pcall(require, "spec.suspending_module")
      package.preload["spec.suspending_module"] = nil
      assert.is_false(ok)
      error(failure, 0)
    end, "require")
  end)

  it("across load's reader", function()
    refused(function(suspend)
      local chunk, failure = load(function() suspend() end)
      assert.is_nil(chunk)
      error(failure, 0)
    end, "load")
  end)

  it("across tostring, by a __tostring", function()
    refused(function(suspend)
      tostring(setmetatable({}, { __tostring = function() suspend() return "x" end }))
    end, "tostring")
  end)

  it("across ipairs over an __index", function()
    refused(function(suspend)
      for i in ipairs(setmetatable({}, { __index = function() suspend() end })) do assert.is_nil(i) end
    end, "iterator")
  end)

  it("across table.concat, table.unpack and their like", function()
    local proxy = function(suspend)
      return setmetatable({}, { __index = function() suspend() return "x" end, __len = function() return 2 end })
    end
    refused(function(suspend) table.concat(proxy(suspend)) end, "table%.concat")
    refused(function(suspend) table.unpack(proxy(suspend)) end, "table%.unpack")
    refused(function(suspend) table.insert(proxy(suspend), 1, "y") end, "table%.insert")
  end)

  it("across coroutine.close, by a scope of the coroutine", function()
    refused(function(suspend)
      local co = coroutine.create(function()
        local _ <close> = setmetatable({}, { __close = suspend })
        coroutine.yield()
      end)
      coroutine.resume(co)
      local ok, failure = coroutine.close(co)
      assert.is_false(ok)
      error(failure, 0)
    end, "coroutine")
  end)

  it("through a pcall inside, which is not what is in the way", function()
    refused(function(suspend)
      table.sort({ 2, 1 }, function(a, b)
        local ok, failure = pcall(pcall, suspend)
        assert.is_true(ok)
        local _, inner = pcall(suspend)
        assert.is_boolean(failure)
        if inner then error(inner, 0) end
        return a < b
      end)
    end, "table%.sort")
  end)

  it("in a finalizer", function()
    for _, suspend in pairs(suspenders()) do
      loop:run_until_complete(function()
        local failure
        setmetatable({}, {
          __gc = function() failure = raises(saros.RuntimeError, suspend) end,
        })
        collectgarbage()
        collectgarbage()
        assert.matches("finalizer", failure.message)
        saros.sleep(0)
      end)
    end
  end)

  it("in a debug hook", function()
    for _, suspend in pairs(suspenders()) do
      loop:run_until_complete(function()
        local failure
        debug.sethook(function()
          debug.sethook()
          failure = raises(saros.RuntimeError, suspend)
        end, "l")
        local _ = 1
        debug.sethook()
        assert.matches("hook", failure.message)
        saros.sleep(0)
      end)
    end
  end)

  it("in a message handler", function()
    for _, suspend in pairs(suspenders()) do
      loop:run_until_complete(function()
        local failure
        xpcall(error, function(message)
          failure = raises(saros.RuntimeError, suspend)
          return message
        end, "x")
        assert.matches("message handler", failure.message)
        saros.sleep(0)
      end)
    end
  end)

  it("across functions of Lua's library, by their own name, whatever else they are known by", function()
    package.loaded["spec.other"] = { each = string.gsub }
    refused(function(suspend) package.loaded["spec.other"].each("a", ".", suspend) end, "'string%.gsub'")
    package.loaded["spec.other"] = nil
  end)

  it("names the function that was called", function()
    loop:run_until_complete(function()
      local future = loop:create_future()
      coroutine.wrap(function()
        assert.matches("sleep", raises(saros.RuntimeError, saros.sleep, 0).message)
        assert.matches("await", raises(saros.RuntimeError, future.await, future).message)
      end)()
    end)
  end)

  it("says so as well for what the toolkit builds on await", function()
    local event, queue = saros.Event(), saros.Queue()
    loop:run_until_complete(function()
      coroutine.wrap(function()
        raises(saros.RuntimeError, event.wait, event)
        raises(saros.RuntimeError, queue.get, queue)
        raises(saros.RuntimeError, saros.wait_for, loop:create_future(), 1)
      end)()
      saros.sleep(0)
    end)
  end)
end)
