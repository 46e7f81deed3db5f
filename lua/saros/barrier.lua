--- Barriers: tasks that wait for each other; mirrors `asyncio.Barrier`.
-- @module saros.barrier

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"
local Condition = require("saros.condition").Condition

local errors = core.errors

-- A barrier fills until all parties are there, then drains until all have left; whoever comes
-- meanwhile waits for the next time. `reset` throws out who waits, `abort` for ever.
local FILLING, DRAINING, RESETTING, BROKEN = "filling", "draining", "resetting", "broken"

--- Where so many tasks wait for each other. Mirrors `asyncio.Barrier`.
-- @type Barrier
local Barrier = Class.new("Barrier")

--- How many tasks it takes.
-- @attribute integer Barrier.parties

--- How many wait now.
-- @attribute integer Barrier.n_waiting

--- Whether it was aborted.
-- @attribute boolean Barrier.broken

--- Make a barrier.
-- @tparam integer parties how many tasks it takes
-- @raise `bad argument`; `ValueError` for less than 1, and for what is no whole number
function Barrier:init(parties)
  parties = check.number(parties, 1, "Barrier")
  if parties < 1 then
    error(errors.ValueError(("parties must be > 0, got %s"):format(parties)))
  end
  if not math.tointeger(parties) then
    error(errors.ValueError(("parties must be a whole number, got %s"):format(parties)))
  end
  self.parties = parties
  self.n_waiting = 0
  self.broken = false
  self.state = FILLING
  self.count = 0 -- tasks inside, those on their way out included
  self.changed = Condition()
end

-- Keeps the public fields as they should look.
local function update(self, state, count)
  self.state, self.count = state, count
  self.n_waiting = state == FILLING and count or 0
  self.broken = state == BROKEN
end

-- Waits until a new round may begin.
local function enter(self)
  self.changed:wait_for(function() return self.state ~= DRAINING and self.state ~= RESETTING end)
  if self.state == BROKEN then error(errors.BrokenBarrierError("Barrier aborted")) end
end

local function wait_until_full(self)
  self.changed:wait_for(function() return self.state ~= FILLING end)
  if self.state == BROKEN or self.state == RESETTING then
    error(errors.BrokenBarrierError("Abort or reset of barrier"))
  end
end

--- The place of a task inside; it leaves when its scope ends.
-- @type Place
-- @local
local Place = Class.new("Place")

function Place:init(barrier)
  self.barrier = barrier
  self.index = barrier.count + 1
  update(barrier, barrier.state, self.index)
end

function Place:__close()
  local barrier = self.barrier
  update(barrier, barrier.state, barrier.count - 1)
  if barrier.count > 0 then return end
  if barrier.state == RESETTING or barrier.state == DRAINING then update(barrier, FILLING, 0) end
  barrier.changed:notify_all()
end

--- Wait until all parties have called it; then all go on.
-- @treturn integer 1 to `parties`, in the order of arrival
-- @raise `BrokenBarrierError` when the barrier is aborted, or reset while waiting;
-- `CancelledError`; `RuntimeError` on another loop than that of the first wait
function Barrier:wait()
  local _ <close> = self.changed:hold()
  enter(self)
  local place <close> = Place(self)
  if place.index == self.parties then
    update(self, DRAINING, self.count)
    self.changed:notify_all()
  else
    wait_until_full(self)
  end
  return place.index
end

--- Begin anew: who waits gets a `BrokenBarrierError`; a broken barrier works again.
-- @raise `CancelledError`
function Barrier:reset()
  local _ <close> = self.changed:hold()
  update(self, self.count > 0 and RESETTING or FILLING, self.count)
  self.changed:notify_all()
end

--- Break the barrier: who waits, and who comes later, gets a `BrokenBarrierError`.
-- @raise `CancelledError`
function Barrier:abort()
  local _ <close> = self.changed:hold()
  update(self, BROKEN, self.count)
  self.changed:notify_all()
end

return {Barrier = Barrier}
