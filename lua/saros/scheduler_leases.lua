--- What a scheduler does about other nodes, where its store is one that they share.
--
-- Three times in the time of a lease a task renews the leases of this node's runs, and hears what the
-- others have done: which jobs they paused, cancelled or scheduled anew, what their jobs have counted, and
-- which runs are lost because their node died. Of a lost run that is to be run again, each node tries
-- to claim the repetition, and one gets it.
--
-- A run that may be run again elsewhere must not go on when its lease is over, even if the store cannot
-- be reached: it is cancelled at that time by this node's own clock, at which the lease is not over
-- anywhere else.
-- @module saros.scheduler_leases
-- @local

local core = require "saros.core"
local due = require "saros.scheduler_due"
local logger = require "saros.logger"
local overlap = require "saros.scheduler_overlap"
local task_on = require "saros.task_on"
local wait = require "saros.wait"

local errors = core.errors

-- How often a lease is renewed in its time.
local RENEWALS = 3

-- Seconds after which it is heard of others for the first time, at the latest.
local FIRST_RENEWAL = 1

-- Seconds that a stored time may differ by from what was stored.
local ROUNDING = 1e-6

-- is_shared: whether the store is one that several nodes may share. What others did to it, most stores need not know.
local Leases = {}
Leases.__index = Leases

-- ---- what others have done to a job ----

local function stop_job(scheduler, job)
  overlap.drop(scheduler, job)
  due.await(scheduler, job, nil)
end

local function take_cancellation(scheduler, job)
  job.cancelled = true
  stop_job(scheduler, job)
  scheduler.events:emit("cancelled", job.name)
end

-- This node has the job with another trigger, so it cannot tell when it is due.
local function supersede(scheduler, job)
  if job.superseded then return end
  job.superseded = true
  stop_job(scheduler, job)
  logger.warn("%s", ("another node has scheduled the job '%s' otherwise; this node does not run it"):format(job.name),
    {event = "superseded", job = job.name})
end

local function take_pause(scheduler, job)
  if job.paused then
    due.await(scheduler, job, job.point)
  else
    due.resume(scheduler, job)
  end
end

local function take_anchor(scheduler, job, state)
  overlap.drop(scheduler, job)
  due.await(scheduler, job, due.continue(scheduler, job.trigger, state))
end

local function take_state(scheduler, job, state)
  if job.cancelled then return end
  if state.trigger ~= job.trigger:signature() then return supersede(scheduler, job) end
  local was_paused, was_superseded = job.paused, job.superseded
  job.superseded = nil
  job:restore(state)
  if state.cancelled then
    take_cancellation(scheduler, job)
  elseif was_superseded or math.abs(state.anchor - job.trigger.anchor) > ROUNDING then
    take_anchor(scheduler, job, state)
  elseif job.paused ~= was_paused then
    take_pause(scheduler, job)
  end
end

-- ---- runs ----

local function take_fate(run, fate)
  if fate.is_cancelled then
    run:cancel()
  elseif fate.is_lost and fate.is_recovered then
    run:lose()
  end
end

local function report_lost(scheduler, lost)
  local text = ("the node '%s' ended during a run"):format(lost.node)
  logger.warn("%s", ("%s of the job '%s', which is lost"):format(text, lost.name),
    {event = "lost", job = lost.name, fire_time = lost.fire_time, node = lost.node})
  scheduler.events:emit("failed", lost.name, lost.fire_time, {error = errors.RuntimeError(text)})
end

local function recover(scheduler, lost)
  local job = scheduler.jobs[lost.name]
  if not job or job.cancelled or job.superseded or not job.options.recover then return end
  overlap.recover(scheduler, job, lost.fire_time, lost.recovery + 1)
end

local function take_news(self, news)
  local scheduler = self.scheduler
  for name, state in pairs(news.jobs) do
    local job = scheduler.jobs[name]
    if job then take_state(scheduler, job, state) end
  end
  for _, run in pairs(scheduler.tasks) do
    local fate = news.own[run.token]
    if fate then take_fate(run, fate) end
  end
  for _, lost in ipairs(news.lost) do report_lost(scheduler, lost) end
  if scheduler.stopping then return end
  for _, lost in ipairs(news.recover) do recover(scheduler, lost) end
end

-- ---- leases ----

-- Let go of the runs whose leases are over by now; and at the right time of those whose are not.
local function guard(self)
  local scheduler, now = self.scheduler, self.scheduler.loop:time()
  local nearest
  for _, run in pairs(scheduler.tasks) do
    if run.token and run:may_be_recovered() then
      local left = run.leased_at + self.lease - now
      if left <= 0 then run:lose() else nearest = math.min(nearest or left, left) end
    end
  end
  self.timer = scheduler.loop:call_later(nearest or self.lease, guard, self)
end

-- Whether this node is about to store something else of a job than others have. That it stores how far the job has
-- come is no such thing: a job that is late again and again would never be cancelled.
local function is_changing(scheduler, name)
  if scheduler.scheduling[name] then return true end
  local job = scheduler.jobs[name]
  return job ~= nil and scheduler.writer:is_pending(job) and scheduler.store:has_changed(job)
end

-- A lease begins when the store renews it, which is not before it is asked to.
local function renew(self)
  local scheduler = self.scheduler
  local asked_at = scheduler.loop:time()
  local runs = {}
  for _, run in pairs(scheduler.tasks) do
    if run.token then runs[#runs + 1] = run end
  end
  local news = scheduler.store:renew(function(name) return is_changing(scheduler, name) end)
  for _, run in ipairs(runs) do run.leased_at = asked_at end
  scheduler.clock:look()
  take_news(self, news)
end

local function keep_renewing(self)
  local interval = self.lease / RENEWALS
  -- What was lost before this node began is run again soon.
  core.sleep(math.min(interval, FIRST_RENEWAL))
  while true do
    renew(self)
    core.sleep(interval)
  end
end

local function run(self)
  local ok, failure = pcall(keep_renewing, self)
  if ok or core.is_error(failure, errors.CancelledError) then return end
  self.scheduler.loop:call_exception_handler {
    message = "the scheduler cannot renew its leases any more",
    exception = failure,
  }
end

--- Begin, if the store is one that is shared.
-- @tparam table scheduler
-- @tparam number lease seconds
-- @treturn table
function Leases.start(scheduler, lease)
  local self = setmetatable({scheduler = scheduler, lease = lease, is_shared = scheduler.store.renew ~= nil}, Leases)
  if not self.is_shared then return self end
  self.task = scheduler.loop:create_task(run, self):set_name("Scheduler: leases")
  self.timer = scheduler.loop:call_later(lease, guard, self)
  return self
end

--- Hear now what others have done, where one can wait for it.
function Leases:refresh()
  if self.is_shared and task_on(self.scheduler.loop) then renew(self) end
end

--- Ask other nodes to cancel their runs of a job.
-- @tparam table job
-- @treturn boolean whether they have any, as far as one can wait for the answer
function Leases:cancel_runs(job)
  if not self.is_shared then return false end
  local future = self.scheduler.store:cancel_runs(job)
  return task_on(self.scheduler.loop) and future:await() or false
end

--- Renew nothing any more.
-- @tparam boolean in_task whether to wait until that is so
function Leases:stop(in_task)
  if not self.is_shared then return end
  self.timer:cancel()
  self.task:cancel()
  if in_task then wait.wait {self.task} end
end

return Leases
