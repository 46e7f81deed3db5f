local saros = require "saros"
local transfers = require "spec.support.transfers"

local copy = transfers.copy

-- What functions that travel use: busted gives those of a spec an _ENV that cannot.
local debug, package = debug, package
local print, select = print, select

describe("core.thread.transfer", function()
  describe("functions", function()
    it("bring copies of their upvalues", function()
      local count = 10
      local function add(n)
        count = count + n
        return count
      end
      local other = copy(add)
      assert.equal(11, other(1))
      assert.equal(13, other(2))
      assert.equal(10, count)
    end)

    it("take any arguments", function()
      local other = copy(function(first, ...) return select("#", ...), first, ... end)
      assert.same({3, 1, nil, nil, 4}, {other(1, nil, nil, 4)})
    end)

    it("among upvalues come along", function()
      local function double(x) return 2 * x end
      local function apply(f, x) return f(double(x)) end
      assert.equal(42, copy(function(x) return apply(double, x) end)(10.5))
    end)

    it("may call themselves and each other", function()
      local function factorial(n) return n <= 1 and 1 or n * factorial(n - 1) end
      assert.equal(120, copy(factorial)(5))
      local is_odd
      local function is_even(n) return n == 0 or is_odd(n - 1) end
      function is_odd(n) return n ~= 0 and is_even(n - 1) end
      assert.is_true(copy(is_even)(10))
      assert.is_false(copy(is_odd)(10))
    end)

    it("share an upvalue that they shared", function()
      local count = 0
      local pair = {increment = function() count = count + 1 end, get = function() return count end}
      local other = copy(pair)
      other.increment()
      other.increment()
      assert.equal(2, other.get())
      assert.equal(0, pair.get())
      local mine, yours = 0, 0 -- equal values are not the same variable
      other = copy({function() mine = mine + 1 end, function() return mine, yours end})
      other[1]()
      assert.same({1, 0}, {other[2]()})
    end)

    it("see the globals of the state in which they are", function()
      _G.transfer_spec_global = "here"
      local read = load("return transfer_spec_global")
      local both = copy({read, string.dump(read), load(string.dump(read, true))})
      _G.transfer_spec_global = "changed"
      assert.equal("changed", both[1]())
      assert.equal("changed", both[3]())
      assert.equal("changed", copy(load(string.dump(read, true)))())
      _G.transfer_spec_global = nil
    end)

    it("keep an environment of their own as a copy", function()
      local environment = {value = 1}
      local read = load("value = value + 1; return value", "=own", "t", environment)
      local other = copy(read)
      assert.same({2, 3}, {other(), other()})
      assert.equal(1, environment.value)
    end)

    it("without debug information are as good", function()
      local base = 40
      local function add(n) return base + n end
      local stripped = load(string.dump(add, true))
      debug.setupvalue(stripped, 1, 40)
      assert.equal(42, copy(stripped)(2))
    end)

    it("keep their lines, for tracebacks", function()
      local line = debug.getinfo(1, "l").currentline
      local other = copy(function() return debug.getinfo(1, "Sl") end)
      assert.equal(line + 1, debug.getinfo(other, "S").linedefined)
      assert.matches("transfer_functions_spec.lua$", debug.getinfo(other, "S").short_src)
    end)

    it("may be called with __call, and be used as keys", function()
      local f = function() return "called" end
      local callable = setmetatable({}, {__call = f})
      local other = copy({callable, [f] = f})
      assert.equal("called", other[1]())
      local g = getmetatable(other[1]).__call
      assert.equal(g, other[g])
    end)

    it("that travel again and again do not pile up #many", function()
      local function round()
        for _ = 1, 5000 do copy(load("return 1, ...")) end
        collectgarbage()
        collectgarbage()
        return collectgarbage("count")
      end
      round()
      local before = round()
      local after = round()
      assert.is_true(after < before + 500, ("%.0f KB, then %.0f KB"):format(before, after))
    end)

    it("are the same again when they come again", function()
      local f = load("return ...")
      assert.equal(copy(f), copy(f))
    end)
  end)

  describe("what has a name", function()
    it("is itself: C functions of modules, and modules", function()
      for _, value in ipairs {print, string.format, table.concat, _G, string, saros, saros.sleep, require} do
        assert.equal(value, copy(value))
      end
      assert.equal(math, copy({math}).math or copy({math})[1])
      assert.equal(copy(_G), _G)
    end)

    it("is found when it was loaded a moment ago", function()
      copy({})
      package.loaded["transfer.spec.module"] = {fresh = true}
      local module = package.loaded["transfer.spec.module"]
      assert.equal(module, copy(module))
      package.loaded["transfer.spec.module"] = nil
      assert.equal(module.fresh, copy({module})[1].fresh)
    end)
  end)
end)
