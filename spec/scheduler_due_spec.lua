local saros = require "saros"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder, record_events = scheduling.recorder, scheduling.record_events

local function loop() return saros.get_running_loop() end
local function nothing() end

-- 2000-01-01T00:00:00Z, a Saturday: where the virtual wall clock starts.
local START = 946684800

describe("saros.scheduler_due", function()
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
        times, fire_times, status = restart({ coalesce = "all", grace = 25 }, kind)
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

  describe("jitter", function()
    it("may be longer than the interval, and nothing is missed", async(function()
      local scheduler <close> = saros.Scheduler()
      local fire_times = {}
      scheduler:schedule_recurring("beat", function(run) fire_times[#fire_times + 1] = run.fire_time - START end, 1,
        { jitter = 3, overlap = "queue" })
      saros.sleep(103)
      assert.equal(0, scheduler:status().beat.misses)
      assert.is_true(#fire_times >= 100)
      for i, time in ipairs(fire_times) do assert.equal(i - 1, time) end
    end))

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
end)
