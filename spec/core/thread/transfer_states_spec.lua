local saros = require "saros"
-- What functions that travel use: busted gives those of a spec an _ENV that cannot.
local coroutine, debug, error, io, package, pcall = coroutine, debug, error, io, package, pcall
local print, tostring = print, tostring

local isomorphic = require "spec.support.isomorphic"
local raises = require "spec.support.raises"
local transfers = require "spec.support.transfers"

local copy, refusal = transfers.copy, transfers.refusal

describe("core.thread.transfer", function()
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
end)
