local saros = require "saros"
local fds = require "spec.support.fds"
local threads = require "spec.support.threads"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local function with_executor(max_workers, fn)
  return function()
    saros.run(function()
      local executor <close> = saros.ThreadPoolExecutor({max_workers = max_workers})
      fn(executor)
    end)
  end
end

local function nap(seconds)
  require("saros").blocking_sleep(seconds)
end

-- Resident memory in KiB.
local function resident()
  local file <close> = io.open("/proc/self/statm")
  file:read("n")
  return file:read("n") * 4
end

describe("core.thread.pool #threads", function()
  -- By their names, because threads of other specs may be on their way out.
  it("starts workers when they are needed, and no more than it may", function()
    local function workers()
      local count = 0
      for name in pairs(threads.names()) do
        if name:find("^counted_") then count = count + 1 end
      end
      return count
    end
    saros.run(function()
      local executor <close> = saros.ThreadPoolExecutor({max_workers = 3, thread_name_prefix = "counted"})
      assert.equal(0, workers())
      executor:submit(nap, 0):await()
      executor:submit(nap, 0):await()
      assert.equal(1, workers())
      local futures = {}
      for i = 1, 9 do futures[i] = executor:submit(nap, 0.2) end
      saros.gather(futures):await()
      assert.equal(3, workers())
    end)
  end)

  it("lets no job wait behind a long one while a worker is free", with_executor(2, function(executor)
    local long = executor:submit(nap, 2)
    local begin = saros.monotonic()
    local futures = {}
    for i = 1, 50 do futures[i] = executor:submit(nap, 0) end
    saros.gather(futures):await()
    assert.is_true(saros.monotonic() - begin < 1.5)
    assert.is_false(long:done())
    long:await()
  end))

  it("runs as many jobs at once as it has workers", with_executor(8, function(executor)
    local begin, futures = saros.monotonic(), {}
    for i = 1, 16 do futures[i] = executor:submit(nap, 0.3) end -- 4.8 seconds, one after the other
    saros.gather(futures):await()
    local took = saros.monotonic() - begin
    assert.is_true(took >= 0.6 and took < 3)
  end))

  it("does the jobs in the order in which they came", with_executor(1, function(executor)
    local futures = {}
    for i = 1, 100 do
      futures[i] = executor:submit(function(n)
        local last = _G.last or 0
        _G.last = n
        return last
      end, i)
    end
    for i = 1, 100 do assert.equal(i - 1, futures[i]:await()) end
  end))

  it("wakes a worker that sleeps", with_executor(2, function(executor)
    for _ = 1, 20 do
      saros.sleep(0.001)
      assert.equal(1, executor:submit(function() return 1 end):await())
    end
  end))

  it("serves several loops, one after the other", function()
    local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
    for i = 1, 3 do
      assert.equal(i, saros.run(function() return executor:submit(function() return i end):await() end))
    end
  end)

  it("leaves no thread, descriptor or memory behind", function()
    local function use()
      saros.run(function()
        local executor <close> = saros.ThreadPoolExecutor({max_workers = 2})
        local futures = {}
        for i = 1, 20 do futures[i] = executor:submit(string.rep, "x", 10000) end
        futures[20]:cancel()
        for i = 1, 19 do assert.equal(10000, #futures[i]:await()) end
      end)
    end
    for _ = 1, 5 do use() end
    collectgarbage()
    local count, open, memory = threads.count(), fds.count(), resident()
    for _ = 1, 30 do use() end
    collectgarbage()
    assert.equal(count, threads.settle(count))
    assert.equal(open, fds.count())
    if os.getenv("SAROS_BUILD") == "release" then assert.is_true(resident() - memory < 4096) end
  end)

  -- For half a second: jobs of all kinds, cancelled at any time, in executors that come and go.
  it("endures all of this at once", function()
    local before = threads.count()
    local function job(kind, n)
      if kind == 1 then return n end
      if kind == 2 then error("wanted", 0) end
      if kind == 3 then
        local sum = 0
        for i = 1, n do sum = sum + #{i} end
        return sum
      end
      if kind == 4 then return io.stdout end
      return coroutine.wrap(function() return ("x"):rep(n) end)()
    end
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n + 1
    end
    local deadline, rounds = saros.monotonic() + 0.5, 0
    while saros.monotonic() < deadline do
      rounds = rounds + 1
      local loop = saros.new_event_loop()
      loop:set_exception_handler(function() end)
      loop:run_until_complete(function()
        local executor = saros.ThreadPoolExecutor({max_workers = random(4)})
        local futures = {}
        for i = 1, random(60) do
          futures[i] = executor:submit(job, random(5), random(500))
          if random(4) == 1 then futures[random(i)]:cancel() end
          if random(8) == 1 then saros.sleep(0) end
          if random(16) == 1 then pcall(futures[random(i)].await, futures[random(i)]) end
        end
        local how = random(4)
        if how == 1 then executor:shutdown() end
        if how == 2 then executor:shutdown({cancel_futures = true}) end
        if how == 3 then executor:shutdown({wait = false}) end
      end)
      loop:close()
    end
    for _ = 1, 2 do collectgarbage() end
    assert.is_true(rounds > 0)
    assert.equal(before, threads.settle(before))
  end)
end)
