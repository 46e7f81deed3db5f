local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder, catch_errors = scheduling.recorder, scheduling.catch_errors


-- 2000-01-01T00:00:00Z, a Saturday: where the virtual wall clock starts.
local START = 946684800

describe("saros.scheduler_stores", function()
  describe("a store", function()
    local function open_store() return require("saros.memory_store").open("memory", { history = 10 }) end

    -- Schedules and runs for a while, with the same store each time.
    local function session(store, seconds, schedule)
      local scheduler <close> = saros.Scheduler { store = store }
      schedule(scheduler)
      saros.sleep(seconds)
      return scheduler:status()
    end

    it("lets a job go on after a restart: what ran once does not run again", async(function()
      local store, times, job = open_store(), recorder()
      local function schedule(scheduler)
        scheduler:schedule_once("once", job, 5)
        scheduler:schedule_at("at", job, START + 30)
        scheduler:schedule_recurring("recurring", job, 100, 50)
      end
      session(store, 10, schedule)
      session(store, 30, schedule)
      local status = session(store, 15, schedule)
      assert.same({ 5, 30, 50 }, times)
      assert.equal(1, status.once.runs)
      assert.is_nil(status.once.next_run)
      assert.equal(150, status.recurring.next_run)
    end))

    it("begins anew with another trigger, and what was cancelled", async(function()
      local store, times, job = open_store(), recorder()
      session(store, 10, function(scheduler)
        scheduler:schedule_once("changed", job, 5)
        scheduler:schedule_once("cancelled", job, 5)
        scheduler:cancel("cancelled")
      end)
      session(store, 10, function(scheduler)
        scheduler:schedule_once("changed", job, 6)
        scheduler:schedule_once("cancelled", job, 5)
      end)
      assert.same({ 5, 15, 16 }, times)
    end))

    it("keeps pauses and counts", async(function()
      local store, times, job = open_store(), recorder()
      local function schedule(scheduler) scheduler:schedule_recurring("job", job, 10) end
      session(store, 15, function(scheduler)
        schedule(scheduler)
        saros.sleep(1)
        scheduler:pause("job")
      end)
      local status = session(store, 50, schedule)
      assert.same({ 0 }, times)
      assert.is_true(status.job.paused)
      assert.equal(1, status.job.runs)
      status = session(store, 10, function(scheduler)
        schedule(scheduler)
        scheduler:resume("job")
      end)
      assert.same({ 0, 70 }, times)
      assert.equal(2, status.job.runs)
    end))

    it("is asked again for what waited in the queue", async(function()
      local store, fire_times = open_store(), {}
      local options = { overlap = "queue", coalesce = "all" }
      session(store, 35, function(scheduler)
        scheduler:schedule_recurring("slow", saros.sleep, 10, { overlap = "queue", coalesce = "all", args = { 37 } })
      end)
      session(store, 5, function(scheduler)
        scheduler:schedule_recurring("slow", function(run)
          fire_times[#fire_times + 1] = run.fire_time - START
        end, 10, 0, options)
      end)
      assert.same({ 10, 20, 30, 40 }, fire_times)
    end))

    -- A store whose methods take their time.
    local function slow_store(store)
      return setmetatable({}, { __index = function(_, name)
        return store[name] and function(_, ...)
          saros.sleep(0.25)
          return store[name](store, ...)
        end
      end })
    end

    it("may suspend", async(function()
      local store, times, job = open_store(), recorder()
      local status = session(slow_store(store), 25, function(scheduler)
        scheduler:schedule_recurring("job", job, 10, 1)
        scheduler:schedule_once("cancelled", job, 50)
        scheduler:cancel("cancelled")
      end)
      assert.same({ 1.25, 11.25, 21.25 }, times)
      assert.equal(3, status.job.runs)
      assert.equal(3, #store:history("job", 10))
      assert.equal("finished", store:history("job", 10)[1].outcome)
      assert.is_true(store.jobs.cancelled:state().cancelled)
    end))

    it("keeps a run that is not claimed yet as the next one", async(function()
      local store = open_store()
      session(slow_store(store), 9, function(scheduler)
        scheduler:schedule_recurring("job", function() end, 10, 10)
        saros.get_running_loop():call_at(10.1, function()
          scheduler.writer:save(scheduler.jobs.job)
          assert.equal(START + 10, store.jobs.job:state().next_fire_time)
        end)
        saros.sleep(11)
        assert.equal(START + 20, store.jobs.job:state().next_fire_time)
      end)
    end))

    it("lets one of several schedulers have each run", async(function()
      local store, runs = open_store(), {}
      local function job(run) runs[#runs + 1] = run.fire_time - START end
      local first <close> = saros.Scheduler { store = slow_store(store), node = "first" }
      first:schedule_cron("job", job, "* * * * *")
      local second <close> = saros.Scheduler { store = store, node = "second" }
      second:schedule_cron("job", job, "* * * * *")
      saros.sleep(200)
      assert.same({ 60, 120, 180 }, runs)
      assert.equal(0, first:status().job.runs)
      assert.equal(3, second:status().job.runs)
    end))

    it("that fails does not stop the scheduler", async(function()
      local store, contexts = open_store(), catch_errors()
      local failing, times, job = nil, recorder()
      local unreliable = setmetatable({}, { __index = function(_, name)
        return store[name] and function(_, ...)
          if name == failing then error(saros.OSError("the disk is full")) end
          return store[name](store, ...)
        end
      end })
      local scheduler <close> = saros.Scheduler { store = unreliable }
      scheduler:schedule_recurring("job", job, 10)
      for _, method in ipairs { "claim", "finish", "save", "none" } do
        saros.sleep(5)
        failing = method
        if method == "save" then scheduler:pause("job") scheduler:resume("job") end
        saros.sleep(5)
      end
      saros.sleep(5)
      assert.same({ 0, 20, 30, 40 }, times)
      assert.equal(3, #contexts)
      assert.equal("the job 'job' failed", contexts[1].message)
      assert.equal("the end of a run of the job 'job' cannot be stored", contexts[2].message)
      assert.equal("the state of the job 'job' cannot be stored", contexts[3].message)
      assert.equal(1, scheduler:status().job.failures)
    end))

    it("is refused if it is unknown, or no store", function()
      saros.testing.run(function()
        assert.equal("unknown store 'redis://localhost' (known: memory, postgres, postgresql, sqlite)",
          raises(saros.ValueError, saros.Scheduler, { store = "redis://localhost" }).message)
        assert.equal("the store has no method 'adopt'",
          raises(saros.ValueError, saros.Scheduler, { store = {} }).message)
        blames(function() saros.Scheduler { store = 5 } end,
          "bad argument #1 to 'Scheduler' (string expected, got number for option 'store')")
        local scheduler <close> = saros.Scheduler { store = "memory" }
        assert.same({}, scheduler:status())
      end)
    end)
  end)
end)
