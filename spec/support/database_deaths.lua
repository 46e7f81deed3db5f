--- What becomes of the runs of a node that has died, whatever the database is.

local assert = require "luassert"
local saros = require "saros"
local scheduling = require "spec.support.scheduling"

-- `tools`: as spec.support.databases makes them.
return function(tools)
  local describe, it = tools.describe, tools.it
  local run, now, open_scheduler = tools.run, tools.now, tools.open_scheduler
  local open_store, eventually, bare_job = tools.open_store, tools.eventually, tools.bare_job
  local never, LEASE = tools.never, tools.lease

  describe("when a node dies", function()
    -- Lets a node begin a run of 60 s and die.
    local function leave_run(options)
      local store, job = open_store("dead"), bare_job("job", options)
      local state = job:state()
      state.next_fire_time = options.fire_time
      store:adopt(job, state, true)
      job.next_fire_time = options.next_fire_time
      local token = store:claim({fire_time = options.fire_time, node = "dead", started_at = now()}, job, {})
      store.queue:close(5)
      return token
    end

    it("marks its run as lost", run(function()
      local at = now()
      leave_run {trigger = ("at %.17g"):format(at), anchor = at, fire_time = at}
      local runs, events = 0, nil
      local lines = scheduling.logged(function()
        local scheduler <close> = open_scheduler {node = "alive"}
        events = scheduling.record_events(scheduler)
        scheduler:schedule_at("job", function() runs = runs + 1 end, at)
        eventually(function() return scheduler:history("job")[1].outcome == "lost" end)
        eventually(function() return scheduler:status().job.failures == 1 end)
        assert.equal("the node 'dead' ended during the run", scheduler:status().job.last_error)
        saros.sleep(LEASE)
      end)
      assert.equal(0, runs)
      assert.same({"failed"}, events)
      assert.same({"warn: the node 'dead' ended during a run of the job 'job', which is lost"}, lines)
    end))

    it("tells of what was found lost for nobody", run(function()
      local token = leave_run {fire_time = 1060}
      local store = open_store("alive")
      saros.sleep(2 * LEASE)
      tools.cancel_at_result(store, store.renew, store, never)
      assert.equal(token, store:renew(never).lost[1].token)
      assert.same({}, store:renew(never).lost)
      store:close()
    end))

    it("runs again what is to be recovered, once, with a larger token", run(function()
      local at = now()
      local token = leave_run {trigger = ("at %.17g"):format(at), anchor = at, fire_time = at, recover = true}
      local runs = {}
      scheduling.logged(function()
        local first <close> = open_scheduler {node = "first"}
        local second <close> = open_scheduler {node = "second"}
        for _, scheduler in ipairs {first, second} do
          scheduler:schedule_at("job", function(info) runs[#runs + 1] = info end, at, {recover = true})
        end
        eventually(function() return first:history("job")[1].outcome == "finished" end)
        saros.sleep(LEASE)
        local outcomes = {}
        for i, record in ipairs(first:history("job")) do outcomes[i] = record.outcome end
        assert.same({"finished", "lost"}, outcomes)
      end)
      assert.equal(1, #runs)
      assert.is_true(math.abs(runs[1].fire_time - at) < 1e-5)
      assert.is_true(runs[1].token > token)
    end))

    it("runs it again so many times, if the job says how many", run(function()
      local job = bare_job("job", {recover = 2})
      local at, again = now(), {}
      local store = open_store("dead")
      store:adopt(job, job:state(), true)
      for recovery = 0, 2 do
        assert.is_truthy(store:claim({fire_time = at, node = "dead"}, job, {recovery = recovery}))
        store.queue:close(5) -- it is not heard of again
        store = open_store("next")
        saros.sleep(LEASE * 1.5)
        local news = store:renew(never)
        assert.equal(1, #news.lost)
        again[recovery + 1] = #news.recover
      end
      assert.same({1, 1, 0}, again)
      assert.equal(3, #store:history("job", 10))
      store:close()
    end))

    it("takes over what waited there for the end of a run", run(function()
      local anchor = math.floor(now() * 100) / 100
      local trigger = ("every %.17g s after 0 s"):format(0.3)
      leave_run {trigger = trigger, anchor = anchor, fire_time = anchor, next_fire_time = anchor + 0.3,
        overlap = "queue"}
      local fire_times = {}
      scheduling.logged(function()
        local scheduler <close> = open_scheduler {node = "alive"}
        scheduler:schedule_recurring("job", function(info) fire_times[#fire_times + 1] = info.fire_time end, 0.3,
          {overlap = "queue", coalesce = "all"})
        eventually(function() return #fire_times >= 3 end)
      end)
      for i, fire_time in ipairs(fire_times) do
        assert.is_true(math.abs(fire_time - anchor - i * 0.3) < 1e-5)
      end
    end))

    it("knows better when a run that was taken for lost comes to its end", run(function()
      local store, job = open_store("slow"), bare_job("job")
      store:adopt(job, job:state(), true)
      local record = {fire_time = now(), node = "slow"}
      record.token = store:claim(record, job, {})
      local other, theirs = open_store("other"), bare_job("job")
      other:adopt(theirs, theirs:state())
      saros.sleep(LEASE * 1.5)
      local news = other:renew(never)
      assert.equal(1, #news.lost)
      assert.equal("slow", news.lost[1].node)
      assert.equal(1, news.jobs.job.failures)
      assert.equal("lost", other:history("job", 1)[1].outcome)
      record.outcome, record.duration, record.attempts = "finished", 1, 1
      store:finish(record, job)
      assert.equal("finished", other:history("job", 1)[1].outcome)
      assert.equal(0, other:renew(never).jobs.job.failures)
      store:close()
      other:close()
    end))

    -- It used to run twice, when its end came between the news that it was lost and the claim.
    it("does not run again what came to its end meanwhile", run(function()
      local store, job = open_store("slow"), bare_job("job", {recover = true})
      store:adopt(job, job:state(), true)
      local record = {fire_time = now(), node = "slow", outcome = "finished", duration = 1, attempts = 1}
      record.token = store:claim(record, job, {})
      local other = open_store("other")
      saros.sleep(LEASE * 1.5)
      assert.equal(1, #other:renew(never).recover)
      store:finish(record, job)
      local token, reason = other:claim({fire_time = record.fire_time, node = "other"}, job, {recovery = 1})
      assert.is_nil(token)
      assert.equal("taken", reason)
      assert.equal(1, #other:history("job", 10))
      store:close()
      other:close()
    end))

    it("cancels a run that another node may run again, when its lease cannot be renewed", run(function()
      local outcome, failures = nil, {}
      saros.get_running_loop():set_exception_handler(function(_, context)
        failures[#failures + 1] = context.exception
      end)
      local scheduler <close> = open_scheduler()
      local runs = 0
      scheduler:schedule_once("job", function()
        runs = runs + 1
        if runs > 1 then return end
        -- From here on the store does not answer.
        scheduler.store.renew = function() saros.sleep(3600) end
        local began = saros.get_running_loop():time()
        local ok, failure = pcall(saros.sleep, 60)
        outcome = not ok and failure.name
        assert.is_true(saros.get_running_loop():time() - began <= LEASE * 10)
        error(failure, 0)
      end, 0, {recover = true})
      eventually(function() return outcome end)
      assert.equal("CancelledError", outcome)
      eventually(function() return scheduler:history("job")[1].outcome == "lost" end)
      assert.equal("the run's lease is over, so that it was cancelled", failures[1].message)
    end))
  end)
end
