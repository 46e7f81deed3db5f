local saros = require "saros"
local futures = require "saros.futures"
local blames = require "spec.support.blames"

describe("saros.futures", function()
  it("drops futures that are in a list twice, and keeps the order", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      local a, b = loop:create_future(), loop:create_future()
      assert.same({b, a}, futures.unique({b, a, b, a, a}, "wait"))
      assert.same({}, futures.unique({}, "wait"))
    end)
  end)

  it("makes tasks of functions, the same one twice two of them, and keeps futures", function()
    saros.run(function()
      local calls = 0
      local function count() calls = calls + 1 return calls end
      local future = saros.get_running_loop():create_future()
      local callable = setmetatable({}, {__call = function() return "called" end})
      local awaitable = setmetatable({}, {__await = function() return "awaited" end})
      local list = futures.ensure({count, future, count, callable, awaitable, future}, "as_completed")
      assert.equal(5, #list)
      assert.equal(future, list[2])
      future:set_result("future")
      assert.same({n = 5, 1, "future", 2, "called", "awaited"}, saros.gather(list):await())
    end)
  end)

  it("starts nothing when one entry is unfit", function()
    saros.run(function()
      local started = false
      pcall(futures.ensure, {function() started = true end, 12}, "as_completed")
      saros.sleep(0)
      assert.is_false(started)
    end)
  end)

  it("names the entry that is unfit, and blames the caller", function()
    saros.run(function()
      local future = saros.get_running_loop():create_future()
      blames(function() saros.wait {future, print} end,
        "bad argument #1 to 'wait' (list of futures expected, got function at index 2)")
      blames(function() saros.as_completed {print, future, "text"} end,
        "bad argument #1 to 'as_completed' (list of awaitables expected, got string at index 3)")
    end)
  end)

  it("refuses what is no list", function()
    saros.run(function()
      local future = saros.get_running_loop():create_future()
      local callable = setmetatable({}, {__call = function() end})
      for got, value in pairs {Future = future, ["function"] = print, number = 12, table = callable} do
        blames(function() saros.wait(value) end, ("bad argument #1 to 'wait' (list expected, got %s)"):format(got))
        blames(function() saros.as_completed(value) end,
          ("bad argument #1 to 'as_completed' (list expected, got %s)"):format(got))
      end
      blames(function() saros.wait() end, "bad argument #1 to 'wait' (list expected, got nil)")
    end)
  end)
end)
