local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder, record_events, catch_errors = scheduling.recorder, scheduling.record_events, scheduling.catch_errors

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

  describe("cancel", function()
    it("cancels the run in progress, which may clean up", async(function()
      local scheduler <close> = saros.Scheduler()
      local events, cleaned = record_events(scheduler), nil
      scheduler:schedule_recurring("long", function()
        local ok, failure = pcall(saros.sleep, 100)
        assert.is_false(ok)
        assert.is_true(saros.is_error(failure, saros.CancelledError))
        saros.sleep(2)
        cleaned = loop():time()
        error(failure, 0)
      end, 10)
      saros.sleep(1)
      assert.is_true(scheduler:cancel("long"))
      local status = scheduler:status().long
      assert.is_true(status.cancelled)
      assert.is_true(status.running)
      assert.is_nil(status.next_run)
      saros.sleep(50)
      assert.equal(3, cleaned)
      status = scheduler:status().long
      assert.is_false(status.running)
      assert.equal(1, status.runs)
      assert.equal(0, status.failures)
      assert.same({ "started", "cancelled", "cancelled" }, events)
    end))

    it("lets it go on with keep_running", async(function()
      local scheduler <close> = saros.Scheduler()
      local events = record_events(scheduler)
      scheduler:schedule_recurring("long", saros.sleep, 10, { args = { 3 } })
      saros.sleep(1)
      assert.is_true(scheduler:cancel("long", { keep_running = true }))
      saros.sleep(50)
      assert.same({ "started", "cancelled", "finished" }, events)
    end))

    it("can be asked for by the job itself, whose run goes on", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("three", function()
        job()
        if #times == 3 then scheduler:cancel("three") end
        saros.sleep(0.5)
      end, 1)
      saros.sleep(10)
      assert.same({ 0, 1, 2 }, times)
      assert.equal("finished", scheduler:history("three", 1)[1].outcome)
    end))

    it("says whether there was something to cancel", async(function()
      local scheduler <close> = saros.Scheduler()
      assert.is_false(scheduler:cancel("unknown"))
      scheduler:schedule_once("once", nothing, 1)
      assert.is_true(scheduler:cancel("once"))
      assert.is_false(scheduler:cancel("once"))
      scheduler:schedule_once("done", nothing, 1)
      saros.sleep(2)
      assert.is_false(scheduler:cancel("done"))
      assert.equal(0, scheduler:status().once.runs)
    end))

    it("of a task that has not begun leaves no run behind", async(function()
      local scheduler <close> = saros.Scheduler()
      local called = false
      scheduler:schedule_once("now", function() called = true end, 100)
      assert.is_true(scheduler:run_now("now"))
      scheduler:cancel("now")
      saros.sleep(1)
      assert.is_false(called)
      assert.is_false(scheduler:status().now.running)
      scheduler:schedule_once("now", function() called = true end, 1)
      saros.sleep(2)
      assert.is_true(called)
    end))
  end)

  describe("pause", function()
    it("across a due time leaves it out, and does not count it as missed", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("beat", job, 10)
      scheduler:schedule_cron("cron", job, "* * * * *")
      saros.sleep(5)
      for _, name in ipairs { "beat", "cron" } do
        assert.is_true(scheduler:pause(name))
        assert.is_false(scheduler:pause(name))
        assert.is_true(scheduler:status()[name].paused)
        assert.is_nil(scheduler:status()[name].next_run)
      end
      saros.sleep(120)
      assert.is_true(scheduler:resume("beat"))
      assert.is_true(scheduler:resume("cron"))
      assert.is_false(scheduler:resume("cron"))
      assert.equal(130, scheduler:status().beat.next_run)
      assert.equal(180, scheduler:status().cron.next_run)
      saros.sleep(60)
      assert.same({ 0, 130, 140, 150, 160, 170, 180, 180 }, times)
      assert.equal(0, scheduler:status().beat.misses)
      assert.equal(0, scheduler:status().cron.misses)
    end))

    it("before a due time, and resume before it, changes nothing", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("beat", job, 10)
      saros.sleep(1)
      scheduler:pause("beat")
      saros.sleep(5)
      scheduler:resume("beat")
      saros.sleep(5)
      assert.same({ 0, 10 }, times)
    end))

    it("holds back a job that runs once, which runs when it is resumed", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_once("once", job, 5)
      scheduler:schedule_once("too late", job, 5, { grace = 10 })
      scheduler:pause("once")
      scheduler:pause("too late")
      saros.sleep(20)
      assert.same({}, times)
      scheduler:resume("once")
      scheduler:resume("too late")
      saros.sleep(1)
      assert.same({ 20 }, times)
      assert.equal(1, scheduler:status()["too late"].misses)
    end))

    it("holds back what is queued, but not what runs", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("slow", function()
        job()
        saros.sleep(15)
      end, 10, { overlap = "queue" })
      saros.sleep(12)
      scheduler:pause("slow")
      saros.sleep(100)
      assert.same({ 0 }, times)
      assert.equal("finished", scheduler:history("slow", 1)[1].outcome)
      scheduler:resume("slow")
      saros.sleep(1)
      assert.same({ 0, 112 }, times)
      scheduler:cancel("slow")
    end))
  end)

  describe("run_now", function()
    it("runs a job besides its own times, paused or over as well", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("beat", job, 10, 10)
      saros.sleep(3)
      assert.is_true(scheduler:run_now("beat"))
      assert.is_true(scheduler:status().beat.running)
      assert.equal(10, scheduler:status().beat.next_run)
      saros.sleep(1)
      scheduler:pause("beat")
      scheduler:run_now("beat")
      scheduler:schedule_once("once", job, 0)
      saros.sleep(1)
      scheduler:run_now("once")
      saros.sleep(0)
      assert.same({ 3, 4, 4, 5 }, times)
    end))

    it("follows the job's overlap", async(function()
      local scheduler <close> = saros.Scheduler()
      for overlap, expected in pairs { skip = { false, 1 }, queue = { true, 2 }, allow = { true, 2 } } do
        scheduler:schedule_once(overlap, saros.sleep, 0, { overlap = overlap, args = { 5 } })
        saros.sleep(1)
        assert.equal(expected[1], scheduler:run_now(overlap))
        saros.sleep(20)
        assert.equal(expected[2], scheduler:status()[overlap].runs)
      end
    end))

    it("does not wait for what a pause holds back", async(function()
      for _, overlap in ipairs { "queue", "replace" } do
        local scheduler <close> = saros.Scheduler()
        local times, job = recorder()
        local start = loop():time()
        scheduler:schedule_recurring("slow", function()
          job()
          pcall(saros.sleep, 15)
          saros.sleep(5)
        end, 10, { overlap = overlap })
        saros.sleep(12)
        scheduler:pause("slow")
        saros.sleep(100)
        -- What was due after ten seconds waits still.
        assert.is_true(scheduler:run_now("slow"))
        saros.sleep(30)
        scheduler:resume("slow")
        saros.sleep(1)
        assert.same({ start, start + 112, start + 142 }, times)
        scheduler:cancel("slow")
      end
    end))

    it("gives each run a fire time of its own", async(function()
      local scheduler <close> = saros.Scheduler()
      scheduler:schedule_recurring("beat", nothing, 10, { overlap = "allow" })
      saros.sleep(10.0)
      for _ = 1, 3 do scheduler:run_now("beat") end
      saros.sleep(1)
      local seen, history = {}, scheduler:history("beat")
      assert.equal(5, #history)
      for _, run in ipairs(history) do
        assert.is_nil(seen[run.fire_time])
        seen[run.fire_time] = true
      end
    end))
  end)

  describe("reschedule", function()
    it("changes when a job runs, and keeps what was counted", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("job", job, 10)
      saros.sleep(15)
      scheduler:reschedule("job", { interval = 3, delay = 1 })
      assert.equal(3, scheduler:status().job.interval)
      saros.sleep(5)
      scheduler:reschedule("job", { expression = "* * * * *" })
      saros.sleep(45)
      scheduler:reschedule("job", { at = START + 70 })
      saros.sleep(10)
      scheduler:reschedule("job", { delay = 5 })
      saros.sleep(10)
      scheduler:reschedule("job", { interval = 100 })
      saros.sleep(1)
      assert.same({ 0, 10, 16, 19, 60, 70, 80, 85 }, times)
      assert.equal(8, scheduler:status().job.runs)
    end))

    it("refuses what is none of these", async(function()
      local scheduler <close> = saros.Scheduler()
      scheduler:schedule_recurring("job", nothing, 10, 10)
      local mixed = { {}, { interval = 1, at = 1 }, { at = 1, delay = 1 }, { interval = 1, delay = 1, at = 1 } }
      for _, when in ipairs(mixed) do
        assert.equal("reschedule takes one of interval, delay, at and expression, or interval and delay",
          raises(saros.ValueError, scheduler.reschedule, scheduler, "job", when).message)
      end
      raises(saros.ValueError, scheduler.reschedule, scheduler, "job", { interval = -1 })
      raises(saros.ValueError, scheduler.reschedule, scheduler, "job", { expression = "nonsense" })
      raises(saros.ValueError, scheduler.reschedule, scheduler, "job", { every = 1 })
      blames(function() scheduler:reschedule("job", 5) end,
        "bad argument #2 to 'reschedule' (table expected, got number)")
      assert.equal(10, scheduler:status().job.next_run)
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

  describe("status", function()
    it("tells about each job", async(function()
      local scheduler <close> = saros.Scheduler()
      scheduler:schedule_recurring("beat", saros.sleep, 10, 5, { args = { 2 } })
      assert.same({
        next_run = 5, next_run_at = START + 5, interval = 10, cancelled = false, paused = false, running = false,
        runs = 0, failures = 0, misses = 0,
      }, scheduler:status().beat)
      saros.sleep(6)
      assert.same({
        next_run = 15, next_run_at = START + 15, interval = 10, cancelled = false, paused = false, running = true,
        runs = 1, failures = 0, misses = 0, last_run_at = START + 5,
      }, scheduler:status().beat)
      saros.sleep(2)
      assert.equal(2, scheduler:status().beat.last_duration)
      assert.equal("Scheduler: 1 job", tostring(scheduler))
    end))
  end)

  describe("history", function()
    it("has the last runs, the newest first", async(function()
      local scheduler <close> = saros.Scheduler { history = 3, node = "here" }
      catch_errors()
      local count = 0
      scheduler:schedule_recurring("job", function()
        count = count + 1
        saros.sleep(1)
        if count == 4 then error("four") end
      end, 10)
      saros.sleep(40.5)
      local history = scheduler:history("job")
      assert.equal(3, #history)
      assert.same({ name = "job", fire_time = START + 40, started_at = START + 40, node = "here", outcome = "running" },
        { name = history[1].name, fire_time = history[1].fire_time, started_at = history[1].started_at,
          node = history[1].node, outcome = history[1].outcome })
      assert.equal("failed", history[2].outcome)
      assert.matches("four$", history[2].error)
      assert.same({ name = "job", fire_time = START + 20, started_at = START + 20, duration = 1, node = "here",
        outcome = "finished", attempts = 1, token = 3 }, history[3])
      assert.equal(2, #scheduler:history("job", 2))
      assert.same({}, scheduler:history("job", 0))
      assert.same({}, scheduler:history("unknown"))
      saros.sleep(2)
    end))
  end)

  describe("on", function()
    it("tells listeners what happens, in order, until they are taken back", async(function()
      local scheduler <close> = saros.Scheduler()
      local told = {}
      local off = scheduler:on("started", function(event) told[#told + 1] = event end)
      scheduler:on("finished", function(event) told[#told + 1] = event end)
      scheduler:schedule_recurring("job", saros.sleep, 10, { args = { 2 } })
      saros.sleep(5)
      assert.same({
        { event = "started", name = "job", fire_time = START },
        { event = "finished", name = "job", fire_time = START, attempts = 1, duration = 2 },
      }, { { event = told[1].event, name = told[1].name, fire_time = told[1].fire_time }, told[2] })
      off()
      saros.sleep(10)
      assert.equal(3, #told)
      assert.equal("finished", told[3].event)
    end))

    it("reports a listener that fails, and goes on", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts, times, job = catch_errors(), recorder()
      scheduler:on("started", function() error("a listener") end)
      scheduler:on("started", function() saros.sleep(1) end)
      scheduler:on("started", job)
      scheduler:schedule_recurring("job", nothing, 10)
      saros.sleep(11)
      assert.same({ 0, 10 }, times)
      assert.equal(4, #contexts)
      assert.matches("a listener$", contexts[1].exception)
      assert.equal(2, scheduler:status().job.runs)
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
