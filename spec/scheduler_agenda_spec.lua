local Agenda = require "saros.scheduler_agenda"

-- What the agenda gives, one after the other.
local function drain(agenda)
  local list = {}
  local due, item = agenda:first()
  while due do
    list[#list + 1] = {due, item}
    agenda:remove(item)
    due, item = agenda:first()
  end
  return list
end

describe("saros.scheduler_agenda", function()
  it("gives what is due first, and of equal ones the smaller number", function()
    local agenda = Agenda.new()
    assert.is_nil(agenda:first())
    local items = {}
    for i = 1, 6 do items[i] = {number = i} end
    for i, due in ipairs {3, 1, 2, 1, 3, 1} do agenda:set(items[i], due) end
    local numbers = {}
    for i, entry in ipairs(drain(agenda)) do numbers[i] = entry[2].number end
    assert.same({2, 4, 6, 3, 1, 5}, numbers)
  end)

  it("agrees with a sorted list, whatever is set, moved and taken out #many", function()
    local agenda, items, dues = Agenda.new(), {}, {}
    for i = 1, 200 do items[i] = {number = i} end
    local random = 1
    local function pick(n)
      random = random * 1103515245 + 12345 & 0x7fffffff
      return (random >> 8) % n + 1
    end
    for _ = 1, 20000 do
      local item = items[pick(#items)]
      if pick(3) == 1 then
        agenda:remove(item)
        dues[item] = nil
      else
        dues[item] = pick(50)
        agenda:set(item, dues[item])
      end
    end
    local expected = {}
    for item, due in pairs(dues) do expected[#expected + 1] = {due, item} end
    table.sort(expected, function(a, b)
      if a[1] ~= b[1] then return a[1] < b[1] end
      return a[2].number < b[2].number
    end)
    assert.is_true(#expected > 50)
    local given = drain(agenda)
    assert.equal(#expected, #given)
    for i, entry in ipairs(expected) do
      assert.equal(entry[1], given[i][1])
      assert.equal(entry[2], given[i][2])
    end
  end)

  it("forgets all at once, and each item can be set again", function()
    local agenda, item = Agenda.new(), {number = 1}
    agenda:set(item, 5)
    agenda:set({number = 2}, 4)
    agenda:clear()
    assert.is_nil(agenda:first())
    agenda:set(item, 3)
    assert.same({{3, item}}, drain(agenda))
  end)
end)
