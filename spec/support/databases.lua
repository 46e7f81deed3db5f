--- What every store in a database does: specs that are the same for all of them, in real time, as a
-- database has a clock of its own.

local assert = require "luassert"
local saros = require "saros"
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"
local stores = require "saros.scheduler_stores"

local databases = {}

local LEASE = 0.4

-- Waits, for a limited time, until something is so.
local function eventually(condition)
  for _ = 1, 1000 do
    local value = condition()
    if value then return value end
    saros.sleep(0.01)
  end
  error("it did not come to pass in 10 seconds", 2)
end

local function never() return false end

-- A job that is no more than a store has to know of it.
local function bare_job(name, options)
  options = options or {}
  local job = {name = name, options = {
    overlap = options.overlap or "skip", recover = options.recover, grace = options.grace, jitter = 0,
  }}
  function job:state()
    return {
      trigger = options.trigger or "every 60 s after 0 s", anchor = options.anchor or 1000,
      next_fire_time = self.next_fire_time, paused = false, cancelled = false, runs = 0, failures = 0,
      misses = self.misses or 0,
    }
  end
  return job
end

local function count(list)
  local n = 0
  for _ in pairs(list) do n = n + 1 end
  return n
end

--- Run a function on a loop whose wall clock is ahead of the machine's.
-- @tparam number seconds
-- @tparam function fn
-- @return its results
function databases.run_ahead(seconds, fn)
  local Loop = saros.EventLoop:extend("SkewedLoop")
  function Loop:wall_time() return saros.EventLoop.wall_time(self) + seconds end
  local runner <close> = saros.Runner {loop_factory = Loop}
  return runner:run(fn)
end

--- A node for a while, for a thread of its own: it runs a job each second of the clock.
-- @tparam string url
-- @tparam number skew of its clock, seconds
-- @tparam number seconds how long
-- @treturn {SchedulerRun,...} what it ran
function databases.run_node(url, skew, seconds)
  local support, runs = require "spec.support.databases", {}
  support.run_ahead(skew, function()
    local core = require "saros"
    local scheduler <close> = core.Scheduler {store = url, node = ("%+d s"):format(skew)}
    scheduler:schedule_cron("cron", function(run) runs[#runs + 1] = run end, "@every_second", {coalesce = "all"})
    core.sleep(seconds)
  end)
  return runs
end

--- Specs for a store.
-- @tparam table busted its `describe`, `it` and `before_each`, which it gives to spec files alone
-- @tparam fun():string new_url gives the URL of a database that is empty
function databases.specs(busted, new_url)
  local describe, it = busted.describe, busted.it
  local url

  busted.before_each(function() url = new_url() end)

  local function open_scheduler(options)
    options = options or {}
    return saros.Scheduler {store = url, node = options.node, lease = options.lease or LEASE, history = options.history,
      shutdown_timeout = 5}
  end

  -- A node that claims, and is not heard of again.
  local function open_store(node, options)
    options = options or {}
    return stores.open(url, {node = node, lease = options.lease or LEASE, history = options.history})
  end

  local function run(fn)
    return function() saros.run(fn) end
  end

  local function now() return saros.get_running_loop():wall_time() end

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
      assert.equal("the time 1e+300 cannot be stored",
        raises(saros.ValueError, scheduler.schedule_at, scheduler, "late", print, 1e300).message)
      assert.same({}, scheduler:status())
    end))
  end)

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

    it("tells all of them, also if a node is about to change the job itself", run(function()
      local store, job = open_store("one"), bare_job("job")
      store:adopt(job, job:state(), true)
      local other, theirs = open_store("other"), bare_job("job")
      other:adopt(theirs, theirs:state())
      local state = theirs:state()
      function theirs.state() return state end
      state.cancelled = true
      other:save(theirs)
      -- All in one transaction: a claim, the news, and a change that comes after it.
      local busy = bare_job("busy")
      store:adopt(busy, busy:state(), true)
      local claims = saros.create_task(store.claim, store, {fire_time = 1060, node = "one"}, busy, {})
      local news = saros.create_task(store.renew, store, never)
      local saved = saros.create_task(store.save, store, job)
      for _, task in ipairs {claims, saved} do task:await() end
      assert.is_nil(news:await().jobs.job)
      assert.is_true(store:renew(never).jobs.job.cancelled)
      assert.same({}, store:renew(never).jobs)
      store:close()
      other:close()
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
      local nodes = {}
      local lines = scheduling.logged(function()
        local first <close> = open_scheduler {node = "first"}
        local second <close> = open_scheduler {node = "second"}
        local function job(info) nodes[#nodes + 1] = info.node end
        for _, scheduler in ipairs {first, second} do scheduler:schedule_recurring("job", job, 60, 60) end
        first:reschedule("job", {interval = 0.05})
        eventually(function() return #nodes > 2 end)
        saros.sleep(LEASE)
        -- It knows no such trigger.
        assert.is_nil(second:status().job.next_run)
        second:schedule_recurring("job", job, 0.05, {replace = true})
        eventually(function()
          local at, other = first:status().job.next_run_at, second:status().job.next_run_at
          return at and other and math.abs((at - other) / 0.05 - math.floor((at - other) / 0.05 + 0.5)) < 1e-3
        end)
        nodes = {}
        eventually(function() return #nodes > 4 end)
      end)
      assert.same({"warn: another node has scheduled the job 'job' otherwise; this node does not run it"}, lines)
    end))
  end)

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
      local other = open_store("other")
      saros.sleep(LEASE * 1.5)
      local news = other:renew(never)
      assert.equal(1, #news.lost)
      assert.equal("slow", news.lost[1].node)
      assert.equal("lost", other:history("job", 1)[1].outcome)
      record.outcome, record.duration, record.attempts = "finished", 1, 1
      store:finish(record, job)
      assert.equal("finished", other:history("job", 1)[1].outcome)
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
        assert.is_true(saros.get_running_loop():time() - began <= LEASE * 2)
        error(failure, 0)
      end, 0, {recover = true})
      eventually(function() return outcome end)
      assert.equal("CancelledError", outcome)
      eventually(function() return scheduler:history("job")[1].outcome == "lost" end)
      assert.equal("the run's lease is over, so that it was cancelled", failures[1].message)
    end))
  end)

  describe("a claim", function()
    local store, job

    local function open(options)
      store, job = open_store("node", options), bare_job("job", options)
      store:adopt(job, job:state(), true)
    end

    local function claim(fire_time, how)
      local record = {fire_time = fire_time, node = "node"}
      local token, reason, seconds = store:claim(record, job, how or {})
      record.token = token
      return record, reason, seconds
    end

    local function finish(record)
      record.outcome, record.duration, record.attempts = "finished", 0, 1
      store:finish(record, job)
    end

    it("succeeds once", run(function()
      open()
      assert.equal(1, claim(1060).token)
      local _, reason = claim(1060)
      assert.equal("taken", reason)
      store:close()
    end))

    it("is refused before its time, by the database's clock", run(function()
      open()
      local _, reason, seconds = claim(now() + 100, {earliest = now() + 100})
      assert.equal("early", reason)
      assert.is_true(seconds > 95 and seconds < 105)
      store:close()
    end))

    it("is refused when it is too late", run(function()
      open()
      local _, reason = claim(now() - 11, {latest = now() - 1})
      assert.equal("late", reason)
      assert.is_truthy(claim(now() - 9, {latest = now() + 1}).token)
      store:close()
    end))

    it("is refused for a job that another node has paused, cancelled or scheduled anew", run(function()
      open()
      local other, theirs = open_store("other"), bare_job("job")
      other:adopt(theirs, theirs:state())
      local state = theirs:state()
      function theirs.state() return state end
      for _, what in ipairs {"paused", "cancelled"} do
        state[what] = true
        other:save(theirs)
        local _, reason = claim(1060)
        assert.equal(what, reason)
      end
      state.paused, state.cancelled, state.trigger = false, false, "every 61 s after 0 s"
      other:adopt(theirs, state, true)
      local _, reason = claim(1060)
      assert.equal("superseded", reason)
      other:close()
      store:close()
    end))

    it("that is performed twice, as nobody knew, is one", run(function()
      open()
      local queue = store.queue
      local operation
      local submit = queue.submit
      function queue.submit(self, given, ...)
        if given.kind == "claim" then operation = given end
        return submit(self, given, ...)
      end
      local record = claim(1060)
      assert.equal(record.token, submit(queue, operation):await().token)
      finish(record)
      assert.equal(1, #store:history("job", 10))
      assert.equal(1, store:adopt(job, job:state()).runs)
      store:close()
    end))

    it("that nobody waits for any more is given back", run(function()
      open()
      local task = saros.create_task(claim, 1060)
      saros.sleep(0)
      task:cancel()
      raises(saros.CancelledError, task.await, task)
      saros.sleep(0.1)
      local list = store:history("job", 10)
      if list[1] then assert.equal("cancelled", list[1].outcome) end
      store:close()
    end))

    it("of a run that is kept no more is refused, too", run(function()
      open {history = 3}
      for i = 1, 6 do
        job.next_fire_time = 1000 + 60 * (i + 1)
        finish(claim(1000 + 60 * i))
      end
      local list = store:history("job", 10)
      assert.equal(3, #list)
      assert.equal(1360, list[1].fire_time)
      for i = 1, 6 do
        local _, reason = claim(1000 + 60 * i)
        assert.equal("taken", reason)
      end
      store:close()
    end))

    it("is made with others in one transaction when many come together", run(function()
      open {overlap = "allow"}
      local before, tasks = store:renew(never) and store.change, {}
      for i = 1, 100 do tasks[i] = saros.create_task(claim, 1000 + 60 * i) end
      for _, task in ipairs(tasks) do assert.is_truthy(task:await().token) end
      store:renew(never)
      assert.is_true(store.change - before <= 3)
      store:close()
    end))
  end)
end

return databases
