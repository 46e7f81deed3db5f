--- What is due when: a heap whose items know their places, so that any can be moved or taken out.
--
-- Of equal times the item with the smaller `number` comes first. An item is in one agenda at a
-- time: its field `place` belongs to that one.
-- @module saros.scheduler_agenda
-- @local

-- dues[i] is when items[i] is due. The times are in a list of their own, as comparing them is most
-- of the work, and a list of numbers is close together in memory.
local Agenda = {}
Agenda.__index = Agenda

--- Make an empty agenda.
-- @treturn table
function Agenda.new()
  return setmetatable({dues = {}, items = {}, size = 0}, Agenda)
end

local function comes_first(due, item, other_due, other)
  if due ~= other_due then return due < other_due end
  return item.number < other.number
end

local function put(self, place, item, due)
  self.items[place], self.dues[place] = item, due
  item.place = place
end

-- Put an item at a place or above it, moving down what it passes.
local function rise(self, place, item, due)
  local dues, items = self.dues, self.items
  while place > 1 do
    local parent = place // 2
    if not comes_first(due, item, dues[parent], items[parent]) then break end
    put(self, place, items[parent], dues[parent])
    place = parent
  end
  put(self, place, item, due)
end

-- Put an item at a place or below it, moving up what it passes.
local function sink(self, place, item, due)
  local dues, items, size = self.dues, self.items, self.size
  local child = 2 * place
  while child <= size do
    if child < size and comes_first(dues[child + 1], items[child + 1], dues[child], items[child]) then
      child = child + 1
    end
    if not comes_first(dues[child], items[child], due, item) then break end
    put(self, place, items[child], dues[child])
    place, child = child, 2 * child
  end
  put(self, place, item, due)
end

local function settle(self, place, item, due)
  local parent = place // 2
  if parent > 0 and comes_first(due, item, self.dues[parent], self.items[parent]) then
    rise(self, place, item, due)
  else
    sink(self, place, item, due)
  end
end

--- Add an item, or move it to another time.
-- @tparam table item with a field `number`
-- @tparam number due
function Agenda:set(item, due)
  if item.place then return settle(self, item.place, item, due) end
  self.size = self.size + 1
  rise(self, self.size, item, due)
end

--- Take an item out; nothing happens if it is not in.
-- @tparam table item
function Agenda:remove(item)
  local place, size = item.place, self.size
  if not place then return end
  local last, due = self.items[size], self.dues[size]
  self.items[size], self.dues[size] = nil, nil
  self.size = size - 1
  item.place = nil
  if last ~= item then settle(self, place, last, due) end
end

--- Take all items out.
function Agenda:clear()
  for i = self.size, 1, -1 do
    self.items[i].place = nil
    self.items[i], self.dues[i] = nil, nil
  end
  self.size = 0
end

--- What is due first.
-- @treturn ?number when it is due; nil if nothing is in
-- @treturn ?table the item
function Agenda:first()
  return self.dues[1], self.items[1]
end

return Agenda
