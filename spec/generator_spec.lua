local saros = require "saros"
local core = require "saros.core"
local generators = require "spec.support.generators"
local raises = require "spec.support.raises"

local scope, count, collect = generators.scope, generators.count, generators.collect

describe("saros.generator", function()
  it("gives what the body yields, one value a step", function()
    saros.run(function()
      assert.same({1, 2, 3}, collect(saros.generator(count, 3)))
      local generator = saros.generator(count, 2)
      assert.equal(1, generator())
      assert.equal(2, generator())
      assert.is_nil(generator())
      assert.is_nil(generator())
      assert.equal(1, select("#", generator()))
    end)
  end)

  it("gives nothing when the body yields nothing", function()
    saros.run(function()
      assert.same({}, collect(saros.generator(function() end)))
      assert.same({}, collect(saros.generator(function() return 1, 2 end)))
    end)
  end)

  it("yields false like any value", function()
    assert.is_false(saros.generator(function(yield) yield(false) end)())
  end)

  it("takes any callable, and passes further arguments on", function()
    local seen
    local callable = setmetatable({}, {__call = function(_, yield, ...)
      seen = table.pack(...)
      assert.is_nil(yield("value"))
    end})
    local generator = saros.generator(callable, 1, nil, 3, nil)
    assert.is_nil(seen)
    assert.equal("value", generator())
    assert.same({1, nil, 3, nil, n = 4}, seen)
    local arguments = {}
    for i = 1, 200 do arguments[i] = i end
    local many = saros.generator(function(yield, ...) yield(select("#", ...)) end, table.unpack(arguments))
    assert.equal(200, many())
  end)

  it("runs the body only as far as it is asked", function()
    saros.run(function()
      local trace = {}
      local generator = saros.generator(function(yield)
        trace[#trace + 1] = "begun"
        yield(1)
        trace[#trace + 1] = "between"
        yield(2)
      end)
      assert.same({}, trace)
      generator()
      assert.same({"begun"}, trace)
      generator()
      assert.same({"begun", "between"}, trace)
      generator:close()
    end)
  end)

  it("tells its state", function()
    saros.run(function()
      local generator, inside
      generator = saros.generator(function(yield)
        inside = tostring(generator)
        yield(1)
      end)
      assert.matches("^Generator: %S+ not begun$", tostring(generator))
      generator()
      assert.matches("running$", inside)
      assert.matches("suspended$", tostring(generator))
      generator()
      assert.matches("ended$", tostring(generator))
    end)
  end)

  it("goes on in another task between two values", function()
    saros.run(function()
      local generator = saros.generator(function(yield)
        for _ = 1, 3 do
          saros.sleep(0)
          yield(saros.current_task())
        end
      end)
      assert.equal(saros.current_task(), generator())
      local other = saros.create_task(function() return generator(), saros.current_task() end)
      local seen, task = other:await()
      assert.equal(task, seen)
      assert.equal(saros.current_task(), generator())
      generator:close()
    end)
  end)

  it("refuses two tasks at once, and itself", function()
    saros.run(function()
      local generator
      generator = saros.generator(function(yield)
        raises(saros.RuntimeError, generator)
        raises(saros.RuntimeError, generator.close, generator)
        saros.sleep(0)
        yield(1)
      end)
      local first = saros.create_task(generator)
      local second = saros.create_task(generator)
      local third = saros.create_task(generator.close, generator)
      assert.equal(1, first:await())
      assert.equal("the generator is already executing", raises(saros.RuntimeError, second.await, second).message)
      raises(saros.RuntimeError, third.await, third)
      assert.is_nil(generator())
    end)
  end)

  describe("an error of the body", function()
    it("is raised in the consumer, the same object, and ends the generator", function()
      saros.run(function()
        local object = saros.ValueError("mine")
        local generator = saros.generator(function(yield)
          yield(1)
          saros.sleep(0)
          error(object)
        end)
        assert.equal(1, generator())
        assert.equal(object, raises(saros.ValueError, generator))
        assert.matches("generator_spec", object.traceback)
        assert.is_nil(generator())
      end)
    end)

    it("has a traceback that goes on with who asked for the value", function()
      local function failing_body() error(saros.ValueError("mine")) end
      local function outer_body() collect(saros.generator(failing_body)) end
      saros.run(function()
        local traceback = raises(saros.ValueError, function() collect(saros.generator(outer_body)) end).traceback
        local lines = {}
        for line in traceback:gmatch("[^\n]+") do lines[#lines + 1] = line:match("in .*") end
        local text = table.concat(lines, "\n")
        assert.matches("failing_body.*in upvalue 'collect'.*outer_body.*collect", (text
          :gsub("function <[^>]*:(%d+)>", {
            [tostring(debug.getinfo(failing_body, "S").linedefined)] = "failing_body",
            [tostring(debug.getinfo(outer_body, "S").linedefined)] = "outer_body",
          })))
      end)
    end)

    it("may be any value", function()
      local generator = saros.generator(function() error("text", 0) end)
      assert.same({false, "text"}, {pcall(generator)})
      assert.same({false, nil, n = 2}, table.pack(pcall(saros.generator(function() error(nil) end))))
    end)

    it("unwinds scopes that await", function()
      saros.run(function()
        local trace = {}
        local generator = saros.generator(function()
          local _ <close> = scope(function(failure)
            saros.sleep(0)
            trace[1] = failure
          end)
          error("broken", 0)
        end)
        assert.same({false, "broken"}, {pcall(generator)})
        assert.same({"broken"}, trace)
      end)
    end)
  end)

  it("leaves nothing behind when it has ended", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      for _ = 1, 100 do collect(saros.generator(count, 1)) end
      assert.equal(0, #core.generators(loop))
    end)
  end)

  it("cannot be gone on with by whoever gets hold of its coroutine", function()
    saros.run(function()
      local co
      local generator = saros.generator(function(yield)
        co = coroutine.running()
        yield(1)
      end)
      generator()
      assert.is_true(coroutine.resume(co)) -- the body ends, with the error
      assert.equal("dead", coroutine.status(co))
      assert.is_false(pcall(generator))
      assert.is_nil(generator())

      local closed = saros.generator(function(yield)
        co = coroutine.running()
        yield(1)
      end)
      closed()
      coroutine.close(co)
      assert.is_false(pcall(closed))
    end)
  end)

  it("survives a program that resumes or closes the coroutine of a task in it", function()
    for _, tamper in ipairs {coroutine.resume, coroutine.close} do
      saros.run(function()
        local co
        local future = saros.get_running_loop():create_future()
        local task = saros.create_task(function()
          co = coroutine.running()
          collect(saros.generator(function() future:await() end))
        end)
        saros.sleep(0)
        tamper(co)
        collectgarbage()
        assert.is_string(task:traceback())
        assert.is_string(tostring(task))
        future:set_result()
        raises(saros.RuntimeError, task.await, task)
      end)
    end
  end)

  describe("refuses", function()
    it("what cannot be called", function()
      assert.error_matches(function() saros.generator() end,
        "bad argument #1 to 'generator' %(function expected, got no value%)")
      assert.error_matches(function() saros.generator({}) end,
        "bad argument #1 to 'generator' %(function expected, got table%)")
    end)

    it("to yield nil, nothing, or more than one value", function()
      local function yields(...)
        local values = table.pack(...)
        return saros.generator(function(yield) yield(table.unpack(values, 1, values.n)) end)
      end
      raises(saros.ValueError, yields(nil))
      assert.error_matches(yields(), "value expected")
      assert.error_matches(yields(1, 2), "a generator yields one value")
    end)

    it("a yield elsewhere than in the body", function()
      local stolen
      local generator = saros.generator(function(yield)
        stolen = yield
        assert.matches("can only be called by the body", raises(saros.RuntimeError, coroutine.wrap(yield), 1).message)
        assert.equal("cannot yield across the C function 'table.sort'",
          raises(saros.RuntimeError, table.sort, {1, 2}, yield and function() yield(1) end).message)
        yield(1)
      end)
      assert.equal(1, generator())
      raises(saros.RuntimeError, stolen, 2)
    end)
  end)
end)
