local saros = require "saros"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder, catch_errors = scheduling.recorder, scheduling.catch_errors

local function nothing() end

-- 2000-01-01T00:00:00Z, a Saturday: where the virtual wall clock starts.
local START = 946684800

describe("saros.scheduler", function()
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
end)
