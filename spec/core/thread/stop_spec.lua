local saros = require "saros"
local threads = require "spec.support.threads"

-- Functions travel with Lua's own globals, of which busted's environment is none.
local describe, it, assert = describe, it, assert
local _ENV = _G -- luacheck: ignore _ENV

local busy = threads.busy

-- Submits a job that gets a function to say that it has begun, cancels it a little later, and waits for the
-- thread's end.
local function stop_begun(fn, ...)
  local executor = saros.ThreadPoolExecutor({max_workers = 1})
  local begun = saros.Event()
  local future = executor:submit(fn, saros.get_running_loop():threadsafe(function() begun:set() end), ...)
  saros.wait_for(begun.wait, 10, begun)
  saros.sleep(0.01)
  assert.is_false(future:done())
  assert.is_true(future:cancel())
  assert.is_true(future:cancelled())
  saros.wait_for(executor.shutdown, 10, executor)
end

local function stop(fn, ...)
  stop_begun(function(begin, ...)
    begin()
    fn(...)
  end, ...)
end

local function in_task(fn)
  return function() saros.run(fn) end
end

describe("core.thread.stop #threads", function()
  describe("cancelling the future of a job that runs", function()
    it("stops Lua code", in_task(function() stop(busy) end))

    it("stops code that calls nothing", in_task(function()
      if os.getenv("SAROS_BUILD") == "tsan" then return end -- see spec/support/threads.lua
      stop(function() while true do end end)
    end))

    it("stops code that catches all errors in a loop", in_task(function()
      stop(function()
        while true do pcall(busy) end
      end)
    end))

    it("stops code in coroutines, and what resumes them", in_task(function()
      stop(function() coroutine.wrap(busy)() end)
      stop(function() while true do coroutine.resume(coroutine.create(busy)) end end)
      stop(function()
        local co = coroutine.wrap(function() while true do coroutine.yield({}) end end)
        while true do co() end
      end)
      stop(function() coroutine.wrap(function() coroutine.wrap(busy)() end)() end)
    end))

    it("stops scopes of coroutines that are closed, which used to go on", in_task(function()
      local function leave_busily()
        local _ <close> = setmetatable({}, {__close = busy})
        coroutine.yield()
      end
      stop(function()
        local co = coroutine.create(leave_busily)
        coroutine.resume(co)
        coroutine.close(co)
      end)
      stop(function()
        coroutine.wrap(function()
          local _ <close> = setmetatable({}, {__close = busy})
          error("leaves")
        end)()
      end)
    end))

    it("runs <close> scopes", in_task(function()
      local path = os.tmpname()
      stop(function()
        local _ <close> = setmetatable({}, {__close = function()
          local sum = 0
          for i = 1, 100 do sum = sum + i end
          local file <close> = io.open(path, "w")
          file:write("closed ", sum)
        end})
        busy()
      end)
      local file <close> = io.open(path)
      assert.equal("closed 5050", file:read("a"))
      os.remove(path)
    end))

    it("raises a CancelledError there, which saros.pcall lets pass", in_task(function()
      stop(function() while true do saros.pcall(busy) end end)
    end))

    it("ends a blocking sleep", in_task(function() stop(saros.blocking_sleep, 60) end))

    it("stops a loop that sleeps, polls or works", in_task(function()
      stop(function() saros.run(saros.sleep, 60) end)
      stop(function() saros.run(busy) end)
      stop(function() saros.run(function() while true do saros.sleep(0) end end) end)
      stop(function()
        saros.run(function()
          saros.get_running_loop():call_soon(busy)
          saros.sleep(60)
        end)
      end)
      stop(function()
        local loop <close> = saros.new_event_loop()
        loop:call_later(60, print)
        loop:run()
      end)
    end))

    it("stops a loop whose tasks do not want to end", in_task(function()
      stop(function()
        saros.run(function() while true do pcall(saros.sleep, 0.005) end end)
      end)
    end))

    it("cancels the tasks of a loop, which may clean up", in_task(function()
      local path = os.tmpname()
      stop_begun(function(begin)
        saros.run(function()
          saros.get_running_loop():call_soon(begin)
          local _ <close> = setmetatable({}, {__close = function()
            saros.sleep(0.01)
            io.open(path, "w"):write("cleaned"):close()
          end})
          saros.sleep(60)
        end)
      end)
      local file <close> = io.open(path)
      assert.equal("cleaned", file:read("a"))
      os.remove(path)
    end))

    it("stops what runs in an executor of the job's own", in_task(function()
      stop(function()
        saros.run(function() saros.to_thread(busy) end)
      end)
    end))
  end)

  it("never hits another job", in_task(function()
    local executor <close> = saros.ThreadPoolExecutor({max_workers = 2})
    local function work()
      local sum = 0
      for i = 1, 300 do sum = sum + #{i} end
      return sum
    end
    for _ = 1, 200 do
      local first, second = executor:submit(work), executor:submit(work)
      local third = executor:submit(coroutine.wrap, work) -- fails, and leaves nothing behind
      while not first:done() and saros.monotonic() % 2e-5 > 1e-5 do saros.sleep(0) end
      first:cancel()
      assert.equal(300, second:await())
      pcall(third.await, third)
      assert.equal(300, executor:submit(work):await())
    end
  end))

  it("leaves the worker as it was", in_task(function()
    local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
    executor:submit(function() _G.kept = "kept" end):await()
    for _ = 1, 5 do
      local future = executor:submit(busy)
      saros.sleep(0.01)
      future:cancel()
      assert.equal("kept", executor:submit(function() return _G.kept end):await())
    end
    local hook = executor:submit(function() return debug.gethook() end):await()
    assert.is_nil(hook)
  end))

  it("takes a job back that no worker has begun", in_task(function()
    local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
    local path = os.tmpname()
    os.remove(path)
    local first = executor:submit(saros.blocking_sleep, 0.3)
    local second = executor:submit(function() io.open(path, "w"):close() end)
    saros.sleep(0.005)
    second:cancel("no more")
    local ok, failure = pcall(second.await, second)
    assert.is_false(ok)
    assert.equal("no more", failure.message)
    first:await()
    executor:submit(function() end):await()
    assert.is_nil(io.open(path))
  end))
end)
