local saros = require "saros"
-- What functions that travel use: busted gives those of a spec an _ENV that cannot.
local coroutine, debug, error, io, package, pcall = coroutine, debug, error, io, package, pcall
local print, select, tostring = print, select, tostring

local isomorphic = require "spec.support.isomorphic"
local raises = require "spec.support.raises"

-- There and back through a channel of this state.
local function copy(value)
  local channel = saros.Channel(1)
  channel:send(value)
  return channel:recv()
end

local function refusal(value)
  return raises(saros.TransferError, copy, value).message
end

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
      assert.matches("transfer_spec.lua$", debug.getinfo(other, "S").short_src)
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

  describe("what threads share", function()
    it("travels by reference", function()
      local loop <close> = saros.new_event_loop()
      local channel = saros.Channel()
      local callable = loop:threadsafe(print)
      local other = copy({channel, callable, loop, channel})
      assert.equal(channel, other[1])
      assert.equal(callable, other[2])
      assert.equal(loop, other[3])
      assert.equal(channel, other[4])
    end)

    it("does not when it is a closed loop", function()
      local loop = saros.new_event_loop()
      loop:close()
      assert.matches("^argument 1: userdata cannot be transferred", refusal(loop))
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

  describe("between states #threads", function()
    -- Calls a function in a worker that is always the same.
    local call

    local function with_worker(main)
      return function()
        saros.run(function()
          local executor <close> = saros.ThreadPoolExecutor {max_workers = 1}
          call = function(...) return executor:submit(...):await() end
          main()
        end)
      end
    end

    -- What busted's _ENV would keep a function from, and does not when it is loaded.
    local function chunk(text) return assert(load(text)) end

    it("the library's error kinds are the same ones", with_worker(function()
      local here = saros.ValueError("here")
      local seen = call(function(failure) return saros.is_error(failure, saros.ValueError), tostring(failure) end, here)
      assert.is_true(seen)
      local there = call(function() return saros.TimeoutError {message = "there", after = 5} end)
      assert.is_true(saros.is_error(there, saros.TimeoutError))
      assert.equal(5, there.after)
      assert.equal(saros.OSError, call(function() return saros.OSError end))
    end))

    it("a kind of one's own is one kind in every state it comes to", with_worker(function()
      local Base = saros.Error:extend("Base")
      local Derived = Base:extend("Derived")
      function Base:describe() return self.name .. " of " .. self.message end
      Derived.__tostring = function(self) return "<" .. self.message .. ">" end
      Derived.limit = {5}
      local known, described, text, limit = call(function(failure)
        local is_kind = saros.is_error(failure, Derived) and saros.is_error(failure, Base)
        return is_kind and not saros.is_error(failure, saros.OSError),
          failure:describe(), tostring(failure), failure.limit[1]
      end, Derived("there"))
      assert.same({true, "Derived of there", "<there>", 5}, {known, described, text, limit})
      local ok, failure = pcall(call, function() error(Derived("raised")) end)
      assert.is_false(ok)
      assert.equal(Derived, getmetatable(failure))
      assert.equal("<raised>", tostring(failure))
      assert.equal(Base, call(function() return Base end))
    end))

    it("a kind that was made there is one kind here, and there again", with_worker(function()
      local First, again = call(function()
        local Kind = saros.Error:extend("Made")
        package.loaded["transfer_spec.kind"] = {Kind = Kind}
        return Kind, Kind("object")
      end)
      assert.equal(First, getmetatable(again))
      assert.equal("Made", First.name)
      local same, second = call(function(kind)
        local Kind = package.loaded["transfer_spec.kind"].Kind
        return kind == Kind, Kind
      end, First)
      assert.is_true(same)
      assert.equal(First, second)
    end))

    it("functions see the globals of the state they run in", with_worker(function()
      call(chunk "transfer_spec_there = 'there'")
      assert.is_nil(_G.transfer_spec_there)
      _G.transfer_spec_there = "here"
      assert.equal("there", call(chunk "return transfer_spec_there"))
      assert.equal("there", call(load(string.dump(chunk "return transfer_spec_there", true))))
      assert.equal("here", call(chunk "return function() return transfer_spec_there end")())
      assert.equal("there", call(chunk "return ({...})[1].transfer_spec_there", _G))
      assert.equal(_G, call(chunk "return _G"))
      _G.transfer_spec_there = nil
    end))

    it("an environment of one's own is a copy each time", with_worker(function()
      local environment = {count = 0}
      local count = load("count = count + 1; return count", "=count", "t", environment)
      assert.equal(1, call(count))
      assert.equal(1, call(count))
      assert.equal(0, environment.count)
    end))

    it("a call that gives a function another environment has no effect on later ones", with_worker(function()
      local function run_in_sandbox(fn, environment)
        debug.setupvalue(fn, 1, environment)
        return fn()
      end
      local get = chunk "return transfer_spec_secret"
      assert.equal("sandboxed", call(run_in_sandbox, get, {transfer_spec_secret = "sandboxed"}))
      assert.is_nil(call(get))
      local leave = chunk "local had = print ~= nil; _ENV = {}; return had"
      assert.same({true, true}, {call(leave), call(leave)})
    end))

    it("functions that share variables do so there", with_worker(function()
      local count = 0
      local function add() count = count + 1 end
      local function get() return count end
      assert.equal(2, call(function(first, second)
        first()
        add()
        return second()
      end, add, get))
      assert.equal(0, count)
    end))

    it("modules and their C functions are those of the state", with_worker(function()
      local lfs = require "lfs"
      assert.equal("directory", call(function() return lfs.attributes(".", "mode") end))
      local attributes = lfs.attributes
      assert.equal("directory", call(attributes, ".", "mode"))
      assert.equal(attributes, call(function() return attributes end))
      assert.equal(lfs, call(function() return lfs end))
      assert.is_true(call(chunk "local lfs = ...; return lfs == require 'lfs'", lfs))
    end))

    it("a module that is not there is an error of the call", with_worker(function()
      package.loaded["transfer_spec.only_here"] = {}
      local failure = raises(saros.TransferError, call, function(x) return x end,
        package.loaded["transfer_spec.only_here"])
      package.loaded["transfer_spec.only_here"] = nil
      assert.matches("^module 'transfer_spec.only_here' cannot be loaded: ", failure.message)
    end))

    it("what threads share is the same after a round trip", with_worker(function()
      local channel, loop = saros.Channel(1), saros.get_running_loop()
      local callable = loop:threadsafe(function() end)
      local same = {call(function(...)
        channel:send("from there")
        return ...
      end, channel, loop, callable)}
      assert.equal(channel, same[1])
      assert.equal(loop, same[2])
      assert.equal(callable, same[3])
      assert.equal("from there", channel:recv())
      assert.matches("^LoopProxy: ", call(function(proxy) return tostring(proxy) end, loop))
    end))

    it("random structures come back as they went", with_worker(function()
      for seed = 101, 140 do
        local original = isomorphic.random(seed)
        local difference = isomorphic(original, call(function(value) return value end, original))
        assert.is_nil(difference, ("seed %d: %s"):format(seed, difference))
      end
    end))

    it("what cannot travel is named: arguments, upvalues, results, errors", with_worker(function()
      local bad = io.stdout
      local function refusal_of(...) return raises(saros.TransferError, call, ...).message end
      assert.equal("argument 2.x: userdata cannot be transferred", refusal_of(function() end, 1, {x = bad}))
      assert.equal("upvalue 'bad': userdata cannot be transferred", refusal_of(function() return bad end))
      assert.equal("the function: a C function that no loaded module has cannot be transferred",
        refusal_of(coroutine.wrap(print)))
      assert.equal("result 2[1]: userdata cannot be transferred", refusal_of(function() return 1, {io.stdout} end))
      assert.equal("result 1: a coroutine cannot be transferred",
        refusal_of(function() return coroutine.create(print) end))
      assert.matches("^error: userdata cannot be transferred %(the error: file %(",
        refusal_of(function() error(io.stdout) end))
    end))
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
