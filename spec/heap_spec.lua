local heap = require "saros.heap"

-- The items in the order in which they come out.
local function drain(list)
  local result = {}
  while #list > 0 do result[#result + 1] = heap.pop(list) end
  return result
end

local function filled(items)
  local list = {}
  for _, item in ipairs(items) do heap.push(list, item) end
  return list
end

-- Pseudo-random numbers, the same in every run.
local function sequence(count, limit)
  local values, state = {}, 12345
  for i = 1, count do
    state = (state * 1103515245 + 12345) % 2147483648
    values[i] = state // 65536 % limit
  end
  return values
end

describe("saros.heap", function()
  it("gives numbers in order, whatever the order in which they came", function()
    for count = 1, 40 do
      local items = sequence(count, 30)
      local expected = table.move(items, 1, count, 1, {})
      table.sort(expected)
      assert.same(expected, drain(filled(items)))
    end
  end)

  it("keeps every item above its children through pushes and pops", function()
    local list = {}
    for i, item in ipairs(sequence(500, 1000)) do
      heap.push(list, item)
      if i % 3 == 0 then heap.pop(list) end
      for place = 2, #list do
        if list[place // 2] > list[place] then error(("item %d of %d"):format(place, #list)) end
      end
    end
    assert.equal(500 - 166, #list)
  end)

  it("is what Python's heapq makes of the same items, equal ones too", function()
    -- heapq.heappush of (n // 10, n) compared by the first entry alone, then heappop of all.
    local tied = {__lt = function(a, b) return a.n // 10 < b.n // 10 end}
    local list = {}
    for _, n in ipairs {31, 12, 33, 14, 15, 26, 17, 28, 19, 11, 32, 13} do
      heap.push(list, setmetatable({n = n}, tied))
    end
    local order = {}
    while #list > 0 do order[#order + 1] = heap.pop(list).n end
    assert.same({12, 17, 13, 14, 15, 11, 19, 26, 28, 33, 31, 32}, order)
  end)

  it("compares strings, and numbers of both kinds", function()
    assert.same({"a", "ab", "b"}, drain(filled {"b", "ab", "a"}))
    assert.same({-1, 0.5, 1, 2.5}, drain(filled {2.5, 1, -1, 0.5}))
  end)

  it("compares lists by their first entries that differ, and shorter ones before longer", function()
    local items = {{2, "a"}, {1, "b", 0}, {1, "b"}, {1, "a", 9}, {}}
    assert.same({{}, {1, "a", 9}, {1, "b"}, {1, "b", 0}, {2, "a"}}, drain(filled(items)))
    assert.same({{1, {1, 2}}, {1, {2}}}, drain(filled {{1, {2}}, {1, {1, 2}}}))
  end)

  it("looks no further into lists than it must", function()
    assert.same({{1, print}, {2, {}}, {3, true}}, drain(filled {{3, true}, {1, print}, {2, {}}}))
    assert.same({{1, print}, {1, print}}, drain(filled {{1, print}, {1, print}}))
  end)

  it("asks __lt of objects", function()
    local calls = 0
    local class = {__lt = function(a, b) calls = calls + 1 return a.rank < b.rank end}
    local low, high = setmetatable({rank = 1}, class), setmetatable({rank = 2}, class)
    assert.same({low, high}, drain(filled {high, low}))
    assert.is_true(calls > 0)
    assert.same({{1, low}, {1, high}}, drain(filled {{1, high}, {1, low}}))
  end)

  it("is as it was when items cannot be compared, and says what they are", function()
    local list = filled {3, 1, 2}
    local before = table.move(list, 1, #list, 1, {})
    assert.error_matches(function() heap.push(list, "text") end, "attempt to compare string with number")
    assert.error_matches(function() heap.push(list, {1}) end, "attempt to compare table with number")
    assert.same(before, list)
    local tied = filled {{1, true}, {2, true}}
    assert.error_matches(function() heap.push(tied, {1, false}) end, "attempt to compare two boolean values")
    assert.equal(2, #tied)
  end)

  it("is as it was when a pop cannot compare what is left", function()
    local brittle = true
    local class = {__lt = function(a, b)
      if brittle and a.n + b.n == 7 then error("brittle", 0) end
      return a.n < b.n
    end}
    local list = {}
    for n = 1, 5 do list[n] = setmetatable({n = n}, class) end
    local before = table.move(list, 1, #list, 1, {})
    assert.error_matches(function() heap.pop({list[1], list[3], list[4], list[2]}) end, "brittle")
    local broken = {list[1], list[3], list[4], list[2]}
    pcall(heap.pop, broken)
    assert.same({before[1], before[3], before[4], before[2]}, broken)
    brittle = false
    assert.equal(1, heap.pop(broken).n)
  end)
end)
