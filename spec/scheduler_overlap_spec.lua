local saros = require "saros"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local record_events = scheduling.record_events

local function loop() return saros.get_running_loop() end

-- 2000-01-01T00:00:00Z, a Saturday: where the virtual wall clock starts.
local START = 946684800

describe("saros.scheduler_overlap", function()
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
end)
