--- What a scheduler goes on with after a restart, whatever database its store is.

local assert = require "luassert"
local saros = require "saros"
local raises = require "spec.support.raises"

-- `tools`: as spec.support.databases makes them.
return function(tools)
  local describe, it = tools.describe, tools.it
  local run, open_scheduler, eventually = tools.run, tools.open_scheduler, tools.eventually

  describe("after a restart", function()
    it("does not run again what ran once, and goes on with what recurs", run(function()
      local fire_times = {}
      local function job(info) fire_times[#fire_times + 1] = info.fire_time end
      local ran_once = 0
      for _ = 1, 3 do
        local scheduler <close> = open_scheduler()
        scheduler:schedule_once("once", function() ran_once = ran_once + 1 end, 0.05)
        scheduler:schedule_recurring("beat", job, 0.1, {coalesce = "all"})
        saros.sleep(0.25)
      end
      assert.equal(1, ran_once)
      assert.is_true(#fire_times >= 6)
      for i, fire_time in ipairs(fire_times) do
        assert.is_true(math.abs(fire_time - fire_times[1] - (i - 1) * 0.1) < 1e-5)
      end
    end))

    it("makes up for what was missed, as the job says", run(function()
      local counts = {latest = 0, all = 0}
      local function session(seconds)
        local scheduler <close> = open_scheduler()
        for _, name in ipairs {"latest", "all"} do
          scheduler:schedule_recurring(name, function() counts[name] = counts[name] + 1 end, 0.1,
            {coalesce = name, overlap = "queue"})
        end
        saros.sleep(seconds)
        return scheduler:status()
      end
      session(0.05)
      saros.sleep(0.45)
      local status = session(0.3)
      assert.is_true(counts.all >= 7)
      assert.equal(counts.all, status.all.runs)
      assert.equal(0, status.all.misses)
      assert.is_true(counts.latest <= counts.all - 3)
      assert.is_true(status.latest.misses >= 3)
    end))

    it("keeps pauses and counts, texts of all kinds", run(function()
      local name = "it's \"Größe\" \\ % ?"
      do
        local scheduler <close> = open_scheduler()
        saros.get_running_loop():set_exception_handler(function() end)
        scheduler:schedule_recurring(name, function() error("a zero \0, a byte \xff, a quote ' and a ?", 0) end, 60)
        eventually(function() return scheduler:status()[name].failures == 1 end)
        assert.is_true(scheduler:pause(name))
      end
      local scheduler <close> = open_scheduler()
      scheduler:schedule_recurring(name, function() end, 60)
      local status = scheduler:status()[name]
      assert.is_true(status.paused)
      assert.equal(1, status.runs)
      assert.equal(1, status.failures)
      assert.equal("a zero \\x00, a byte \\xff, a quote ' and a ?", status.last_error)
      assert.is_true(scheduler:resume(name))
      local record = scheduler:history(name)[1]
      assert.equal("failed", record.outcome)
      assert.equal(name, record.name)
      assert.equal("local", record.node)
    end))

    it("begins anew with another trigger, and what was cancelled", run(function()
      local runs = {changed = 0, cancelled = 0}
      local function count_run(info) runs[info.name] = runs[info.name] + 1 end
      for session = 1, 2 do
        local scheduler <close> = open_scheduler()
        scheduler:schedule_once("changed", count_run, session * 0.01)
        scheduler:schedule_once("cancelled", count_run, 0.02)
        eventually(function()
          local job = scheduler:status().cancelled
          return runs.changed == session and runs.cancelled == session and not job.running
        end)
        if session == 1 then
          scheduler:schedule_once("cancelled", count_run, 60)
          assert.is_true(scheduler:cancel("cancelled"))
        end
      end
      assert.same({changed = 2, cancelled = 2}, runs)
    end))

    it("refuses a name that it cannot keep", run(function()
      local scheduler <close> = open_scheduler()
      assert.equal("the name of a job must be UTF-8 without zeros to be stored, got 'a\\x00b'",
        raises(saros.ValueError, scheduler.schedule_once, scheduler, "a\0b", print, 1).message)
      raises(saros.ValueError, scheduler.schedule_once, scheduler, "\xff", print, 1)
      -- PostgreSQL refused what was longer than its indexes take each time that it was tried again.
      assert.equal("the name of a job must have at most 1000 bytes to be stored, got 1001",
        raises(saros.ValueError, scheduler.schedule_once, scheduler, ("\u{e9}"):rep(500) .. "x", print, 1).message)
      assert.equal("the time 1e+300 cannot be stored",
        raises(saros.ValueError, scheduler.schedule_at, scheduler, "late", print, 1e300).message)
      assert.same({}, scheduler:status())
    end))

    it("knows no runs of a name that it cannot keep", run(function()
      local scheduler <close> = open_scheduler()
      scheduler:schedule_once("a", function() end, 60)
      scheduler:run_now("a")
      eventually(function() return #scheduler:history("a") == 1 end)
      for _, name in ipairs {"a\0b", "\xff", ("x"):rep(1e6)} do assert.same({}, scheduler:history(name)) end
    end))

    it("takes what is too far in the future to be stored for never", run(function()
      local scheduler <close> = open_scheduler {lease = 1e300}
      local runs = 0
      local function count_run() runs = runs + 1 end
      scheduler:schedule_recurring("long", count_run, 1e300)
      scheduler:schedule_once("never too late", count_run, 0, {grace = 1e300})
      scheduler:schedule_once("long name: " .. ("\u{e9}"):rep(490), count_run, 0)
      eventually(function() return runs == 3 end)
      assert.equal(0, scheduler:status().long.failures)
      assert.equal(1e300, scheduler:status().long.next_run_at)
    end))
  end)
end
