--- The one timer of a scheduler, set for the nearest of all jobs.
--
-- Some jobs go by `loop:time()`, others by `loop:wall_time()`, which may be stepped; each kind is in
-- an agenda by its own clock, so that a step changes no order. A timer can be set by the loop's clock
-- alone: for a job by the wall clock it is set by how far away that is now, but for no more than a
-- minute, after which it is looked at again. So a step of the wall clock is noticed within a minute,
-- and whoever has no such job is woken when a job is due, and at no other time.
-- @module saros.scheduler_clock
-- @local

local Agenda = require "saros.scheduler_agenda"

-- Seconds after which the wall clock is looked at again.
local LOOK = 60

-- How many jobs fire in one turn, before others have theirs.
local BATCH = 1000

-- wall_due: the time of the wall clock for which wall_when, by the loop's clock, was computed.
local Clock = {}
Clock.__index = Clock

--- Make one without jobs.
-- @tparam EventLoop loop
-- @tparam table store
-- @tparam fun(job:table,now:number) fire called when a job is due, with the time by its clock; it sets
-- the job anew or removes it
-- @treturn table
function Clock.new(loop, store, fire)
  local self = setmetatable({
    loop = loop,
    store = store.clock_offset and store,
    fire = fire,
    agendas = {loop = Agenda.new(), wall = Agenda.new()},
  }, Clock)
  self.on_timer = function() self:_on_timer() end
  return self
end

--- The time by the loop's clock.
-- @treturn number
function Clock:time()
  return self.loop:time()
end

--- The time by the wall clock.
-- @treturn number seconds since the epoch
function Clock:wall_time()
  local store = self.store
  return self.loop:wall_time() + (store and store:clock_offset() or 0)
end

local function wall_when(self)
  local due = self.agendas.wall:first()
  if due and due ~= self.wall_due then
    local left = due - self:wall_time()
    self.wall_when = self.loop:time() + math.max(0, math.min(left, LOOK))
  end
  self.wall_due = due
  return due and self.wall_when
end

local function nearest(self)
  local when, by_wall = self.agendas.loop:first(), wall_when(self)
  if when and by_wall then return math.min(when, by_wall) end
  return when or by_wall
end

local function set_timer(self)
  if self.firing then return end -- it is set once, for all that fire
  local when = nearest(self)
  if when == self.when then return end
  if self.timer then self.timer:cancel() end
  self.when = when
  self.timer = when and self.loop:call_at(when, self.on_timer)
end

--- Tell when a job is due.
-- @tparam table job with `number` and `trigger`
-- @tparam number due by the clock of its trigger
function Clock:set(job, due)
  self.agendas[job.trigger.clock]:set(job, due)
  set_timer(self)
end

--- Forget a job; nothing happens if it was not set.
-- @tparam table job
function Clock:remove(job)
  self.agendas[job.trigger.clock]:remove(job)
  set_timer(self)
end

--- The time by one of the clocks.
-- @tparam table trigger whose clock is meant
-- @treturn number
function Clock:now(trigger)
  if trigger.clock == "wall" then return self:wall_time() end
  return self:time()
end

-- A job that cannot be fired must neither take the others with it nor come again at once.
local function fire_protected(self, agenda, job, now)
  local ok, failure = pcall(self.fire, job, now)
  if ok then return end
  agenda:remove(job)
  self.loop:call_exception_handler {
    message = ("the scheduler cannot fire the job '%s', which does not run any more"):format(job.name),
    exception = failure,
  }
end

local function fire_due(self, agenda, read_clock, most)
  local due, job = agenda:first()
  local now = due and read_clock(self)
  while due and due <= now and most > 0 do
    fire_protected(self, agenda, job, now)
    most = most - 1
    due, job = agenda:first()
  end
  return most
end

function Clock:_on_timer()
  self.timer, self.when, self.wall_due = nil, nil, nil
  self.firing = true
  local most = fire_due(self, self.agendas.loop, self.time, BATCH)
  fire_due(self, self.agendas.wall, self.wall_time, most)
  self.firing = false
  set_timer(self)
end

--- See whether the wall clock was set, or the store's has another time than was thought.
function Clock:look()
  self.wall_due = nil
  set_timer(self)
end

--- Forget all jobs.
function Clock:stop()
  for _, agenda in pairs(self.agendas) do agenda:clear() end
  set_timer(self)
end

return Clock
