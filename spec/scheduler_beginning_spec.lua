local saros = require "saros"
local memory_store = require "saros.memory_store"
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async
local recorder = scheduling.recorder

local function nothing() end

-- A store in memory that takes a second to say how a job begins, as a database may that is not there for a while.
local function slow_store()
  local store = memory_store.open("memory", {})
  function store.adopt(...)
    saros.sleep(1)
    return memory_store.adopt(...)
  end
  function store.save(_, job) store.saved = job:state() end
  return store
end

-- A scheduler with a job that runs each second, which is about to be changed by `change`.
local function changing(change)
  local scheduler = saros.Scheduler { store = slow_store(), shutdown_timeout = 0 }
  local times, job = recorder()
  scheduler:schedule_recurring("beat", nothing, 100, 100)
  local task = saros.create_task(change, scheduler, job)
  saros.sleep(0.5)
  return scheduler, times, task
end

local changes = {
  replace = function(scheduler, job) scheduler:schedule_recurring("beat", job, 1, { replace = true }) end,
  reschedule = function(scheduler) scheduler:reschedule("beat", { interval = 1 }) end,
}

describe("saros.scheduler_beginning", function()
  for name, change in pairs(changes) do
    it("lets nothing run that was cancelled while the store was asked: " .. name, async(function()
      local scheduler <close>, times, task = changing(change)
      assert.is_true(scheduler:cancel("beat"))
      task:await()
      saros.sleep(10)
      assert.same({}, times)
      local status = scheduler:status().beat
      assert.is_true(status.cancelled)
      assert.is_nil(status.next_run)
      assert.equal(0, status.runs)
    end))

    it("keeps a job paused that was paused while the store was asked: " .. name, async(function()
      local scheduler <close>, _, task = changing(change)
      scheduler:pause("beat")
      task:await()
      saros.sleep(10)
      assert.is_true(scheduler:status().beat.paused)
      assert.equal(0, scheduler:status().beat.runs)
      -- The store knows it of the new times.
      local stored = scheduler.store.saved
      assert.is_true(stored.paused)
      assert.matches("^every 1 s", stored.trigger)
    end))
  end

  it("takes the place of a job that is about to be scheduled when that is there", async(function()
    local scheduler <close> = saros.Scheduler { store = slow_store() }
    local first, job = recorder()
    local second, other_job = recorder()
    local task = saros.create_task(function() scheduler:schedule_recurring("beat", job, 1, 10) end)
    saros.sleep(0.5)
    assert.equal("there is a job 'beat' already (replace = true takes its place)",
      raises(saros.ValueError, scheduler.schedule_recurring, scheduler, "beat", nothing, 1).message)
    scheduler:schedule_recurring("beat", other_job, 1, 5, { replace = true })
    assert.is_true(task:done())
    saros.sleep(5)
    assert.same({}, first)
    assert.equal(6, second[1])
  end))

  it("leaves a job that is over as it was when it cannot begin again", async(function()
    local scheduler <close> = saros.Scheduler()
    scheduler:schedule_recurring("beat", nothing, 1)
    saros.sleep(2.5)
    scheduler:cancel("beat")
    assert.equal("the cron expression '0 0 30 2 *' never runs",
      raises(saros.ValueError, scheduler.schedule_cron, scheduler, "beat", nothing, "0 0 30 2 *").message)
    local status = scheduler:status().beat
    assert.is_true(status.cancelled)
    assert.equal(3, status.runs)
  end))
end)
