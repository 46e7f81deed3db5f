local saros = require "saros"
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder, record_events = scheduling.recorder, scheduling.record_events
local catch_errors, logged = scheduling.catch_errors, scheduling.logged

local function loop() return saros.get_running_loop() end
local function nothing() end

describe("saros.scheduler_shutdown", function()
  describe("leaving the scope", function()
    it("begins no new runs, and lets those in progress end", async(function()
      local times, job = recorder()
      local events
      do
        local scheduler <close> = saros.Scheduler()
        events = record_events(scheduler)
        scheduler:schedule_recurring("beat", job, 1, 1)
        scheduler:schedule_recurring("long", saros.sleep, 100, { args = { 7 } })
        scheduler:schedule_recurring("queued", saros.sleep, 1, 2, { args = { 2 }, overlap = "queue" })
        saros.sleep(3.5)
      end
      assert.equal(7, loop():time())
      assert.same({ 1, 2, 3 }, times)
      assert.equal("finished", events[#events]) -- listeners have been told when the scope is left
      local count = #events
      saros.sleep(20)
      assert.same({ 1, 2, 3 }, times)
      assert.equal(count, #events)
    end))

    it("cancels what takes longer than shutdown_timeout, and names it", async(function()
      local lines = logged(function()
        local scheduler <close> = saros.Scheduler { shutdown_timeout = 5 }
        scheduler:schedule_once("long", saros.sleep, 0, { args = { 100 } })
        scheduler:schedule_once("cleans up", function()
          local ok, failure = pcall(saros.sleep, 100)
          saros.sleep(3)
          if not ok then error(failure, 0) end
        end, 0)
        scheduler:schedule_once("short", saros.sleep, 0, { args = { 4 } })
        saros.sleep(1)
      end)
      assert.equal(1 + 5 + 3, loop():time())
      assert.same({ "warn: the scheduler ends, and cancels what runs still: cleans up, long" }, lines)
    end))

    it("leaves what does not end after that either, and names it", async(function()
      local release = saros.Event()
      local lines = logged(function()
        local scheduler <close> = saros.Scheduler { shutdown_timeout = 0 }
        scheduler:schedule_once("stubborn", function()
          while not release:is_set() do pcall(release.wait, release) end
        end, 0)
        saros.sleep(1)
      end)
      assert.equal(11, loop():time())
      assert.same({
        "warn: the scheduler ends, and cancels what runs still: stubborn",
        "error: the scheduler has ended, but what it cancelled runs still: stubborn",
      }, lines)
      release:set()
    end))

    it("cuts the wait short when it is cancelled itself, but cleans up", async(function()
      local cleaned = false
      local task = saros.create_task(function()
        local scheduler <close> = saros.Scheduler { shutdown_timeout = 50 }
        scheduler:schedule_once("long", function()
          local ok, failure = pcall(saros.sleep, 100)
          saros.sleep(1)
          cleaned = true
          if not ok then error(failure, 0) end
        end, 0)
        saros.sleep(1)
      end)
      saros.sleep(10)
      local lines = logged(function()
        task:cancel()
        raises(saros.CancelledError, task.await, task)
      end)
      assert.is_true(cleaned)
      assert.equal(11, loop():time())
      assert.equal(1, #lines)
    end))

    it("passes the scope's own error on", async(function()
      local failure = raises(saros.ValueError, function()
        local scheduler <close> = saros.Scheduler()
        scheduler:schedule_recurring("beat", nothing, 1)
        error(saros.ValueError("mine"))
      end)
      assert.equal("mine", failure.message)
    end))

    it("outside a task cancels what runs", function()
      local scheduler, cancelled
      saros.testing.run(function()
        scheduler = saros.Scheduler()
        scheduler:schedule_once("long", function()
          local _ <close> = setmetatable({}, { __close = function() cancelled = true end })
          saros.sleep(100)
        end, 0)
        saros.sleep(1)
        loop():call_soon(scheduler.close, scheduler)
        saros.sleep(1)
        assert.is_true(cancelled)
      end)
      scheduler:close()
    end)

    it("in a callback does not leave serve, or a scope, waiting for ever", async(function()
      local scheduler = saros.Scheduler()
      scheduler:on("finished", function() scheduler:close() end)
      scheduler:schedule_once("short", nothing, 1)
      scheduler:schedule_once("cleans up", function()
        local ok, failure = pcall(saros.sleep, 100)
        saros.sleep(3)
        if not ok then error(failure, 0) end
      end, 0)
      saros.wait_for(scheduler.serve, 60, scheduler)
      assert.equal(1 + 3, loop():time()) -- what was cancelled has ended
      scheduler:close()
      assert.equal(1 + 3, loop():time())
    end))

    it("after the loop was closed is harmless", function()
      local scheduler
      local test = async(function()
        scheduler = saros.Scheduler()
        scheduler:schedule_recurring("beat", saros.sleep, 10, { args = { 5 } })
        saros.sleep(11)
      end)
      raises(saros.testing.LeftoverError, test)
      assert.equal(2, scheduler:status().beat.runs)
      scheduler:close()
      scheduler:close()
    end)

    it("twice is harmless, and both wait", async(function()
      local scheduler = saros.Scheduler()
      scheduler:schedule_once("long", saros.sleep, 0, { args = { 5 } })
      saros.sleep(1)
      local other = saros.create_task(function()
        scheduler:close()
        return loop():time()
      end)
      scheduler:close()
      assert.equal(5, loop():time())
      assert.equal(5, other:await())
      scheduler:close()
      assert.equal("Scheduler: 0 jobs, stopped", tostring(scheduler))
    end))
  end)

  describe("serve", function()
    it("waits until stop, and then for what runs", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("beat", job, 10)
      scheduler:schedule_once("stop", function()
        scheduler:stop()
        saros.sleep(5)
      end, 25)
      scheduler:serve()
      assert.equal(30, loop():time())
      assert.same({ 0, 10, 20 }, times)
      assert.is_nil(scheduler:status().beat.next_run)
    end))

    it("closes the scheduler when it is cancelled", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("beat", job, 10)
      raises(saros.TimeoutError, saros.wait_for, function() scheduler:serve() end, 15)
      saros.sleep(100)
      assert.same({ 0, 10 }, times)
    end))

    -- In real time, as no virtual clock waits for signals.
    it("of several schedulers on one loop ends at a signal, however many have ended before", function()
      saros.run(function()
        local schedulers, tasks = {}, {}
        for i = 1, 3 do
          schedulers[i] = saros.Scheduler()
          tasks[i] = saros.create_task(schedulers[i].serve, schedulers[i])
        end
        saros.sleep(0)
        schedulers[3]:stop()
        tasks[3]:await()
        -- Its end took the signals from the others.
        os.execute("kill -TERM $PPID")
        for i = 1, 2 do saros.wait_for(tasks[i], 60) end
      end)
    end)

    it("cannot be called in a callback, which could not wait", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts, times, job = catch_errors(), recorder()
      scheduler:schedule_recurring("beat", job, 10)
      loop():call_soon(scheduler.serve, scheduler)
      saros.sleep(11)
      assert.equal("RuntimeError: serve() waits, so it can only be called in a task", tostring(contexts[1].exception))
      assert.same({ 0, 10 }, times)
    end))

    it("and close cannot be called by a job, stop can", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts = catch_errors()
      for i, method in ipairs { "serve", "close" } do
        scheduler:schedule_once(method, function() scheduler[method](scheduler) end, i)
        saros.sleep(2)
        assert.matches("^RuntimeError: a job cannot wait for its own end", scheduler:status()[method].last_error)
      end
      assert.equal(2, #contexts)
    end))
  end)
end)
