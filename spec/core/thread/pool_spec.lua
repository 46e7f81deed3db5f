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

local LIMIT = 30 -- seconds

local function nap(seconds)
  require("saros").blocking_sleep(seconds)
end

-- Submits a job that goes on when the gate is closed.
local function submit_waiting(executor, gate)
  return executor:submit(function() gate:recv() end)
end

local function await_all(futures)
  saros.wait_for(saros.gather(futures), LIMIT)
end

-- Runs jobs each of which waits for all of them to begin, so that they end only if they run at the same time.
local function run_together(executor, count)
  local gate <close> = saros.Channel()
  local begun, futures = saros.Channel(count), {}
  for i = 1, count do
    futures[i] = executor:submit(function()
      begun:send(i)
      gate:recv()
    end)
  end
  for _ = 1, count do saros.wait_for(begun.recv, LIMIT, begun) end
  gate:close()
  await_all(futures)
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
    local gate <close> = saros.Channel()
    local long = submit_waiting(executor, gate)
    local futures = {}
    for i = 1, 50 do futures[i] = executor:submit(nap, 0) end
    await_all(futures)
    assert.is_false(long:done())
    gate:close()
    long:await()
  end))

  it("lets no job wait behind a long one among thousands of tiny ones #many", with_executor(2, function(executor)
    local function tiny() end
    local futures = {}
    for _ = 1, 5 do -- what it learns about jobs is no reason to leave them
      for i = 1, 2000 do futures[i] = executor:submit(tiny) end
      saros.gather(futures):await()
    end
    local gate <close> = saros.Channel()
    local long
    for i = 1, 2000 do
      futures[i] = executor:submit(tiny)
      if i == 1000 then long = submit_waiting(executor, gate) end
    end
    await_all(futures)
    assert.is_false(long:done())
    gate:close()
    long:await()
  end))

  it("runs long jobs at once after thousands of tiny ones #many", with_executor(4, function(executor)
    local futures = {}
    for i = 1, 5000 do futures[i] = executor:submit(function() end) end
    saros.gather(futures):await()
    run_together(executor, 4)
  end))

  -- Those that were there when the worker looked last are in its queue, later ones are not yet.
  local function with_waiting_jobs(fn)
    return with_executor(1, function(executor)
      executor:submit(function() _G.done = {} end):await()
      saros.sleep(0.05)
      local first, futures = executor:submit(nap, 0.2), {}
      local function mark(i)
        _G.done[#_G.done + 1] = i
        return i
      end
      for i = 1, 4 do futures[i] = executor:submit(mark, i) end
      saros.sleep(0.1)
      for i = 5, 8 do futures[i] = executor:submit(mark, i) end
      fn(executor, first, futures)
    end)
  end

  it("takes jobs back that wait, wherever they do", with_waiting_jobs(function(executor, first, futures)
    for _, i in ipairs {8, 1, 4, 3, 6} do assert.is_true(futures[i]:cancel()) end
    assert.is_false(first:done())
    first:await()
    assert.same({2, 5, 7}, {futures[2]:await(), futures[5]:await(), futures[7]:await()})
    assert.same({2, 5, 7}, executor:submit(function() return _G.done end):await())
  end))

  it("takes all of them back, and more may follow", with_waiting_jobs(function(executor, _, futures)
    for i = 1, 8 do futures[i]:cancel() end
    assert.same({}, executor:submit(function() return _G.done end):await())
  end))

  it("cancels all of them at a shutdown", with_waiting_jobs(function(executor, first, futures)
    executor:shutdown({cancel_futures = true})
    assert.is_true(first:done() and not first:cancelled())
    for i = 1, 8 do assert.is_true(futures[i]:cancelled()) end
  end))

  it("does all of them before a shutdown is over", with_waiting_jobs(function(executor, _, futures)
    executor:shutdown()
    for i = 1, 8 do assert.equal(i, futures[i]:await()) end
  end))

  it("forgets nothing when workers fall asleep and jobs come at the same time", with_executor(3, function(executor)
    local function tiny(i) return i end
    for round = 1, 400 do
      local futures, begin, pause = {}, saros.monotonic(), round % 40 * 5e-6
      for i = 1, round % 7 + 1 do futures[i] = executor:submit(tiny, i) end
      while saros.monotonic() < begin + pause do end
      for i, future in ipairs(futures) do assert.equal(i, future:await()) end
      assert.is_true(saros.monotonic() - begin < 5)
    end
  end))

  -- It used to be left to that worker, which may be busy with another one for long.
  it("calls another worker for what comes while one is looking", with_executor(4, function(executor)
    for round = 1, 600 do
      for _ = 1, round % 8 do executor:submit(function() end) end
      run_together(executor, 4)
    end
  end))

  it("runs as many jobs at once as it has workers", with_executor(8, function(executor)
    run_together(executor, 8)
    run_together(executor, 8)
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
    assert.equal(0, threads.left(count))
    assert.is_true(fds.count() <= open)
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
    assert.equal(0, threads.left(before))
  end)
end)
