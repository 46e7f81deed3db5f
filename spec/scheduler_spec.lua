local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder, record_events = scheduling.recorder, scheduling.record_events

local function loop() return saros.get_running_loop() end
local function nothing() end

-- 2000-01-01T00:00:00Z, a Saturday: where the virtual wall clock starts.
local START = 946684800

describe("saros.scheduler", function()
  describe("a recurring job", function()
    it("runs at once, then at a fixed rate", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("beat", job, 5)
      saros.sleep(16)
      assert.same({ 0, 5, 10, 15 }, times)
    end))

    it("runs first after its delay, which may be left out before the options", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      local others, other = recorder()
      scheduler:schedule_recurring("late", job, 5, 2)
      scheduler:schedule_recurring("at once", other, 5, { overlap = "queue" })
      saros.sleep(8)
      assert.same({ 2, 7 }, times)
      assert.same({ 0, 5 }, others)
    end))

    it("does not drift: 10,000 runs are each exactly on time, however long they take #many", async(function()
      local scheduler <close> = saros.Scheduler()
      local runs, durations = 0, { 0, 0.03, 0.0999, 0.05 }
      scheduler:schedule_recurring("beat", function(run)
        assert.equal(runs * 0.1, loop():time())
        assert.is_true(math.abs(START + runs * 0.1 - run.fire_time) < 1e-6)
        runs = runs + 1
        saros.sleep(durations[runs % 4 + 1])
      end, 0.1)
      saros.sleep(9999.5 * 0.1)
      assert.equal(10000, runs)
      assert.equal(0, scheduler:status().beat.failures)
    end))

    it("gets its arguments, then what the run is", async(function()
      local scheduler <close> = saros.Scheduler { node = "first" }
      local calls = {}
      local function job(...) calls[#calls + 1] = table.pack(...) end
      scheduler:schedule_recurring("args", job, 60, 1, { args = { "a", nil, 3, n = 3 } })
      scheduler:schedule_recurring("none", job, 60, 2)
      saros.sleep(65)
      assert.equal(4, #calls)
      local run = { name = "args", fire_time = START + 1, attempt = 1, node = "first", token = 1 }
      assert.same({ "a", nil, 3, run, n = 4 }, calls[1])
      assert.same({ { name = "none", fire_time = START + 2, attempt = 1, node = "first", token = 2 }, n = 1 }, calls[2])
      assert.is_true(calls[3][4].token > calls[1][4].token)
    end))

    it("runs in a task of its own, with the job's name", async(function()
      local scheduler <close> = saros.Scheduler()
      local seen
      scheduler:schedule_recurring("report", function() seen = saros.current_task() end, 60)
      saros.sleep(1)
      assert.equal("report", seen:get_name())
      assert.not_equal(saros.current_task(), seen)
    end))

    it("takes any callable", async(function()
      local scheduler <close> = saros.Scheduler()
      local called = 0
      scheduler:schedule_recurring("callable", setmetatable({}, { __call = function() called = called + 1 end }), 1)
      saros.sleep(1.5)
      assert.equal(2, called)
    end))
  end)

  describe("a job that runs once", function()
    it("runs after its delay, and stays in the status", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_once("warm-up", job, 10)
      scheduler:schedule_once("now", job, 0)
      assert.equal(10, scheduler:status()["warm-up"].next_run)
      saros.sleep(100)
      assert.same({ 0, 10 }, times)
      local status = scheduler:status()["warm-up"]
      assert.is_nil(status.next_run)
      assert.is_nil(status.next_run_at)
      assert.is_false(status.cancelled)
      assert.equal(1, status.runs)
      scheduler:schedule_once("warm-up", job, 1)
      assert.equal(0, scheduler:status()["warm-up"].runs)
      saros.sleep(2)
      assert.same({ 0, 10, 101 }, times)
    end))

    it("can be scheduled again at the instant at which it ran", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      for _ = 1, 3 do
        scheduler:schedule_once("job", job, 0)
        for _ = 1, 5 do saros.sleep(0) end
      end
      scheduler:schedule_recurring("job", job, 10)
      for _ = 1, 5 do saros.sleep(0) end
      scheduler:reschedule("job", { interval = 20 })
      saros.sleep(25)
      assert.same({ 0, 0, 0, 0, 0, 20 }, times)
    end))

    it("is one run for each time of the wall clock", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      for _, when in ipairs { START + 10, START + 10, START + 11 } do
        scheduler:schedule_at("job", job, when)
        saros.sleep(20)
      end
      assert.same({ 10, 40 }, times)
    end))

    it("may be due in the far future", async(function()
      local scheduler <close> = saros.Scheduler()
      scheduler:schedule_once("once", nothing, 1e300)
      scheduler:schedule_at("at", nothing, 1e300)
      scheduler:schedule_recurring("recurring", nothing, 1e300)
      saros.sleep(86400)
      local status = scheduler:status()
      assert.equal(1e300, status.once.next_run)
      assert.equal(1e300, status.at.next_run_at)
      assert.equal(1, status.recurring.runs)
    end))

    it("runs at a time of the wall clock, at once if that is past", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_at("launch", job, START + 3600.5)
      scheduler:schedule_at("past", job, START - 1)
      assert.equal(START + 3600.5, scheduler:status().launch.next_run_at)
      saros.sleep(4000)
      assert.same({ 0, 3600.5 }, times)
    end))

    it("is missed if its time is past by more than its grace", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_at("too late", job, START - 11, { grace = 10 })
      scheduler:schedule_at("in time", job, START - 10, { grace = 10 })
      saros.sleep(1)
      assert.same({ 0 }, times)
      local status = scheduler:status()
      assert.equal(1, status["too late"].misses)
      assert.equal(0, status["too late"].runs)
      assert.equal(0, status["in time"].misses)
    end))
  end)

  describe("a cron job", function()
    it("runs when its expression says so, in its time zone or the scheduler's", async(function()
      local scheduler <close> = saros.Scheduler { timezone = "Europe/Berlin" }
      local times, job = recorder()
      local others, other = recorder()
      scheduler:schedule_cron("berlin", job, "0 9 * * MON-FRI")
      scheduler:schedule_cron("utc", other, "0 9 * * MON-FRI", { timezone = "UTC" })
      assert.equal("0 9 * * MON-FRI", scheduler:status().berlin.expression)
      saros.sleep(4 * 86400)
      assert.same({ 2 * 86400 + 8 * 3600, 3 * 86400 + 8 * 3600 }, times)
      assert.same({ 2 * 86400 + 9 * 3600, 3 * 86400 + 9 * 3600 }, others)
    end))

    it("spends a year in about a second #many", async(function()
      local scheduler <close> = saros.Scheduler { timezone = "Europe/Berlin" }
      local hours, days, last = 0, 0, 0
      scheduler:schedule_cron("hourly", function(run)
        assert.equal(loop():wall_time(), run.fire_time)
        assert.is_true(run.fire_time > last)
        last = run.fire_time
        hours = hours + 1
      end, "0 * * * *")
      scheduler:schedule_cron("daily", function() days = days + 1 end, "30 2 * * *")
      local begin = os.clock()
      saros.sleep(366 * 86400 + 1)
      assert.is_true(os.clock() - begin < 10, "it took " .. os.clock() - begin)
      assert.equal(366 * 24, hours)
      assert.equal(366, days)
      assert.equal(0, scheduler:status().hourly.failures)
    end))
  end)

  describe("a name", function()
    it("that is taken is refused, and the job goes on", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("job", job, 10)
      local failure = raises(saros.ValueError, scheduler.schedule_once, scheduler, "job", nothing, 1)
      assert.equal("there is a job 'job' already (replace = true takes its place)", failure.message)
      saros.sleep(11)
      assert.same({ 0, 10 }, times)
    end))

    it("is taken over with replace, while a run of the old job goes on and counts", async(function()
      local scheduler <close> = saros.Scheduler()
      local events, times, job = record_events(scheduler), recorder()
      scheduler:schedule_recurring("job", saros.sleep, 100, { args = { 20 } })
      saros.sleep(1)
      scheduler:schedule_recurring("job", job, 10, { replace = true })
      saros.sleep(35)
      assert.same({ 21, 31 }, times)
      assert.equal("skipped 1", events[2])
      assert.equal(3, scheduler:status().job.runs)
      assert.equal(10, scheduler:status().job.interval)
      scheduler:schedule_recurring("free", job, 10, 100, { replace = true })
      assert.equal(136, scheduler:status().free.next_run)
    end))
  end)

  describe("refuses", function()
    local function refuses(message, method, ...)
      local arguments = table.pack(...)
      saros.testing.run(function()
        local scheduler <close> = saros.Scheduler()
        local failure = raises(saros.ValueError, scheduler[method], scheduler, table.unpack(arguments, 1, arguments.n))
        assert.equal(message, failure.message)
        assert.same({}, scheduler:status())
      end)
    end

    it("unknown options, and lists the known ones", function()
      refuses("unknown option 'every' for 'schedule_recurring' "
        .. "(known: args, coalesce, grace, jitter, overlap, recover, replace, retries, retry_delay, retry_max_delay, "
        .. "timeout)", "schedule_recurring", "job", nothing, 1, 0, { every = 1 })
      refuses("unknown option 'timezone' for 'schedule_once' "
        .. "(known: args, coalesce, grace, jitter, overlap, recover, replace, retries, retry_delay, retry_max_delay, "
        .. "timeout)", "schedule_once", "job", nothing, 1, { timezone = "UTC" })
      refuses("unknown option 'soon' for 'cancel' (known: keep_running)", "cancel", "job", { soon = true })
      saros.testing.run(function()
        assert.equal("unknown option 'stores' for 'Scheduler' "
          .. "(known: history, jitter, lease, node, shutdown_timeout, store, timezone)",
          raises(saros.ValueError, saros.Scheduler, { stores = 1 }).message)
      end)
    end)

    it("a job that is no function, and other arguments of the wrong type", async(function()
      local scheduler <close> = saros.Scheduler()
      for _, method in ipairs { "schedule_recurring", "schedule_once", "schedule_at", "schedule_cron" } do
        blames(function() scheduler[method](scheduler, "job", nil, 1) end,
          ("bad argument #2 to '%s' (function expected, got nil)"):format(method))
        blames(function() scheduler[method](scheduler, 7, nothing, 1) end,
          ("bad argument #1 to '%s' (string expected, got number)"):format(method))
        blames(function() scheduler[method](scheduler, "job", nothing, {}) end,
          ("bad argument #3 to '%s' (%s expected, got table)"):format(method,
            method == "schedule_cron" and "string" or "number"))
      end
      blames(function() scheduler:schedule_once("job", nothing, 1, { timeout = "5" }) end,
        "bad argument #4 to 'schedule_once' (option 'timeout': number expected, got string)")
      blames(function() scheduler:on("started") end, "bad argument #2 to 'on' (function expected, got nil)")
      blames(function() scheduler:history() end, "bad argument #1 to 'history' (string expected, got nil)")
      assert.same({}, scheduler:status())
    end))

    it("an interval that is not positive, and a negative or infinite delay", function()
      for _, interval in ipairs { -1, 0, math.huge } do
        refuses(("the interval must be a positive number of seconds, got %s"):format(interval),
          "schedule_recurring", "job", nothing, interval)
      end
      refuses("argument #3 to 'schedule_recurring' is NaN", "schedule_recurring", "job", nothing, 0 / 0)
      refuses("the delay must be a number of seconds that is not negative, got -1",
        "schedule_recurring", "job", nothing, 1, -1)
      refuses("the delay must be a number of seconds that is not negative, got -0.5",
        "schedule_once", "job", nothing, -0.5)
      refuses("the time must be a finite number of seconds since the epoch, got inf",
        "schedule_at", "job", nothing, math.huge)
    end)

    it("options out of range", function()
      for option, case in pairs {
        args = { { n = -1 }, "the n of args must be an integer that is not negative, got -1" },
        timeout = { 0, "timeout must be a positive number of seconds, got 0" },
        grace = { 0, "grace must be a positive number of seconds, got 0" },
        jitter = { -1, "jitter must be a number of seconds that is not negative, got -1" },
        retries = { -1, "retries must not be negative, got -1" },
        recover = { 0, "recover must be true, false, or a positive number of times, got 0" },
        retry_delay = { -1, "retry_delay must be a number of seconds that is not negative, got -1" },
        retry_max_delay = { -2, "retry_max_delay must be a number of seconds that is not negative, got -2" },
        overlap = { "never", "overlap must be one of allow, queue, replace, skip, got 'never'" },
        coalesce = { "none", "coalesce must be one of all, latest, got 'none'" },
      } do
        refuses(case[2], "schedule_once", "job", nothing, 1, { [option] = case[1] })
      end
      saros.testing.run(function()
        for option, value in pairs { jitter = -1, shutdown_timeout = -1, history = -1, timezone = "Mars/Olympus" } do
          raises(saros.ValueError, saros.Scheduler, { [option] = value })
        end
      end)
    end)

    it("cron expressions that are invalid, or never run", function()
      saros.testing.run(function()
        local scheduler <close> = saros.Scheduler()
        assert.matches("^invalid cron expression", raises(saros.ValueError, scheduler.schedule_cron, scheduler, "job",
          nothing, "61 * * * *").message)
        assert.matches("^unknown time zone", raises(saros.ValueError, scheduler.schedule_cron, scheduler, "job",
          nothing, "* * * * *", { timezone = "Mars/Olympus" }).message)
      end)
      refuses("the cron expression '0 0 30 2 *' never runs", "schedule_cron", "job", nothing, "0 0 30 2 *")
    end)

    it("names that are empty or unknown, and jobs that are cancelled", async(function()
      local scheduler <close> = saros.Scheduler()
      assert.equal("the name of a job must not be empty",
        raises(saros.ValueError, scheduler.schedule_once, scheduler, "", nothing, 1).message)
      scheduler:schedule_once("gone", nothing, 1)
      scheduler:cancel("gone")
      for _, method in ipairs { "pause", "resume", "run_now", "reschedule" } do
        assert.equal("there is no job 'unknown'",
          raises(saros.ValueError, scheduler[method], scheduler, "unknown", { delay = 1 }).message)
        assert.equal("the job 'gone' is cancelled",
          raises(saros.ValueError, scheduler[method], scheduler, "gone", { delay = 1 }).message)
      end
      assert.equal("unknown event 'begun' (known: cancelled, failed, finished, missed, skipped, started)",
        raises(saros.ValueError, scheduler.on, scheduler, "begun", nothing).message)
      raises(saros.ValueError, scheduler.history, scheduler, "gone", -1)
    end))

    it("to schedule when it is stopped", async(function()
      local scheduler <close> = saros.Scheduler()
      scheduler:schedule_recurring("job", nothing, 1)
      scheduler:stop()
      for _, call in ipairs {
        { "schedule_once", "other", nothing, 1 }, { "run_now", "job" }, { "reschedule", "job", { delay = 1 } },
      } do
        assert.equal("the scheduler is stopped",
          raises(saros.RuntimeError, scheduler[call[1]], scheduler, table.unpack(call, 2)).message)
      end
    end))

    it("to be made outside a loop", function()
      raises(saros.RuntimeError, saros.Scheduler)
    end)
  end)
end)
