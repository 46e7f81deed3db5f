local saros = require "saros"
-- What functions that travel use: busted gives those of a spec an _ENV that cannot.
local coroutine, io, package = coroutine, io, package
local print, tostring = print, tostring

local isomorphic = require "spec.support.isomorphic"
local raises = require "spec.support.raises"
local transfers = require "spec.support.transfers"

local copy, refusal = transfers.copy, transfers.refusal

describe("core.thread.transfer", function()
  describe("plain values", function()
    it("keep their type and every bit", function()
      local integers = {0, 1, -1, math.maxinteger, math.mininteger, 2 ^ 53 | 0}
      for _, value in ipairs(integers) do
        assert.equal(value, copy(value))
        assert.equal("integer", math.type(copy(value)))
      end
      local floats = {0.0, 1.0, -1.5, math.huge, -math.huge, 2.0 ^ 53, 5e-324, math.pi}
      for _, value in ipairs(floats) do
        assert.equal(value, copy(value))
        assert.equal("float", math.type(copy(value)))
      end
      assert.equal(-math.huge, 1 / copy(-0.0))
      local nan = copy(0 / 0)
      assert.is_true(nan ~= nan)
      assert.is_true(copy(true))
      assert.is_false(copy(false))
    end)

    it("are strings of any bytes and length", function()
      local bytes = {}
      for i = 0, 255 do bytes[i + 1] = string.char(i) end
      local all = table.concat(bytes)
      for _, text in ipairs {"", "\0", "a\0b", all, all:rep(40), ("x"):rep(127), ("x"):rep(128)} do
        assert.is_true(text == copy(text))
      end
      local large = ("0123456789"):rep(1024 * 1024)
      assert.is_true(large == copy(large))
    end)
  end)

  describe("tables", function()
    it("are copies", function()
      local original = {1, {2}, three = 3}
      local other = copy(original)
      assert.same(original, other)
      assert.are_not.equal(original, other)
      assert.are_not.equal(original[2], other[2])
    end)

    it("have keys of any kind, tables among them", function()
      local key = {"key"}
      local original = {
        [1.5] = "float", [true] = "boolean", [key] = "table", [{key}] = key, [math.mininteger] = "integer",
        ["a\0b"] = "string", [""] = "empty", [-1] = "negative", [0] = "zero", [2 ^ 60 | 0] = "far",
      }
      assert.is_nil(isomorphic(original, copy(original)))
    end)

    it("may be lists with holes", function()
      local list = {1, nil, 3, nil, nil, 6}
      list[100] = 100
      local other = copy(list)
      assert.is_nil(isomorphic(list, other))
      local shrunk = table.pack(("x"):rep(100):byte(1, -1))
      for i = 2, 99 do shrunk[i] = nil end
      assert.is_nil(isomorphic(shrunk, copy(shrunk)))
      assert.same({n = 3, nil, nil, nil}, copy(table.pack(nil, nil, nil)))
    end)

    it("may have keys far apart, as flags are, which used to be taken for a list with holes", function()
      local text = {}
      for bit = 0, 45 do text[#text + 1] = ("[1 << %d] = %d"):format(bit, bit) end
      local flags = load("return {" .. table.concat(text, ",") .. "}")()
      assert.equal(1 << 45, #flags)
      assert.is_nil(isomorphic(flags, copy(flags)))
    end)

    it("may be long lists with holes", function()
      local list = {}
      for i = 1, 6000 do list[i] = i end
      for i = 2, 6000, 3 do list[i] = nil end
      assert.is_nil(isomorphic(list, copy(list)))
      for i = 1, 5999 do list[i] = nil end
      assert.is_nil(isomorphic(list, copy(list)))
    end)

    it("keep cycles and shared references", function()
      local shared = {"shared"}
      local original = {shared, shared, {shared}}
      original.self = original
      original[original] = original
      local other = copy(original)
      assert.equal(other, other.self)
      assert.equal(other, other[other])
      assert.equal(other[1], other[2])
      assert.equal(other[1], other[3][1])
      assert.is_nil(isomorphic(original, other))
    end)

    it("may nest 200,000 deep #many", function()
      local nested = {}
      local last = nested
      for _ = 1, 200000 do
        last.next = {}
        last = last.next
      end
      last.value = "bottom"
      local other, depth = copy(nested), 0
      while other.next do
        other = other.next
        depth = depth + 1
      end
      assert.equal(200000, depth)
      assert.equal("bottom", other.value)
    end)

    it("may be of any size #many", function()
      local list, set = {}, {}
      for i = 1, 100000 do
        list[i] = i
        set["key " .. i] = i
      end
      local other = copy({list, set})
      assert.equal(100000, #other[1])
      for i = 1, 100000, 777 do
        assert.equal(i, other[1][i])
        assert.equal(i, other[2]["key " .. i])
      end
    end)
  end)

  describe("metatables", function()
    it("are copied along, and shared", function()
      local class = {}
      class.__index = class
      class.__eq = function(a, b) return a.x == b.x end
      class.__add = function(a, b) return a.x + b.x end
      function class:twice() return 2 * self.x end
      local a, b = table.unpack(copy({setmetatable({x = 21}, class), setmetatable({x = 21}, class)}))
      assert.equal(42, a:twice())
      assert.equal(42, a + b)
      assert.is_true(a == b)
      assert.is_true(getmetatable(a) == getmetatable(b))
      assert.are_not.equal(class, getmetatable(a))
    end)

    it("that are hidden are copied too, and do nothing on the way", function()
      local traps = {}
      local function trap() traps[#traps + 1] = true end
      local guarded = setmetatable({1, 2, n = 3}, {
        __metatable = "hidden", __index = trap, __newindex = trap, __len = trap, __pairs = trap, __tostring = trap,
      })
      local other = copy(guarded)
      assert.same({}, traps)
      assert.equal("hidden", getmetatable(other))
      assert.same({1, 2, 3}, {rawget(other, 1), rawget(other, 2), rawget(other, "n")})
    end)

    it("may be their own, or each other's", function()
      local own = {}
      setmetatable(own, own)
      local other = copy(own)
      assert.equal(other, getmetatable(other))
      local left, right = {}, {}
      setmetatable(left, right)
      setmetatable(right, left)
      other = copy(left)
      assert.equal(other, getmetatable(getmetatable(other)))
    end)

    it("run finalizers once for each copy", function()
      local function make(counts)
        return setmetatable({}, {__gc = function() counts.finalized = counts.finalized + 1 end, counts = counts})
      end
      local counts = {finalized = 0}
      local other = copy(make(counts))
      local its_counts = getmetatable(other).counts
      other = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.equal(1, its_counts.finalized)
      assert.equal(1, counts.finalized)
    end)

    it("run __close of the copy", function()
      local log = {}
      local other = copy(setmetatable({}, {__close = function(self) self.closed = true end}))
      do
        local scope <close> = other -- luacheck: ignore 211
      end
      log[1] = other.closed
      assert.same({true}, log)
    end)

    it("may say that a table is weak", function()
      local kept = {"kept"}
      local weak = setmetatable({}, {__mode = "v"})
      weak[1], weak.lost = kept, {"lost"}
      local other = copy({weak, kept})
      collectgarbage()
      collectgarbage()
      assert.equal(other[2], other[1][1])
      assert.is_nil(other[1].lost)
    end)
  end)

  describe("errors", function()
    it("are objects of the same kind, with all their fields", function()
      local failure = saros.OSError {message = "refused", code = "ECONNREFUSED", errno = 111, extra = {1}}
      failure.traceback = "somewhere"
      local other = copy(failure)
      assert.is_true(saros.is_error(other, saros.OSError))
      assert.equal("OSError: refused", tostring(other))
      assert.same({"ECONNREFUSED", 111, {1}, "somewhere"}, {other.code, other.errno, other.extra, other.traceback})
      assert.are_not.equal(failure, other)
    end)

    it("of a kind of one's own stay so", function()
      local MyError = saros.ValueError:extend("MyError")
      local Special = MyError:extend("Special")
      function MyError:describe() return "my " .. self.message end
      local other = copy({Special("x"), Special, MyError})
      assert.equal(Special, other[2])
      assert.equal(MyError, other[3])
      assert.is_true(saros.is_error(other[1], Special))
      assert.equal("my x", other[1]:describe())
    end)

    it("may be groups", function()
      local group = saros.ExceptionGroup {message = "two", errors = {saros.TimeoutError("a"), saros.ValueError("b")}}
      local other = copy(group)
      assert.is_true(saros.is_error(other.errors[1], saros.TimeoutError))
      assert.equal("ValueError: b", tostring(other.errors[2]))
    end)
  end)

  describe("what cannot travel", function()
    it("is named", function()
      assert.equal("argument 1: a coroutine cannot be transferred", refusal(coroutine.create(print)))
      assert.equal("argument 1: userdata cannot be transferred", refusal(io.stdout))
      assert.equal("argument 1: a C function that no loaded module has cannot be transferred",
        refusal(string.gmatch("", "")))
    end)

    it("is named with the path to it", function()
      local bad = io.stdout
      assert.equal("argument 1.config.socket: userdata cannot be transferred", refusal({config = {socket = bad}}))
      assert.equal("argument 1[2][1].x: userdata cannot be transferred", refusal({1, {{x = bad}}}))
      assert.equal("argument 1[\"odd key\"]: userdata cannot be transferred", refusal({["odd key"] = bad}))
      assert.equal("argument 1[\"\"]: userdata cannot be transferred", refusal({[""] = bad}))
      assert.equal("argument 1[\"1st\"]: userdata cannot be transferred", refusal({["1st"] = bad}))
      assert.equal("argument 1[1.5]: userdata cannot be transferred", refusal({[1.5] = bad}))
      assert.equal("argument 1[true]: userdata cannot be transferred", refusal({[true] = bad}))
      assert.equal("argument 1[table]: userdata cannot be transferred", refusal({[{}] = bad}))
      assert.equal("argument 1.(metatable).__index: userdata cannot be transferred",
        refusal(setmetatable({}, {__index = bad})))
      assert.equal("argument 1[userdata]: userdata cannot be transferred", refusal({[bad] = 1}))
    end)

    it("is named through upvalues", function()
      local bad = io.stdout
      local function uses() return bad end
      assert.equal("argument 1, upvalue 'bad': userdata cannot be transferred", refusal(uses))
      local function calls() return uses() end
      assert.equal("argument 1.run, upvalue 'uses', upvalue 'bad': userdata cannot be transferred",
        refusal({run = calls}))
    end)

    it("leaves no trace: what is sent next arrives", function()
      local channel = saros.Channel(1)
      for _ = 1, 3 do raises(saros.TransferError, channel.send, channel, {{{io.stdout}}}) end
      channel:send({{{1}}})
      assert.same({{{1}}}, channel:recv())
    end)

    it("is named at any depth #many", function()
      local nested = {io.stdout}
      for _ = 1, 100000 do nested = {nested} end
      assert.matches("^argument 1%[1%]%[1%].*: userdata cannot be transferred$", refusal(nested))
    end)

    it("may be a module that is not there any more", function()
      local channel = saros.Channel(1)
      package.loaded["transfer.spec.gone"] = {}
      channel:send(package.loaded["transfer.spec.gone"])
      package.loaded["transfer.spec.gone"] = nil
      local failure = raises(saros.TransferError, channel.recv, channel)
      assert.matches("^module 'transfer.spec.gone' cannot be loaded: ", failure.message)
    end)
  end)

  describe("packing", function()
    it("is not confused by finalizers that change what is being packed", function()
      -- Each table that packing makes may run a finalizer, which shortens the lists that are still to come.
      local lists = {}
      local function meddle()
        for i = 1, #lists do lists[i][#lists[i]] = nil end
        setmetatable({}, {__gc = meddle})
      end
      for _ = 1, 20 do
        for i = 1, 50 do lists[i] = {1, 2, 3, 4, 5, 6, 7, {8}} end
        setmetatable({}, {__gc = meddle})
        collectgarbage("step", 200)
        local other = copy(lists)
        for i = 1, 50 do assert.is_true(#other[i] <= 8) end
      end
      lists = {}
      collectgarbage()
    end)

    it("of weak tables survives their collection", function()
      for _ = 1, 20 do
        local weak = {}
        for i = 1, 50 do
          weak[i] = setmetatable({}, {__mode = "kv"})
          for j = 1, 20 do weak[i][j] = {j} end
        end
        assert.equal(50, #copy(weak))
      end
    end)

    it("comes out right for random structures", function()
      for seed = 1, 60 do
        local original = isomorphic.random(seed)
        local difference = isomorphic(original, copy(original))
        assert.is_nil(difference, ("seed %d: %s"):format(seed, difference))
      end
    end)

    it("of 1,000 records takes some hundred nanoseconds per value #many", function()
      local records = {}
      for i = 1, 1000 do
        records[i] = {id = i, name = "name " .. i, price = i / 7, tags = {"a", "b"}, active = i % 2 == 0}
      end
      copy(records)
      local best = math.huge
      for _ = 1, 5 do
        local begin = os.clock()
        for _ = 1, 10 do copy(records) end
        best = math.min(best, (os.clock() - begin) / 10)
      end
      local per_value = best / 8000 * 1e9
      local limit = os.getenv("SAROS_BUILD") == "release" and not os.getenv("SAROS_GC") and 1500 or 100000
      assert.is_true(per_value < limit, ("%.0f ns per value"):format(per_value))
    end)
  end)
end)
