--- What several schedulers do that share a database, whatever it is.

local assert = require "luassert"
local saros = require "saros"
local scheduling = require "spec.support.scheduling"

local function count(list)
  local n = 0
  for _ in pairs(list) do n = n + 1 end
  return n
end

-- `tools`: as spec.support.databases makes them.
return function(tools)
  local describe, it = tools.describe, tools.it
  local run, open_scheduler, open_store = tools.run, tools.open_scheduler, tools.open_store
  local eventually, bare_job, never = tools.eventually, tools.bare_job, tools.never
  local LEASE = tools.lease

  describe("with several nodes", function()
    it("lets one of them have each run, with tokens that grow", run(function()
      local seen, tokens = {}, {}
      local function job(info)
        local key = ("%.6f"):format(info.fire_time)
        assert.is_nil(seen[key])
        seen[key] = true
        tokens[#tokens + 1] = info.token
      end
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      local function schedule(scheduler) scheduler:schedule_recurring("job", job, 0.05) end
      -- Both at the same time: one begins the job, the other goes on with it.
      local tasks = {saros.create_task(schedule, first), saros.create_task(schedule, second)}
      for _, task in ipairs(tasks) do task:await() end
      eventually(function() return #tokens >= 10 end)
      for i = 2, #tokens do assert.is_true(tokens[i] > tokens[i - 1]) end
      assert.is_true(count(seen) == #tokens)
    end))

    it("tells all of them what one has counted", run(function()
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      for _, scheduler in ipairs {first, second} do scheduler:schedule_once("once", function() end, 0.02) end
      for _, scheduler in ipairs {first, second} do
        eventually(function() return scheduler:status().once.runs == 1 end)
        eventually(function() return scheduler:status().once.last_duration end)
        assert.equal("finished", scheduler:history("once")[1].outcome)
      end
    end))

    it("pauses and resumes a job on all of them", run(function()
      local runs = 0
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      for _, scheduler in ipairs {first, second} do
        scheduler:schedule_recurring("job", function() runs = runs + 1 end, 0.02)
      end
      eventually(function() return runs > 0 end)
      assert.is_true(first:pause("job"))
      local paused_at = runs
      saros.sleep(0.1)
      -- One may have been claimed before.
      assert.is_true(runs <= paused_at + 1)
      -- It has not heard of that by itself.
      assert.is_false(second:pause("job"))
      assert.is_true(second:resume("job"))
      assert.is_true(first:pause("job"))
      assert.is_true(second:resume("job"))
      paused_at = runs
      eventually(function() return runs > paused_at + 1 end)
      eventually(function() return not first:status().job.paused end)
    end))

    it("cancels a job, and its run, on all of them", run(function()
      local started, ended = 0, nil
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      first:schedule_once("job", function()
        started = started + 1
        local ok, failure = pcall(saros.sleep, 60)
        ended = not ok and failure.name
        error(failure, 0)
      end, 0)
      eventually(function() return started == 1 end)
      second:schedule_once("job", function() started = started + 1 end, 0)
      assert.is_true(second:cancel("job"))
      eventually(function() return ended end)
      assert.equal("CancelledError", ended)
      eventually(function() return first:history("job")[1].outcome == "cancelled" end)
      assert.equal(1, started)
      assert.is_false(second:cancel("job"))
    end))

    it("has runs that are asked for follow the job's policy", run(function()
      local log = {}
      local function job(info)
        log[#log + 1] = info.node
        local ok, failure = pcall(saros.sleep, 0.2)
        log[#log + 1] = ok and "ended" or failure.name
        if not ok then error(failure, 0) end
      end
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      local expected = {
        queue = {"first", "ended", "second", "ended"},
        replace = {"first", "CancelledError", "second", "ended"},
        skip = {"first", "ended"},
      }
      for policy, order in pairs(expected) do
        for _, scheduler in ipairs {first, second} do
          scheduler:schedule_recurring(policy, job, 60, 60, {overlap = policy})
        end
        log = {}
        first:run_now(policy)
        eventually(function() return #log == 1 end)
        second:run_now(policy)
        eventually(function() return #log == #order and not second:status()[policy].running end)
        assert.same(order, log)
      end
    end))

    -- What news a node has of a job that another one has cancelled, when its own change is stored right after them:
    -- all in one transaction, because they pile up behind a claim.
    local function news_before(change)
      local store, job = open_store("one"), bare_job("job")
      store:adopt(job, job:state(), true)
      local other, theirs = open_store("other"), bare_job("job")
      other:adopt(theirs, theirs:state())
      local cancelled = theirs:state()
      cancelled.cancelled = true
      function theirs.state() return cancelled end
      other:save(theirs)
      other:close()
      local busy, state = bare_job("busy"), job:state()
      store:adopt(busy, busy:state(), true)
      for name, value in pairs(change) do state[name] = value end
      function job.state() return state end
      local claims = saros.create_task(store.claim, store, {fire_time = 1060, node = "one"}, busy, {})
      local news = saros.create_task(store.renew, store, never)
      local saved = saros.create_task(store.save, store, job)
      for _, task in ipairs {claims, saved} do task:await() end
      return news:await().jobs, store
    end

    it("tells all of them, later if a node is about to pause the job itself", run(function()
      local jobs, store = news_before {paused = true}
      assert.is_nil(jobs.job)
      local later = store:renew(never).jobs.job
      assert.is_true(later.cancelled)
      assert.is_true(later.paused)
      assert.same({}, store:renew(never).jobs)
      store:close()
    end))

    it("tells all of them at once if a node stores how far the job has come", run(function()
      local jobs, store = news_before {misses = 1}
      assert.is_true(jobs.job.cancelled)
      store:close()
    end))

    it("cancels a recurring job on all of them", run(function()
      local events = {}
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      for _, scheduler in ipairs {first, second} do scheduler:schedule_recurring("job", function() end, 60, 60) end
      second:on("cancelled", function(event) events[#events + 1] = event.name end)
      assert.is_true(first:cancel("job"))
      eventually(function() return second:status().job.cancelled end)
      assert.is_nil(second:status().job.next_run)
      saros.sleep(0)
      assert.same({"job"}, events)
    end))

    it("lets no run overlap that of another node, unless the job allows it", run(function()
      local active, most = 0, {skip = 0, queue = 0, allow = 0}
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      local fire_times = {}
      local function job(info)
        active = active + 1
        most[info.name] = math.max(most[info.name], active)
        if info.name == "queue" then fire_times[#fire_times + 1] = info.fire_time end
        local ok, failure = pcall(saros.sleep, 0.12)
        active = active - 1
        if not ok then error(failure, 0) end
      end
      for _, policy in ipairs {"skip", "queue", "allow"} do
        for _, scheduler in ipairs {first, second} do
          scheduler:schedule_recurring(policy, job, 0.05, {overlap = policy})
        end
        saros.sleep(0.5)
        first:cancel(policy)
        eventually(function() return active == 0 end)
        eventually(function() return second:status()[policy].cancelled end)
      end
      assert.equal(1, most.skip)
      assert.equal(1, most.queue)
      assert.is_true(most.allow > 1)
      for i, fire_time in ipairs(fire_times) do
        assert.is_true(math.abs(fire_time - fire_times[1] - (i - 1) * 0.05) < 1e-5)
      end
    end))

    it("follows a node that schedules a job anew", run(function()
      local runs, last = {}, nil
      local function job(info) runs[#runs + 1] = info end
      local lines = scheduling.logged(function()
        local first <close> = open_scheduler {node = "first"}
        do
          local second <close> = open_scheduler {node = "second"}
          for _, scheduler in ipairs {first, second} do scheduler:schedule_recurring("job", job, 60, 60) end
          first:reschedule("job", {interval = 0.05})
          eventually(function() return #runs > 2 end)
          saros.sleep(LEASE)
          -- It knows no such trigger.
          assert.is_nil(second:status().job.next_run)
          second:schedule_recurring("job", job, 0.05, {replace = true})
          runs = {}
          eventually(function() return #runs > 2 end)
          last = runs[#runs]
        end
        runs = {}
        eventually(function() return #runs > 2 end)
      end)
      for _, info in ipairs(runs) do
        assert.equal("first", info.node)
        local steps = (info.fire_time - last.fire_time) / 0.05
        assert.is_true(math.abs(steps - math.floor(steps + 0.5)) < 1e-3)
      end
      assert.same({"warn: another node has scheduled the job 'job' otherwise; this node does not run it"}, lines)
    end))

    it("begins nothing on a node that is stopped while it waits for another one's run", run(function()
      local first <close> = open_scheduler {node = "first"}
      local second <close> = open_scheduler {node = "second"}
      local runs, events, release = {}, {}, saros.Event()
      for _, scheduler in ipairs {first, second} do
        scheduler:schedule_recurring("job", function(info)
          runs[#runs + 1] = info.node
          release:wait()
        end, 1000, 1000, {overlap = "queue"})
      end
      for _, name in ipairs {"started", "cancelled"} do
        second:on(name, function(event) events[#events + 1] = event.event end)
      end
      first:run_now("job")
      eventually(function() return #runs == 1 end)
      second:run_now("job")
      saros.sleep(LEASE)
      second:stop()
      release:set()
      second:close()
      assert.same({"first"}, runs)
      assert.same({"cancelled"}, events)
    end))
  end)
end
