--- What the function of a jobs file is given: a scheduler that only writes down what it is told, so that
-- a file that fails half-way has changed nothing.
--
-- When the file's function has returned, everything goes to the real scheduler: a job may schedule
-- another one, or ask how the others do.
-- @module saros.scheduler_plan
-- @local

local core = require "saros.core"
local check = require "saros.check"
local Scheduler = require "saros.scheduler".Scheduler
local times = require "saros.scheduler_times"

local errors = core.errors
local RuntimeError, ValueError = errors.RuntimeError, errors.ValueError

-- list: definitions {name=, fn=, trigger=, signature=, options=, afterwards=} in order, by_name[name]
-- the same ones; `afterwards` is a list of {method, ...}, to be called when the job is there.
-- listeners: {event=, fn=, off=}, where `off` takes back what was registered.
local Plan = Scheduler:extend("Scheduler")

--- Make an empty plan.
-- @tparam Scheduler scheduler the real one
function Plan:init(scheduler)
  self.scheduler = scheduler
  self.loop, self.node = scheduler.loop, scheduler.node
  self.jitter, self.timezone = scheduler.jitter, scheduler.timezone
  self.stopping = false
  self.loading = true
  self.list, self.by_name, self.listeners = {}, {}, {}
end

-- ---- what schedules ----

local function place_of(self, definition)
  for i, other in ipairs(self.list) do
    if other == definition then return i end
  end
end

local function set_trigger(self, definition, trigger)
  local scheduler = self.scheduler
  -- What only fails when a job begins is to fail now.
  trigger:begin(scheduler.clock)
  if scheduler.store.check then scheduler.store:check(definition.name, trigger.anchor) end
  definition.trigger, definition.signature = trigger, trigger:signature()
end

-- Called by the methods of Scheduler, which have checked their arguments.
function Plan:_add(name, fn, trigger, options)
  local former = self.by_name[name]
  if former and not options.replace then
    error(ValueError(("there is a job '%s' already (replace = true takes its place)"):format(name)))
  end
  local definition = {name = name, fn = fn, options = options, afterwards = {}}
  set_trigger(self, definition, trigger)
  self.list[former and place_of(self, former) or #self.list + 1] = definition
  self.by_name[name] = definition
end

for _, method in ipairs {"schedule_recurring", "schedule_once", "schedule_at", "schedule_cron"} do
  Plan[method] = function(self, ...)
    return Scheduler[method](self.loading and self or self.scheduler, ...)
  end
end

-- ---- what is done with jobs ----

function Plan:cancel(name, options)
  if not self.loading then return self.scheduler:cancel(name, options) end
  local definition = self.by_name[name]
  if not definition then return false end
  table.remove(self.list, place_of(self, definition))
  self.by_name[name] = nil
  return true
end

local function find(self, name, method)
  if type(name) ~= "string" then check.fail(1, method, "string", name) end
  return self.by_name[name] or error(ValueError(("there is no job '%s'"):format(name)))
end

-- As if it had been scheduled like that.
function Plan:reschedule(name, when)
  if not self.loading then return self.scheduler:reschedule(name, when) end
  local definition = find(self, name, "reschedule")
  set_trigger(self, definition, times.trigger(self, definition, when))
end

for _, method in ipairs {"pause", "resume", "run_now"} do
  Plan[method] = function(self, name, ...)
    if not self.loading then return self.scheduler[method](self.scheduler, name, ...) end
    local definition = find(self, name, method)
    table.insert(definition.afterwards, {method, ...})
    return true
  end
end

-- ---- what listens ----

local function take_back(listener)
  listener.is_over = true
  if listener.off then listener.off() end
end

function Plan:on(event, fn)
  if not self.loading then return self.scheduler:on(event, fn) end
  self.scheduler:on(event, fn)() -- for its checks
  local listener = {event = event, fn = fn}
  table.insert(self.listeners, listener)
  return function() take_back(listener) end
end

--- Let those listen who asked for it in the file.
function Plan:start_listening()
  for _, listener in ipairs(self.listeners) do
    if not listener.is_over then listener.off = self.scheduler:on(listener.event, listener.fn) end
  end
end

--- Let none of them listen any more.
function Plan:stop_listening()
  for _, listener in ipairs(self.listeners) do take_back(listener) end
end

-- ---- the rest ----

for _, method in ipairs {"status", "history", "stop"} do
  Plan[method] = function(self, ...) return self.scheduler[method](self.scheduler, ...) end
end

-- A file that was a program before.
for _, method in ipairs {"serve", "close"} do
  Plan[method] = function()
    error(RuntimeError(("%s() is the service's part: the function of a jobs file only schedules"):format(method)))
  end
end

Plan.__close = Plan.close

function Plan:__tostring()
  return tostring(self.scheduler)
end

return Plan
