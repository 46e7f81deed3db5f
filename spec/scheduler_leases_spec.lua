local saros = require "saros"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder, record_events, logged = scheduling.recorder, scheduling.record_events, scheduling.logged

-- 2000-01-01T00:00:00Z: where the virtual wall clock starts.
local START = 946684800

-- A store that is shared, with other nodes that do what a spec says: `store.news` is told at the next renewal.
local function shared_store()
  local store = require("saros.memory_store").open("memory", {})
  store.renewals, store.cancelled = {}, {}

  function store:renew(is_changing)
    self.renewals[#self.renewals + 1] = saros.get_running_loop():time()
    local news = self.news or {}
    self.news = nil
    if self.on_renew then self.on_renew() end
    local jobs = {}
    for name, state in pairs(news.jobs or {}) do
      if not is_changing(name) then jobs[name] = state end
    end
    return {jobs = jobs, own = news.own or {}, lost = news.lost or {}, recover = news.recover or {}}
  end

  -- What these specs change themselves.
  function store.has_changed(_, job) return job.paused end

  function store:cancel_runs(job)
    self.cancelled[#self.cancelled + 1] = job.name
    local future = saros.get_running_loop():create_future()
    future:set_result(self.others_run == true)
    return future
  end

  return store
end

-- A spec with a scheduler whose lease is 30 s, so that it hears of others at 1 s, and then every 10 s.
local function with_scheduler(fn)
  return async(function()
    local store = shared_store()
    local scheduler <close> = saros.Scheduler {store = store, node = "here"}
    fn(scheduler, store)
  end)
end

-- What others have made of a job.
local function changed(scheduler, name, changes)
  local state = scheduler.jobs[name]:state()
  for key, value in pairs(changes) do state[key] = value end
  return {jobs = {[name] = state}}
end

describe("saros.scheduler_leases", function()
  it("renews them soon, then three times in the time of a lease", with_scheduler(function(_, store)
    saros.sleep(35)
    assert.same({1, 11, 21, 31}, store.renewals)
  end))

  it("begins only where the store is one that is shared", async(function()
    local scheduler <close> = saros.Scheduler()
    assert.is_false(scheduler.leases.is_shared)
    assert.is_nil(scheduler.leases.task)
  end))

  it("refuses a lease that is none", async(function()
    assert.has_error(function() saros.Scheduler {lease = 0} end)
    assert.has_error(function() saros.Scheduler {lease = -1} end)
  end))

  describe("takes over what others have done to a job:", function()
    it("counts", with_scheduler(function(scheduler, store)
      scheduler:schedule_once("job", print, 1000)
      store.news = changed(scheduler, "job", {runs = 7, failures = 2, misses = 1, last_error = "no", last_run_at = 5})
      saros.sleep(15)
      local status = scheduler:status().job
      assert.same({7, 2, 1}, {status.runs, status.failures, status.misses})
      assert.same({"no", 5}, {status.last_error, status.last_run_at})
    end))

    it("a pause, and its end", with_scheduler(function(scheduler, store)
      local times, job = recorder()
      scheduler:schedule_recurring("job", job, 7)
      saros.sleep(8)
      store.news = changed(scheduler, "job", {paused = true})
      saros.sleep(10)
      assert.is_true(scheduler:status().job.paused)
      assert.is_nil(scheduler:status().job.next_run)
      store.news = changed(scheduler, "job", {paused = false})
      saros.sleep(12)
      assert.same({0, 7, 28}, times)
    end))

    it("its cancellation", with_scheduler(function(scheduler, store)
      local times, job = recorder()
      local events = record_events(scheduler)
      scheduler:schedule_recurring("job", job, 60, 15)
      store.news = changed(scheduler, "job", {cancelled = true})
      saros.sleep(40)
      assert.same({}, times)
      assert.same({"cancelled"}, events)
      assert.is_true(scheduler:status().job.cancelled)
      -- Its name is free.
      scheduler:schedule_recurring("job", job, 60)
      saros.sleep(1)
      assert.equal(1, #times)
    end))

    it("another beginning", with_scheduler(function(scheduler, store)
      local times, job = recorder()
      scheduler:schedule_recurring("job", job, 60, 15)
      store.news = changed(scheduler, "job", {anchor = START + 42, next_fire_time = START + 102})
      saros.sleep(170)
      assert.same({102, 162}, times)
    end))

    it("another trigger, which it does not know, until it is the same again", with_scheduler(function(scheduler, store)
      local times, job = recorder()
      scheduler:schedule_recurring("job", job, 60, 15)
      local own = changed(scheduler, "job", {})
      local lines = logged(function()
        saros.sleep(5)
        for _ = 1, 2 do
          store.news = changed(scheduler, "job", {trigger = "every 5 s after 0 s"})
          saros.sleep(10)
        end
        assert.is_nil(scheduler:status().job.next_run)
        store.news = own
        saros.sleep(60)
      end)
      assert.same({"warn: another node has scheduled the job 'job' otherwise; this node does not run it"}, lines)
      assert.same({31, 75}, times)
    end))

    it("but not of what it is about to write itself", with_scheduler(function(scheduler, store)
      scheduler:schedule_recurring("job", print, 60, 60)
      store.news = changed(scheduler, "job", {})
      store.on_renew = function()
        store.on_renew = nil
        scheduler.jobs.job.paused = true
        scheduler.writer:save(scheduler.jobs.job)
      end
      saros.sleep(15)
      assert.is_true(scheduler:status().job.paused)
    end))

    it("also of what it is about to write how far it has come", with_scheduler(function(scheduler, store)
      scheduler:schedule_recurring("job", print, 60, 60)
      store.news = changed(scheduler, "job", {paused = true})
      store.on_renew = function()
        store.on_renew = nil
        scheduler.writer:save(scheduler.jobs.job)
      end
      saros.sleep(15)
      assert.is_true(scheduler:status().job.paused)
    end))

    it("nothing of jobs that it does not have", with_scheduler(function(scheduler, store)
      scheduler:schedule_recurring("job", print, 60, 60)
      local state = scheduler.jobs.job:state()
      store.news = {jobs = {other = state}, recover = {{name = "other", fire_time = START, recovery = 0}}}
      saros.sleep(15)
      assert.is_nil(scheduler:status().other)
    end))
  end)

  describe("a run of this node", function()
    -- Runs a job from 0 on; gives how it ended.
    local function start(scheduler, options)
      local ending = {}
      saros.get_running_loop():set_exception_handler(function(_, context) ending.error = context.exception end)
      scheduler:on("failed", function(event) ending.event = event.event end)
      scheduler:on("cancelled", function(event) ending.event = event.event end)
      scheduler:schedule_once("job", function(run)
        ending.token = run.token
        local ok, failure = pcall(saros.sleep, 1000)
        ending.at, ending.failure = saros.get_running_loop():time(), not ok and failure.name
        error(failure, 0)
      end, 0, options)
      saros.sleep(2)
      return ending
    end

    it("is cancelled when another node asks for it", with_scheduler(function(scheduler, store)
      local ending = start(scheduler)
      store.news = {own = {[ending.token] = {is_cancelled = true}}}
      saros.sleep(15)
      assert.equal(11, ending.at)
      assert.equal("cancelled", ending.event)
      assert.equal("cancelled", scheduler:history("job")[1].outcome)
    end))

    it("goes on when it was taken for lost and nobody runs it again", with_scheduler(function(scheduler, store)
      local ending = start(scheduler)
      store.news = {own = {[ending.token] = {is_lost = true, is_recovered = false}}}
      saros.sleep(15)
      assert.is_nil(ending.at)
      scheduler:cancel("job")
      saros.sleep(0)
    end))

    it("ends when it was taken for lost and is run again", with_scheduler(function(scheduler, store)
      local ending = start(scheduler)
      store.news = {own = {[ending.token] = {is_lost = true, is_recovered = true}}}
      saros.sleep(15)
      assert.equal("CancelledError", ending.failure)
      assert.equal("failed", ending.event)
      assert.equal("lost", scheduler:history("job")[1].outcome)
      assert.equal("the run's lease is over, so that it was cancelled", ending.error.message)
      assert.equal(1, scheduler:status().job.failures)
    end))

    for _, recover in ipairs {true, false} do
      it(recover and "is cancelled when its lease is over, if others may run it"
        or "goes on when its lease is over, if nobody else may run it", with_scheduler(function(scheduler, store)
        local ending = start(scheduler, {recover = recover})
        -- Renewed at 1, 11 and 21, then the store does not answer.
        saros.sleep(20)
        store.on_renew = function() saros.sleep(500) end
        saros.sleep(100)
        if recover then
          assert.equal(51, ending.at)
          assert.equal("lost", scheduler:history("job")[1].outcome)
        else
          assert.is_nil(ending.at)
          scheduler:cancel("job")
        end
      end))
    end
  end)

  describe("a run of a node that died", function()
    it("is told of", with_scheduler(function(scheduler, store)
      local event
      scheduler:on("failed", function(told) event = told end)
      scheduler:schedule_once("job", print, 1000)
      store.news = {lost = {{name = "job", fire_time = START - 5, node = "there", token = 1}}}
      local lines = logged(function() saros.sleep(15) end)
      assert.same({"warn: the node 'there' ended during a run of the job 'job', which is lost"}, lines)
      assert.equal(START - 5, event.fire_time)
      assert.equal("the node 'there' ended during a run", event.error.message)
    end))

    local function recovered(fire_time) return {recover = {{name = "job", fire_time = fire_time, recovery = 0}}} end

    it("is run again, once, besides what is due", with_scheduler(function(scheduler, store)
      local fire_times = {}
      scheduler:schedule_recurring("job", function(run)
        fire_times[#fire_times + 1] = run.fire_time - START
        saros.sleep(12)
      end, 60, {recover = true})
      saros.sleep(1)
      -- It comes each time until it is claimed: while another run is in progress it waits.
      store.news = recovered(START - 60)
      saros.sleep(10)
      store.news = recovered(START - 60)
      saros.sleep(100)
      assert.same({0, -60, 60}, fire_times)
    end))

    it("is not run again if the job is paused, cancelled, or does not say so", with_scheduler(function(scheduler, store)
      local times, job = recorder()
      scheduler:schedule_once("job", job, 1000, {recover = true})
      scheduler:pause("job")
      store.news = recovered(START - 60)
      saros.sleep(15)
      assert.same({}, times)
      scheduler:resume("job")
      saros.sleep(1)
      assert.same({15}, times)
      scheduler:cancel("job")
      store.news = recovered(START - 70)
      saros.sleep(15)
      scheduler:schedule_once("job", job, 1000)
      store.news = recovered(START - 80)
      saros.sleep(15)
      assert.same({15}, times)
    end))
  end)

  it("asks other nodes to cancel their runs of a job that is cancelled", with_scheduler(function(scheduler, store)
    scheduler:schedule_once("one", print, 1000)
    scheduler:schedule_once("two", print, 1000)
    scheduler:schedule_once("over", function() end, 0)
    assert.is_true(scheduler:cancel("one"))
    assert.is_true(scheduler:cancel("two", {keep_running = true}))
    assert.same({"one"}, store.cancelled)
    saros.sleep(1)
    assert.is_false(scheduler:cancel("over"))
    store.others_run = true
    assert.is_true(scheduler:cancel("over"))
    assert.same({"one", "over", "over"}, store.cancelled)
  end))

  it("reports that it cannot go on", with_scheduler(function(scheduler, store)
    local contexts = scheduling.catch_errors()
    function store.renew() error("no such thing", 0) end
    saros.sleep(15)
    assert.equal("the scheduler cannot renew its leases any more", contexts[1].message)
    assert.equal("no such thing", contexts[1].exception)
    assert.is_truthy(scheduler)
  end))
end)
