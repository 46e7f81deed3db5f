local saros = require "saros"
local blames = require "spec.support.blames"
local raises = require "spec.support.raises"

local async = saros.testing.async

local function loop() return saros.get_running_loop() end
local function nothing() end

-- 2000-01-01T00:00:00Z, a Saturday: where the virtual wall clock starts.
local START = 946684800

-- A list, and a function that adds the time at which it is called.
local function recorder()
  local times = {}
  return times, function() times[#times + 1] = loop():time() end
end

-- What happens to a job, as texts, in order.
local function record_events(scheduler)
  local list = {}
  for _, name in ipairs { "started", "finished", "failed", "missed", "skipped", "cancelled" } do
    scheduler:on(name, function(event)
      list[#list + 1] = event.count and ("%s %d"):format(event.event, event.count) or event.event
    end)
  end
  return list
end

-- Collects what reaches the exception handler.
local function catch_errors()
  local contexts = {}
  loop():set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  return contexts
end

-- What is logged while `fn` runs.
local function logged(fn)
  local lines = {}
  local function writer(level)
    return function(_, format, ...) lines[#lines + 1] = level .. ": " .. format:format(...) end
  end
  saros.set_logger {
    debug = writer("debug"), info = writer("info"), warn = writer("warn"),
    error = writer("error"), fatal = writer("fatal"),
  }
  local ok, failure = pcall(fn)
  saros.set_logger(nil)
  if not ok then error(failure, 0) end
  return lines
end

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

    it("does not drift: 10,000 runs are each exactly on time, however long they take", async(function()
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

    it("spends a year in about a second", async(function()
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

    it("looks at the wall clock once a minute while nothing is due, and other jobs wake nobody", async(function()
      local scheduler <close> = saros.Scheduler()
      local function iterations(seconds)
        local before = loop():stats().iterations
        saros.sleep(seconds)
        return loop():stats().iterations - before
      end
      scheduler:schedule_recurring("rare", nothing, 1e6, 1e6)
      saros.sleep(0)
      assert.is_true(iterations(86400) < 10)
      scheduler:schedule_cron("monthly", nothing, "0 0 1 * *")
      saros.sleep(0)
      local count = iterations(6000)
      assert.is_true(count >= 100 and count < 220, "woken " .. count .. " times")
    end))
  end)

  describe("the wall clock", function()
    it("set forward by an hour makes what it passed due, once", async(function()
      for coalesce, expected in pairs { latest = 1, all = 6 } do
        local scheduler <close> = saros.Scheduler()
        local fired = {}
        scheduler:schedule_cron("tens", function(run) fired[#fired + 1] = run.fire_time end, "*/10 * * * *",
          { coalesce = coalesce })
        local at, job = recorder()
        scheduler:schedule_at("launch", job, loop():wall_time() + 1800)
        local begin, began = loop():wall_time(), loop():time()
        saros.sleep(300)
        loop():set_wall_time(begin + 300 + 3600)
        saros.sleep(61)
        assert.equal(expected, #fired)
        for i, time in ipairs(fired) do assert.equal(begin + (i + 6 - expected) * 600, time) end
        assert.equal(6 - expected, scheduler:status().tens.misses)
        assert.equal(1, #at)
        assert.is_true(at[1] - began <= 360)
        saros.sleep(600)
        assert.equal(expected + 1, #fired)
        loop():set_wall_time(begin)
      end
    end))

    it("set back by an hour runs nothing twice, and nothing is lost", async(function()
      local scheduler <close> = saros.Scheduler()
      local fired = {}
      scheduler:schedule_cron("tens", function(run) fired[#fired + 1] = (run.fire_time - START) / 600 end,
        "*/10 * * * *")
      saros.sleep(2450) -- 40 minutes have passed
      assert.same({ 1, 2, 3, 4 }, fired)
      loop():set_wall_time(START + 2450 - 3600)
      assert.is_true(math.abs(scheduler:status().tens.next_run - (2450 + 3600 + 550)) < 1e-3)
      saros.sleep(3600 + 500)
      assert.same({ 1, 2, 3, 4 }, fired)
      saros.sleep(100)
      assert.same({ 1, 2, 3, 4, 5 }, fired)
      saros.sleep(600)
      assert.same({ 1, 2, 3, 4, 5, 6 }, fired)
    end))

    it("set back and forth by an hour runs each time once", async(function()
      local scheduler <close> = saros.Scheduler()
      local fired = {}
      scheduler:schedule_cron("minutes", function(run) fired[#fired + 1] = run.fire_time end, "* * * * *",
        { coalesce = "all" })
      for _ = 1, 3 do
        saros.sleep(1000)
        loop():set_wall_time(loop():wall_time() - 3600)
        saros.sleep(1000)
        loop():set_wall_time(loop():wall_time() + 3600)
      end
      saros.sleep(121)
      for i, time in ipairs(fired) do assert.equal(START + i * 60, time) end
      assert.equal((6000 + 120) // 60, #fired)
    end))

    it("does not concern recurring jobs, nor those after a delay", async(function()
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("beat", job, 1000)
      scheduler:schedule_once("once", job, 1500)
      for _, step in ipairs { 3600, -3600, -86400 } do
        saros.sleep(700)
        loop():set_wall_time(loop():wall_time() + step)
      end
      saros.sleep(1000)
      assert.same({ 0, 1000, 1500, 2000, 3000 }, times)
      assert.equal(0, scheduler:status().beat.misses)
    end))
  end)

  describe("a job slower than its interval", function()
    -- Runs of 2.5 seconds, every second. Returns when they began and ended, and the events.
    local function run_slow(overlap)
      local begun, ended, events = {}, {}
      do
        local scheduler <close> = saros.Scheduler { shutdown_timeout = 0 }
        events = record_events(scheduler)
        scheduler:schedule_recurring("slow", function(run)
          begun[#begun + 1] = { run.fire_time - START, loop():time() }
          local ok, failure = pcall(saros.sleep, 2.5)
          ended[#ended + 1] = { run.fire_time - START, loop():time(), ok }
          if not ok then error(failure, 0) end
        end, 1, { overlap = overlap })
        saros.sleep(5.75)
        scheduler:cancel("slow", { keep_running = true })
        saros.sleep(10)
      end
      return begun, ended, events
    end

    it("leaves out what is due meanwhile: skip, the default", async(function()
      for _, overlap in ipairs { "skip", nil } do
        local base = loop():time()
        local begun, _, events = run_slow(overlap)
        assert.equal(2, #begun)
        assert.same({ base, base + 3 }, { begun[1][2], begun[2][2] })
        assert.same({ "started", "skipped 1", "skipped 1", "finished", "started", "skipped 1", "skipped 1",
          "finished", "cancelled" }, events)
      end
    end))

    it("lets it wait for its turn: queue", async(function()
      local begun, ended, events = run_slow("queue")
      assert.same({ { 0, 0 }, { 1, 2.5 }, { 2, 5 } }, begun)
      assert.equal(7.5, ended[3][2])
      -- What waited when the job was cancelled was left out.
      assert.equal("skipped 3", events[6])
    end))

    it("cancels the one before, and begins when that has ended: replace", async(function()
      local begun, ended = run_slow("replace")
      assert.same({ { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 5, 5 } }, begun)
      for i = 1, 5 do assert.same({ i - 1, i, false }, ended[i]) end
      assert.same({ 5, 7.5, true }, ended[6])
    end))

    it("lets them overlap: allow", async(function()
      local begun, ended = run_slow("allow")
      for i = 1, 6 do
        assert.same({ i - 1, i - 1 }, begun[i])
        assert.same({ i - 1, i + 1.5, true }, ended[i])
      end
    end))

    it("waits for the clean-up of the run that it replaces, and the last one wins", async(function()
      local scheduler <close> = saros.Scheduler()
      local events, begun = record_events(scheduler), {}
      scheduler:schedule_recurring("slow", function(run)
        begun[#begun + 1] = { run.fire_time - START, loop():time() }
        local ok, failure = pcall(saros.sleep, 100)
        if ok then return end
        saros.sleep(3.5) -- the clean-up
        error(failure, 0)
      end, 1, { overlap = "replace" })
      saros.sleep(4.75)
      scheduler:cancel("slow")
      assert.same({ { 0, 0 }, { 4, 4.5 } }, begun)
      saros.sleep(5)
      assert.same({ "started", "skipped 1", "skipped 1", "skipped 1", "cancelled", "started", "cancelled",
        "cancelled" }, events)
    end))
  end)

  describe("retries", function()
    it("come after a delay that doubles, up to a limit, and of which half is at random", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts, times, attempts = catch_errors(), {}, {}
      local lines = logged(function()
        scheduler:schedule_once("flaky", function(run)
          times[#times + 1], attempts[#attempts + 1] = loop():time(), run.attempt
          error(saros.OSError("down"))
        end, 0, { retries = 4, retry_delay = 2, retry_max_delay = 10 })
        saros.sleep(100)
      end)
      assert.same({ 1, 2, 3, 4, 5 }, attempts)
      for i, longest in ipairs { 2, 4, 8, 10 } do
        local wait = times[i + 1] - times[i]
        assert.is_true(wait >= longest / 2 and wait <= longest, ("wait %d: %g"):format(i, wait))
      end
      assert.equal(4, #lines)
      assert.matches("^warn: the job 'flaky' failed at attempt 1 of 5, again in [%d.]+ seconds: OSError: down$",
        lines[1])
      assert.equal(1, #contexts)
      assert.equal("the job 'flaky' failed", contexts[1].message)
      local status = scheduler:status().flaky
      assert.equal(1, status.runs)
      assert.equal(1, status.failures)
      assert.equal("OSError: down", status.last_error)
    end))

    it("end with the first success", async(function()
      local scheduler <close> = saros.Scheduler()
      local finished
      scheduler:on("finished", function(event) finished = event end)
      logged(function()
        scheduler:schedule_once("flaky", function(run)
          if run.attempt < 3 then error("no luck") end
        end, 0, { retries = 5 })
        saros.sleep(100)
      end)
      assert.equal(3, finished.attempts)
      assert.equal(0, scheduler:status().flaky.failures)
      assert.is_nil(scheduler:status().flaky.last_error)
    end))

    it("are not made for a run that was cancelled", async(function()
      local scheduler <close> = saros.Scheduler()
      local attempts, events = 0, record_events(scheduler)
      logged(function()
        scheduler:schedule_once("flaky", function()
          attempts = attempts + 1
          error("no luck")
        end, 0, { retries = 5, retry_delay = 10 })
        saros.sleep(1)
        assert.is_true(scheduler:cancel("flaky"))
        saros.sleep(100)
      end)
      assert.equal(1, attempts)
      assert.same({ "started", "cancelled", "cancelled" }, events)
    end))
  end)

  describe("a time limit", function()
    it("ends an attempt that takes longer, and only that", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts, times = catch_errors(), {}
      logged(function()
        scheduler:schedule_once("hangs", function(run)
          times[run.attempt] = loop():time()
          saros.sleep(run.attempt == 1 and 1000 or 4)
        end, 0, { timeout = 5, retries = 1, retry_delay = 2, retry_max_delay = 2 })
        saros.sleep(100)
      end)
      assert.is_true(times[2] >= 6 and times[2] <= 7)
      assert.same({}, contexts)
      assert.equal(0, scheduler:status().hangs.failures)
    end))

    it("of the job's own works in it", async(function()
      local scheduler <close> = saros.Scheduler()
      local failure, time
      scheduler:schedule_once("job", function()
        local _
        _, failure = pcall(function()
          local _ <close> = saros.timeout(3)
          saros.sleep(1000)
        end)
        time = loop():time()
        local _ <close> = saros.timeout(3)
        saros.sleep(1000)
      end, 0, { timeout = 100 })
      local contexts = catch_errors()
      saros.sleep(10)
      assert.is_true(saros.is_error(failure, saros.TimeoutError))
      assert.equal(3, time)
      assert.equal(1, #contexts)
      assert.is_true(saros.is_error(contexts[1].exception, saros.TimeoutError))
    end))

    it("is the error of a run without more attempts", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts, failed = catch_errors(), nil
      scheduler:on("failed", function(event) failed = event end)
      scheduler:schedule_once("hangs", saros.sleep, 0, { timeout = 5, args = { 1000 } })
      scheduler:schedule_once("own", function() error(saros.TimeoutError("mine")) end, 10, { timeout = 5 })
      saros.sleep(6)
      assert.equal(5, failed.duration)
      assert.is_true(saros.is_error(failed.error, saros.TimeoutError))
      assert.equal("TimeoutError: an attempt of the job 'hangs' took longer than 5 seconds",
        scheduler:status().hangs.last_error)
      saros.sleep(10)
      assert.equal("TimeoutError: mine", scheduler:status().own.last_error)
      assert.equal(2, #contexts)
    end))
  end)

  describe("an error in a job", function()
    it("goes to the exception handler with its traceback, and the job and others go on", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts, times, job = catch_errors(), recorder()
      local object = saros.ValueError("mine")
      scheduler:schedule_recurring("bad", function() error(object) end, 1)
      scheduler:schedule_recurring("text", function() error("no") end, 10)
      scheduler:schedule_recurring("nil", function() error(nil) end, 10)
      scheduler:schedule_recurring("good", job, 1)
      saros.sleep(2.5)
      assert.same({ 0, 1, 2 }, times)
      assert.equal(5, #contexts)
      assert.equal(object, contexts[1].exception)
      assert.matches("scheduler_spec", contexts[1].traceback)
      assert.equal("bad", contexts[1].task:get_name())
      local status = scheduler:status()
      assert.equal(3, status.bad.failures)
      assert.equal(3, status.bad.runs)
      assert.equal("ValueError: mine", status.bad.last_error)
      assert.matches("^spec/scheduler_spec.lua:%d+: no$", status.text.last_error)
      assert.equal("nil", status["nil"].last_error)
      assert.equal(0, status.good.failures)
    end))

    it("is forgotten after a run that went well", async(function()
      local scheduler <close> = saros.Scheduler()
      catch_errors()
      local fails = true
      scheduler:schedule_recurring("sometimes", function() if fails then error("no") end end, 1)
      saros.sleep(0.5)
      assert.truthy(scheduler:status().sometimes.last_error)
      fails = false
      saros.sleep(1)
      assert.is_nil(scheduler:status().sometimes.last_error)
      assert.equal(1, scheduler:status().sometimes.failures)
    end))

    it("may be a CancelledError that nobody asked for", async(function()
      local scheduler <close> = saros.Scheduler()
      local contexts = catch_errors()
      scheduler:schedule_once("awaits", function()
        local future = loop():create_future()
        future:cancel()
        future:await()
      end, 0)
      saros.sleep(1)
      assert.equal(1, scheduler:status().awaits.failures)
      assert.equal(1, #contexts)
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

  describe("after downtime longer than the interval", function()
    -- A job of every 10 seconds runs at 0 and 10; from 15 to 65 there is no scheduler. Returns the times
    -- of runs from then on, their fire times, and the status at 75.
    local function restart(options, kind)
      local store = require("saros.memory_store").open("memory", { history = 10 })
      local function schedule(scheduler, job)
        if kind == "cron" then
          scheduler:schedule_cron("job", job, "*/10 * * * * *", options)
        else
          scheduler:schedule_recurring("job", job, 10, options)
        end
      end
      loop():set_wall_time(START)
      local base = loop():time()
      do
        local scheduler <close> = saros.Scheduler { store = store }
        schedule(scheduler, nothing)
        saros.sleep(15)
      end
      saros.sleep(50)
      local times, fire_times = {}, {}
      local scheduler <close> = saros.Scheduler { store = store }
      schedule(scheduler, function(run)
        times[#times + 1], fire_times[#fire_times + 1] = loop():time() - base, run.fire_time - START
        saros.sleep(0.5)
      end)
      saros.sleep(9)
      return times, fire_times, scheduler:status().job
    end

    for _, kind in ipairs { "recurring", "cron" } do
      local ran = kind == "cron" and 1 or 2 -- before the downtime

      it("the latest missed run is made up for: " .. kind, async(function()
        local times, fire_times, status = restart({}, kind)
        assert.same({ 65, 70 }, times)
        assert.same({ 60, 70 }, fire_times)
        assert.equal(4, status.misses)
        assert.equal(ran + 2, status.runs)
      end))

      it("all are made up for, one after the other, with coalesce = 'all': " .. kind, async(function()
        local times, fire_times, status = restart({ coalesce = "all" }, kind)
        assert.same({ 65, 65.5, 66, 66.5, 67, 70 }, times)
        assert.same({ 20, 30, 40, 50, 60, 70 }, fire_times)
        assert.equal(0, status.misses)
      end))

      it("all are made up for at once, if they may overlap as well: " .. kind, async(function()
        local times, fire_times = restart({ coalesce = "all", overlap = "allow" }, kind)
        assert.same({ 65, 65, 65, 65, 65, 70 }, times)
        assert.same({ 20, 30, 40, 50, 60, 70 }, fire_times)
      end))

      it("none that is later than its grace: " .. kind, async(function()
        local times, _, status = restart({ grace = 3 }, kind)
        assert.same({ 70 }, times)
        assert.equal(5, status.misses)
      end))

      it("the latest, if that is within its grace: " .. kind, async(function()
        local times, fire_times, status = restart({ grace = 5 }, kind)
        assert.same({ 65, 70 }, times)
        assert.same({ 60, 70 }, fire_times)
        assert.equal(4, status.misses)
      end))

      it("all that are within their grace when their turn comes: " .. kind, async(function()
        local times, fire_times, status = restart({ coalesce = "all", grace = 26 }, kind)
        assert.same({ 65, 65.5, 66, 70 }, times)
        assert.same({ 40, 50, 60, 70 }, fire_times)
        assert.equal(2, status.misses)
        times, fire_times, status = restart({ coalesce = "all", grace = 15.25 }, kind)
        assert.same({ 65, 65.5, 70 }, times)
        assert.same({ 50, 60, 70 }, fire_times)
        assert.equal(3, status.misses)
      end))
    end

    it("the same holds when the loop was held", function()
      -- A loop whose clocks a computation can move.
      local HeldLoop = saros.testing.VirtualClockLoop:extend("HeldLoop")
      function HeldLoop:init(options)
        saros.testing.VirtualClockLoop.init(self, options)
        self.held = 0
      end
      function HeldLoop:time() return saros.testing.VirtualClockLoop.time(self) + self.held end

      for coalesce, expected in pairs { latest = { 0, 37, 40 }, all = { 0, 37, 37, 37, 40 } } do
        async(function()
          local scheduler <close> = saros.Scheduler()
          local events, times, job = record_events(scheduler), recorder()
          scheduler:schedule_recurring("beat", job, 10, { coalesce = coalesce })
          saros.sleep(2)
          loop().held = 35
          saros.sleep(5)
          assert.same(expected, times)
          assert.equal(coalesce == "latest", events[3] == "missed 2")
          assert.equal(coalesce == "latest" and 2 or 0, scheduler:status().beat.misses)
        end, { loop_factory = HeldLoop })()
      end
    end)
  end)

  describe("1,000 jobs due at the same instant", function()
    it("all run then, in the order in which they were scheduled", async(function()
      local scheduler <close> = saros.Scheduler()
      local order = {}
      for i = 1, 1000 do
        scheduler:schedule_once("job " .. i, function(run)
          order[#order + 1] = run.name
          assert.equal(60, loop():time())
        end, 60)
      end
      saros.sleep(61)
      assert.equal(1000, #order)
      for i, name in ipairs(order) do assert.equal("job " .. i, name) end
    end))

    it("and more than that, while others have their turns", async(function()
      local scheduler <close> = saros.Scheduler()
      local ran, turns = 0, 0
      local function job()
        ran = ran + 1
        assert.equal(60, loop():time())
      end
      for i = 1, 1700 do scheduler:schedule_once("once " .. i, job, 60) end
      for i = 1, 1700 do scheduler:schedule_cron("cron " .. i, job, "* * * * *") end
      loop():call_at(60, function()
        local function turn()
          turns = turns + 1
          if ran < 3400 then loop():call_soon(turn) end
        end
        turn()
      end)
      saros.sleep(61)
      assert.equal(3400, ran)
      assert.is_true(turns >= 4)
    end))
  end)

  describe("jitter", function()
    it("delays each run at random, not its fire time, and does not add up", async(function()
      local scheduler <close> = saros.Scheduler { jitter = 4 }
      local delays, least, most = {}, math.huge, 0
      scheduler:schedule_recurring("beat", function(run)
        local delay = loop():time() - #delays * 10
        assert.equal(START + #delays * 10, run.fire_time)
        delays[#delays + 1] = delay
        least, most = math.min(least, delay), math.max(most, delay)
      end, 10)
      scheduler:schedule_recurring("exact", function() assert.equal(0, loop():time() % 10) end, 10, { jitter = 0 })
      saros.sleep(1999)
      assert.equal(200, #delays)
      assert.is_true(least >= 0 and most <= 4)
      assert.is_true(most - least > 1)
      assert.equal(0, scheduler:status().exact.failures)
      assert.equal(0, scheduler:status().beat.misses)
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
      saros.sleep(20)
      assert.same({ 1, 2, 3 }, times)
      assert.equal("finished", events[#events])
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
        return function(_, ...)
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
      assert.same({ 1.5, 11.5, 21.5 }, times)
      assert.equal(3, status.job.runs)
      assert.equal(3, #store:history("job", 10))
      assert.equal("finished", store:history("job", 10)[1].outcome)
      assert.is_true(store:load().cancelled.cancelled)
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
        return function(_, ...)
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
        assert.equal("unknown store 'redis://localhost' (known: memory)",
          raises(saros.ValueError, saros.Scheduler, { store = "redis://localhost" }).message)
        assert.equal("the store has no method 'load'",
          raises(saros.ValueError, saros.Scheduler, { store = {} }).message)
        blames(function() saros.Scheduler { store = 5 } end,
          "bad argument #1 to 'Scheduler' (string expected, got number for option 'store')")
        local scheduler <close> = saros.Scheduler { store = "memory" }
        assert.same({}, scheduler:status())
      end)
    end)
  end)

  describe("a run", function()
    it("sees the context in which the scheduler was made, and not that of another run", async(function()
      local var, seen = saros.ContextVar("var", "none"), {}
      var:set("outer")
      local scheduler <close> = saros.Scheduler()
      scheduler:schedule_recurring("sets", function()
        var:set("inner")
        scheduler:schedule_once("reads", function() seen[#seen + 1] = var:get() end, 1, { replace = true })
      end, 10)
      saros.sleep(15)
      assert.same({ "outer", "outer" }, seen)
    end))

    it("may be an eager task", async(function()
      loop():set_task_factory(saros.eager_task_factory)
      local scheduler <close> = saros.Scheduler()
      local times, job = recorder()
      scheduler:schedule_recurring("job", function()
        job()
        if #times == 3 then scheduler:stop() end
      end, 10)
      scheduler:schedule_recurring("sleeps", saros.sleep, 10, { args = { 1 } })
      saros.sleep(100)
      assert.same({ 0, 10, 20 }, times)
      assert.equal(3, scheduler:status().job.runs)
      assert.equal(2, scheduler:status().sleeps.runs)
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
        .. "(known: args, coalesce, grace, jitter, overlap, replace, retries, retry_delay, retry_max_delay, "
        .. "timeout)", "schedule_recurring", "job", nothing, 1, 0, { every = 1 })
      refuses("unknown option 'timezone' for 'schedule_once' "
        .. "(known: args, coalesce, grace, jitter, overlap, replace, retries, retry_delay, retry_max_delay, "
        .. "timeout)", "schedule_once", "job", nothing, 1, { timezone = "UTC" })
      refuses("unknown option 'soon' for 'cancel' (known: keep_running)", "cancel", "job", { soon = true })
      saros.testing.run(function()
        assert.equal("unknown option 'stores' for 'Scheduler' "
          .. "(known: history, jitter, node, shutdown_timeout, store, timezone)",
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
        timeout = { 0, "timeout must be a positive number of seconds, got 0" },
        grace = { 0, "grace must be a positive number of seconds, got 0" },
        jitter = { -1, "jitter must be a number of seconds that is not negative, got -1" },
        retries = { -1, "retries must not be negative, got -1" },
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
