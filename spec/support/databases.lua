--- What every store in a database does: specs that are the same for all of them, in real time, as a
-- database has a clock of its own.

local saros = require "saros"
local raises = require "spec.support.raises"
local stores = require "saros.scheduler_stores"

local databases = {}

local LEASE = 0.4

-- Waits, for a limited time, until something is so.
local function eventually(condition)
  for _ = 1, 3000 do
    local value = condition()
    if value then return value end
    saros.sleep(0.01)
  end
  error("it did not come to pass in 30 seconds", 2)
end

local function never() return false end

-- Call a function in a task that is cancelled when the result of what it asks the store for is there already.
local function cancel_at_result(store, fn, ...)
  local queue, task = store.queue, nil
  local submit = queue.submit
  function queue.submit(...)
    queue.submit = nil
    local future = submit(...)
    future:add_done_callback(function() task:cancel() end)
    return future
  end
  task = saros.create_task(fn, ...)
  raises(saros.CancelledError, task.await, task)
end

-- A job that is no more than a store has to know of it.
local function bare_job(name, options)
  options = options or {}
  local job = {name = name, options = {
    overlap = options.overlap or "skip", grace = options.grace, jitter = 0,
    recover = options.recover == true and math.huge or options.recover,
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

  local tools = {
    describe = busted.describe, it = busted.it, run = run, now = now, open_scheduler = open_scheduler,
    open_store = open_store, eventually = eventually, bare_job = bare_job, never = never, lease = LEASE,
    cancel_at_result = cancel_at_result,
  }
  for _, part in ipairs {"restarts", "nodes", "deaths", "claims"} do
    require("spec.support.database_" .. part)(tools)
  end
end

return databases
