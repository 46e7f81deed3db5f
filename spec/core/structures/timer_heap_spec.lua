local structures = require "spec.support.structures"

-- A timer heap as it should be: a list that is sorted whenever it is asked.
local Model = {}
Model.__index = Model

local function new_model()
  return setmetatable({ timers = {}, order = 0 }, Model)
end

function Model:insert(when, slot, generation)
  self.order = self.order + 1
  self.timers[slot] = { when = when, order = self.order, slot = slot, generation = generation, queued = true }
end

function Model:take_due(now)
  local due = {}
  for _, timer in pairs(self.timers) do
    if timer.queued and timer.when <= now then due[#due + 1] = timer end
  end
  table.sort(due, function(a, b)
    if a.when ~= b.when then return a.when < b.when end
    return a.order < b.order
  end)
  for i, timer in ipairs(due) do
    timer.queued = false
    due[i] = timer.slot
  end
  return due
end

function Model:random_slot()
  local slots = {}
  for slot in pairs(self.timers) do slots[#slots + 1] = slot end
  table.sort(slots)
  return slots[math.random(#slots)]
end

function Model:count_queued()
  local queued, used = 0, 0
  for _, timer in pairs(self.timers) do
    used = used + 1
    if timer.queued then queued = queued + 1 end
  end
  return queued, used
end

describe("core.structures.timer_heap", function()
  it("gives what is due in order of deadlines, equal ones in order of insertion", function()
    local heap = structures.heap()
    local slots = {}
    for i, when in ipairs { 3, 1, 2, 1, 3, 1 } do slots[i] = heap:insert(when) end
    assert.same({ slots[2], slots[4], slots[6] }, heap:take_due(1))
    assert.same({}, heap:take_due(1.9))
    assert.same({ slots[3], slots[1], slots[5] }, heap:take_due(3))
    assert.equal(0, heap:count())
    assert.equal(6, heap:used())
  end)

  it("takes infinities and negative deadlines", function()
    local heap = structures.heap()
    local never, always, past = heap:insert(math.huge), heap:insert(-math.huge), heap:insert(-5)
    assert.same({ always, past }, heap:take_due(0))
    assert.same({}, heap:take_due(1e308))
    assert.same({ never }, heap:take_due(math.huge))
  end)

  it("finds a timer by slot and generation until it is removed", function()
    local heap = structures.heap()
    local slot, generation = heap:insert(5)
    assert.equal(5, heap:find(slot, generation))
    heap:take_due(10)
    assert.equal(5, heap:find(slot, generation))
    heap:remove(slot)
    assert.is_nil(heap:find(slot, generation))
    local next_slot = heap:next_slot()
    local again, other = heap:insert(6)
    assert.equal(slot, again)
    assert.equal(slot, next_slot)
    assert.are_not.equal(generation, other)
    assert.is_nil(heap:find(slot, generation))
    assert.equal(6, heap:find(slot, other))
    assert.is_nil(heap:find(slot + 1, 1))
    assert.is_nil(heap:find(4000000000, 1))
  end)

  it("counts what is due up to a limit", function()
    local heap = structures.heap()
    for i = 1, 100 do heap:insert(i) end
    assert.equal(0, heap:count_due(0, 10))
    assert.equal(10, heap:count_due(50, 10))
    assert.equal(50, heap:count_due(50, 1000))
    assert.equal(100, heap:count_due(1e9, 1000))
    assert.equal(0, heap:count_due(1e9, 0))
  end)

  -- Few and many due at once are different code, as are few and many distinct deadlines.
  for _, case in ipairs {
    { seed = 1, operations = 4000, deadlines = 1000, inserts = 60, step = 20 },
    { seed = 2, operations = 4000, deadlines = 5, inserts = 60, step = 1 },
    { seed = 3, operations = 3000, deadlines = 1000, inserts = 90, step = 300 },
    { seed = 4, operations = 3000, deadlines = 1, inserts = 80, step = 1 },
    { seed = 5, operations = 6000, deadlines = 1 << 40, inserts = 95, step = 1 << 37 },
  } do
    it(("does as its model in a random course, seed %d #many"):format(case.seed), function()
      math.randomseed(case.seed)
      local heap, model, now = structures.heap(), new_model(), 0
      for i = 1, case.operations do
        if math.random(100) <= case.inserts then
          local when = now + math.random(0, case.deadlines)
          local expected = heap:next_slot()
          local slot, generation = heap:insert(when)
          assert.equal(expected, slot)
          assert.is_nil(model.timers[slot])
          model:insert(when, slot, generation)
        elseif math.random(10) <= 6 and next(model.timers) then
          local slot = model:random_slot()
          heap:remove(slot)
          local generation = model.timers[slot].generation
          model.timers[slot] = nil
          assert.is_nil(heap:find(slot, generation))
        else
          now = now + math.random(0, case.step)
          local due = model:take_due(now)
          assert.same(due, heap:take_due(now))
          -- Half of them have run.
          for k = 1, #due, 2 do
            heap:remove(due[k])
            model.timers[due[k]] = nil
          end
        end
        if i % 500 == 0 then
          local queued, used = model:count_queued()
          assert.equal(queued, heap:count())
          assert.equal(used, heap:used())
        end
      end
      assert.same(model:take_due(math.huge), heap:take_due(math.huge))
    end)
  end

  -- Bulk removal sorts; these inputs are the ones that make a careless quicksort quadratic.
  for name, deadline in pairs {
    ascending = function(i) return i end,
    descending = function(i) return -i end,
    equal = function() return 1 end,
    sawtooth = function(i) return i % 64 end,
    organ = function(i) return math.min(i, 50000 - i) end,
    reversed_halves = function(i) return (i + 25000) % 50000 end,
  } do
    it("takes 50,000 at once that are " .. name, function()
      local heap, when = structures.heap(), {}
      for i = 1, 50000 do
        local slot = heap:insert(deadline(i))
        when[slot] = { deadline(i), i }
      end
      local due = heap:take_due(1e6)
      assert.equal(50000, #due)
      for i = 2, #due do
        local a, b = when[due[i - 1]], when[due[i]]
        if a[1] > b[1] or a[1] == b[1] and a[2] > b[2] then error("out of order at " .. i) end
      end
    end)
  end
end)
