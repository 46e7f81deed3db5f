local saros = require "saros"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local function in_thread(fn, ...)
  return saros.run(saros.to_thread, fn, ...)
end

describe("core.thread.state #threads", function()
  it("looks for modules where the parent does", function()
    local path, cpath = in_thread(function() return package.path, package.cpath end)
    assert.equal(package.path, path)
    assert.equal(package.cpath, cpath)
    local before = package.path
    package.path = before .. ";/nowhere/?.lua"
    local changed = in_thread(function() return package.path end)
    package.path = before
    assert.matches(";/nowhere/%?.lua$", changed)
  end)

  it("has Lua's libraries and the core, and globals of its own", function()
    _G.outside = true
    local names = in_thread(function()
      local list = {}
      for name in pairs(package.loaded) do list[#list + 1] = name end
      table.sort(list)
      return table.concat(list, " "), _G.outside
    end)
    _G.outside = nil
    assert.equal("_G coroutine debug io math os package saros.core string table utf8", names)
  end)

  -- Its coroutines are ours: they do what Lua's do, here and there.
  describe("coroutines", function()
    local cases = {
      resume = function()
        local co = coroutine.create(function(...)
          local got = table.pack(coroutine.yield(...))
          return "end", got.n
        end)
        local list = {}
        for _ = 1, 3 do
          local results = table.pack(coroutine.resume(co, 1, nil))
          for i = 1, results.n do list[#list + 1] = tostring(results[i]) end
          list[#list + 1] = coroutine.status(co)
        end
        return table.concat(list, " ")
      end,
      ["resume of itself"] = function()
        local co
        co = coroutine.create(function() return coroutine.resume(co) end)
        return tostring(select(3, coroutine.resume(co)))
      end,
      ["resume of what failed"] = function()
        local co = coroutine.create(function() error({code = 7}) end)
        local _, failure = coroutine.resume(co)
        return failure.code .. coroutine.status(co) .. tostring(select(2, coroutine.resume(co)))
      end,
      ["resume with too many arguments"] = function()
        local co = coroutine.create(function(...) return select("#", ...) end)
        return tostring(coroutine.resume(co, table.unpack({}, 1, 200000)))
      end,
      ["bad arguments"] = function()
        local _, first = pcall(function() coroutine.resume(1) end)
        local _, second = pcall(function() coroutine.wrap(1) end)
        return (first .. second):gsub(":%d+:", ":"):gsub("[^ ]*state_spec", "state_spec")
      end,
      wrap = function()
        local list = {}
        for i in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do list[i] = i end
        return table.concat(list, " ")
      end,
      ["wrap that fails"] = function()
        local _, text = pcall(coroutine.wrap(function() error("inside", 0) end))
        local fn = coroutine.wrap(function() error({1}) end)
        local _, object = pcall(fn)
        local _, dead = pcall(fn)
        return text .. #object .. dead
      end,
      close = function()
        local list = {}
        local function note(first, second) list[#list + 1] = tostring(first) .. " " .. tostring(second) end
        local function leave(failure)
          local _ <close> = setmetatable({}, {__close = function(_, err)
            note("closed", err)
            if failure then error(failure, 0) end
          end})
          coroutine.yield()
        end
        for _, failure in ipairs {false, "later"} do
          local co = coroutine.create(leave)
          note(coroutine.close(coroutine.create(leave)))
          coroutine.resume(co, failure)
          note(coroutine.close(co))
          note(coroutine.close(co))
          note(coroutine.status(co))
        end
        local failed = coroutine.create(error)
        coroutine.resume(failed, "failure")
        note(coroutine.close(failed))
        return table.concat(list, ", ")
      end,
      ["close of what runs"] = function()
        local list = {}
        local outer = coroutine.running()
        coroutine.wrap(function()
          for _, co in ipairs {outer, (coroutine.running())} do
            local _, failure = pcall(function() coroutine.close(co) end)
            list[#list + 1] = failure:gsub(".*:%d+:", "")
          end
        end)()
        local _, bad = pcall(function() coroutine.close(1) end)
        list[#list + 1] = bad:gsub(".*:%d+:", "")
        return table.concat(list)
      end,
      ["wrap that fails and closes"] = function()
        local closed
        local _, failure = pcall(coroutine.wrap(function()
          local _ <close> = setmetatable({}, {__close = function(_, err)
            closed = err
            error("later", 0)
          end})
          error("first", 0)
        end))
        return closed .. failure
      end,
    }
    for name, case in pairs(cases) do
      it("behave as Lua's: " .. name, function() assert.equal(case(), (in_thread(case))) end)
    end
  end)

  it("is closed with its thread: finalizers run", function()
    local path = os.tmpname()
    in_thread(function()
      _G.kept = setmetatable({}, {__gc = function() io.open(path, "w"):write("finalized"):close() end})
    end)
    local file <close> = io.open(path)
    assert.equal("finalized", file:read("a"))
    os.remove(path)
  end)
end)
