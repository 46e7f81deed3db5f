--- Keeps a scheduler to what a jobs file says: reads it at the start, and at each SIGHUP anew.
-- @module saros.jobs_reloader
-- @local

local core = require "saros.core"
local jobs_file = require "saros.jobs_file"
local scheduler_reload = require "saros.scheduler_reload"
local shutdown = require "saros.scheduler_shutdown"
local timeout = require "saros.timeout"

local wake = core.wait_queue.wake

-- How many seconds the file's function may take to end when it is cancelled.
local END_TIME = 10

-- plan: what the scheduler does; is_loaded: whether it did so once; requested: whether there was a
-- SIGHUP that nobody has answered yet; task: what reads the file at the moment.
local Reloader = {}
Reloader.__index = Reloader

--- Make one, which takes note of SIGHUP from now on.
-- @tparam EventLoop loop
-- @tparam string path the file
-- @tparam table log a `saros.service_log`
-- @tparam table notifier a `saros.systemd`
-- @treturn table for a `<close>` variable
function Reloader.new(loop, path, log, notifier)
  local self = setmetatable({loop = loop, path = path, log = log, notifier = notifier, requested = false}, Reloader)
  loop:add_signal_handler("SIGHUP", function() self:request() end)
  return self
end

local function count_jobs(plan)
  return #plan.list == 1 and "1 job" or ("%d jobs"):format(#plan.list)
end

--- What it keeps the scheduler to, for people.
-- @treturn string
function Reloader:describe()
  return ("%s of %s"):format(count_jobs(self.plan), self.path)
end

-- Reads the file and does what it says, unless the scheduler was stopped meanwhile. Returns nil, or what is wrong
-- with the file.
local function load(self)
  local plan, problem = jobs_file.load(self.path, self.scheduler)
  if not plan or self.scheduler.stopping then return problem end
  local former = self.plan
  self.plan = plan
  return nil, scheduler_reload.apply(self.scheduler, plan, former)
end

local function reload(self)
  self.notifier:reloading()
  local ok, problem, counts = pcall(load, self)
  if not ok then
    if core.is_error(problem, core.errors.CancelledError) then error(problem, 0) end
    problem = tostring(problem)
  end
  -- Nobody is to hear that it serves again.
  if self.scheduler.stopping then return end
  if problem then
    self.log:say("error", ("%s is refused, and the jobs stay as they were: %s"):format(self.path, problem),
      {event = "refused", error = problem})
    self.notifier:ready("the new version is refused, serving " .. self:describe())
    return
  end
  counts.event = "reloaded"
  self.log:say("info", ("reloaded %s: %d added, %d rescheduled, %d unchanged, %d cancelled"):format(self:describe(),
    counts.added, counts.rescheduled, counts.unchanged, counts.cancelled), counts)
  self.notifier:ready("serving " .. self:describe())
end

-- One after the other, however many are asked for.
local function answer_requests(self)
  while self.requested and not self.scheduler.stopping do
    self.requested = false
    reload(self)
  end
  self.task = nil
end

--- Read the file again, soon.
function Reloader:request()
  self.requested = true
  if self.task or not self.is_loaded then return end
  self.task = self.loop:create_task(answer_requests, self):set_name("reload")
end

local function load_first(self)
  local problem = load(self)
  self.task = nil
  self.is_loaded = not problem
  if self.is_loaded and self.requested then self:request() end
  return problem
end

--- Read the file for the first time.
-- @tparam Scheduler scheduler
-- @treturn Task which returns what is wrong with it, if something is, and raises what the scheduler raises
function Reloader:start(scheduler)
  self.scheduler = scheduler
  self.task = self.loop:create_task(load_first, self):set_name("load")
  return self.task
end

-- Until a signal more, as the file's function may not let itself be cancelled.
local function wait_for_end(scheduler, task)
  local _ <close> = timeout.timeout(END_TIME)
  task:add_done_callback(function() wake(scheduler.changes, math.huge) end)
  shutdown.wait_until(scheduler, function() return task:done() or scheduler.hurried > 0 end)
  -- What it failed with is nobody's concern any more.
  if task:done() then task:await() end
end

--- Read nothing any more, the scheduler being stopped, and wait for what is read at the moment.
function Reloader:stop()
  local task = self.task
  if not task then return end
  task:cancel()
  pcall(wait_for_end, self.scheduler, task)
end

-- Not earlier: a SIGHUP while the last runs end must not end them.
function Reloader:__close()
  self.loop:remove_signal_handler("SIGHUP")
end

return Reloader
