--- One database: keys, their values, and when they expire.
--
-- An expired key is gone for every reader at once, and its memory soon after
-- without any reader: each deadline is also noted in the slot of its tenth of a
-- second, and `sweep` empties the slots that have passed. Setting, changing and
-- dropping a deadline take constant time, and leave nothing behind.
--
-- Times are integers: milliseconds since the epoch, as in Redis. The caller says
-- what time it is.

local SLOT = 100 -- milliseconds

local Store = {}
Store.__index = Store

--- Makes an empty database.
-- @tparam integer now milliseconds since the epoch
local function new(now)
  -- All slots up to `swept` are done with.
  local self = setmetatable({ swept = now // SLOT - 1 }, Store)
  self:clear()
  return self
end

--- Removes all keys.
function Store:clear()
  self.values = {}
  self.deadlines = {} -- key to time
  self.size = 0
  self.slots = {} -- slot number to the set of its keys
  self.sizes = {} -- slot number to how many keys are in its set
end

-- Takes the deadline of `key` out of its slot.
local function forget(self, key, deadline)
  local number = deadline // SLOT
  local slot = self.slots[number]
  slot[key] = nil
  local left = self.sizes[number] - 1
  if left == 0 then
    self.slots[number], self.sizes[number] = nil, nil
  else
    self.sizes[number] = left
  end
end

--- The value of a key, nil when there is none (any more).
-- @tparam string key
-- @tparam integer now
function Store:get(key, now)
  local deadline = self.deadlines[key]
  if deadline and deadline < now then
    self:delete(key)
    return nil
  end
  return self.values[key]
end

--- Sets a value. The key keeps the deadline that it has.
-- @tparam string key
-- @tparam string value
function Store:set(key, value)
  local values = self.values
  if values[key] == nil then self.size = self.size + 1 end
  values[key] = value
end

--- When a key expires, nil when never.
-- @tparam string key
function Store:deadline(key)
  return self.deadlines[key]
end

--- Sets when a key that exists expires.
-- @tparam string key
-- @tparam integer|nil deadline nil for never
-- @treturn boolean whether the key had a deadline before
function Store:expire(key, deadline)
  local before = self.deadlines[key]
  if before then forget(self, key, before) end
  self.deadlines[key] = deadline
  if deadline then
    local number = deadline // SLOT
    local slot = self.slots[number]
    if not slot then
      slot = {}
      self.slots[number], self.sizes[number] = slot, 0
    end
    slot[key] = true
    self.sizes[number] = self.sizes[number] + 1
  end
  return before ~= nil
end

--- Removes a key.
-- @tparam string key
-- @treturn boolean whether it was there
function Store:delete(key)
  if self.values[key] == nil then return false end
  self.values[key] = nil
  self.size = self.size - 1
  local deadline = self.deadlines[key]
  if deadline then
    self.deadlines[key] = nil
    forget(self, key, deadline)
  end
  return true
end

--- Lists the keys that are alive and that `matches` accepts, in no order.
-- @tparam function matches gets a key
-- @tparam integer now
function Store:keys(matches, now)
  local list, deadlines = {}, self.deadlines
  for key in pairs(self.values) do
    local deadline = deadlines[key]
    if not (deadline and deadline < now) and matches(key) then list[#list + 1] = key end
  end
  return list
end

--- Removes expired keys, at most `limit` of them.
-- @tparam integer now
-- @tparam integer limit
-- @treturn boolean whether some are left
function Store:sweep(now, limit)
  local due = now // SLOT - 1
  -- After the clock was set back, slots that were done with fill up once more.
  if due < self.swept then self.swept = due end
  while self.swept < due do
    for key in pairs(self.slots[self.swept + 1] or {}) do
      if limit == 0 then return true end
      self:delete(key)
      limit = limit - 1
    end
    self.swept = self.swept + 1
  end
  return false
end

return { new = new }
