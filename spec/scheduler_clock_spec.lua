local saros = require "saros"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder = scheduling.recorder

local function loop() return saros.get_running_loop() end
local function nothing() end

-- 2000-01-01T00:00:00Z, a Saturday: where the virtual wall clock starts.
local START = 946684800

describe("saros.scheduler_clock", function()
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

  describe("1,000 jobs due at the same instant #many", function()
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
end)
