--- A binary heap in a list: the smallest item comes out first.
--
-- All comparisons of an operation are made before the first change, so that one that raises
-- leaves the heap as it was.
-- @module saros.heap
-- @local

local heap = {}

local less

-- Lists are compared as Python's tuples: by their first entries that differ.
local function list_less(a, b)
  local length = #a
  for i = 1, math.min(length, #b) do
    if a[i] ~= b[i] then return less(a[i], b[i]) end
  end
  return length < #b
end

local function is_list(value)
  if type(value) ~= "table" then return false end
  local metatable = getmetatable(value)
  return type(metatable) ~= "table" or metatable.__lt == nil
end

function less(a, b)
  if is_list(a) and is_list(b) then return list_less(a, b) end
  return a < b
end

--- Add an item.
-- @tparam table list the heap
-- @param item what to add
-- @raise what comparing it raises
function heap.push(list, item)
  local place = #list + 1
  local target = place
  while target > 1 and less(item, list[target // 2]) do target = target // 2 end
  while place > target do
    list[place] = list[place // 2]
    place = place // 2
  end
  list[target] = item
end

-- The leaf at which the path of smaller children ends, in a heap of `size` items.
local function find_leaf(list, size)
  local place = 1
  while 2 * place < size do
    local left = 2 * place
    -- Of two equal ones the right one, as in Python's heapq.
    place = less(list[left], list[left + 1]) and left or left + 1
  end
  if 2 * place == size then place = size end
  return place
end

--- Take the smallest item out.
-- @tparam table list a heap that is not empty
-- @return the item
-- @raise what comparing items raises
function heap.pop(list)
  local size = #list - 1
  local first, last = list[1], list[size + 1]
  if size == 0 then
    list[1] = nil
    return first
  end
  -- The last item takes its place on the path from the root to a leaf; what is above moves up.
  local target = find_leaf(list, size)
  while target > 1 and less(last, list[target]) do target = target // 2 end
  local depth = 0
  while target >> depth > 1 do depth = depth + 1 end
  for level = depth, 1, -1 do
    list[target >> level] = list[target >> (level - 1)]
  end
  list[target] = last
  list[size + 1] = nil
  return first
end

return heap
