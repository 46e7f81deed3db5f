local structures = require "spec.support.structures"

local function drain(ready, n)
  local values = {}
  while not n or #values < n do
    local value = ready:next()
    if not value then break end
    values[#values + 1] = value
  end
  return values
end

describe("core.structures.ready", function()
  it("runs in an iteration exactly what was ready when it began", function()
    local ready = structures.ready()
    for i = 1, 3 do ready:push(i) end
    assert.is_nil(ready:next())
    assert.is_true(ready:begin())
    assert.equal(1, ready:next())
    ready:push(4)
    assert.same({ 2, 3 }, drain(ready))
    assert.is_false(ready:interrupted())
    ready:begin()
    assert.same({ 4 }, drain(ready))
    ready:begin()
    assert.is_nil(ready:next())
  end)

  it("counts what waits", function()
    local ready = structures.ready()
    assert.equal(0, ready:count())
    for i = 1, 5 do ready:push(i) end
    assert.equal(5, ready:count())
    ready:begin()
    drain(ready, 2)
    ready:push(6)
    assert.equal(4, ready:count())
    drain(ready)
    assert.equal(1, ready:count())
  end)

  it("goes on after an interruption with what is left, then what came since", function()
    local ready = structures.ready()
    for i = 1, 4 do ready:push(i) end
    ready:begin()
    drain(ready, 1)
    ready:push(5)
    assert.is_true(ready:interrupted())
    ready:begin()
    ready:push(6)
    assert.same({ 2, 3, 4, 5 }, drain(ready))
    ready:begin()
    assert.same({ 6 }, drain(ready))
  end)

  it("finds an entry by its sequence number until it has run", function()
    local ready = structures.ready()
    local one, two = ready:push(1), ready:push(2)
    assert.equal(1, ready:find(one))
    assert.equal(2, ready:find(two))
    assert.is_nil(ready:find(two + 1))
    ready:begin()
    assert.equal(1, ready:find(one))
    drain(ready, 1)
    assert.is_nil(ready:find(one))
    assert.equal(2, ready:find(two))
    local three = ready:push(3)
    assert.equal(3, ready:find(three))
    drain(ready)
    assert.is_nil(ready:find(two))
    assert.equal(3, ready:find(three))
    assert.equal(two + 1, three)
  end)

  it("does as its model in a random course #many", function()
    math.randomseed(11)
    local ready = structures.ready()
    local incoming, current, sequences = {}, {}, {}
    for value = 1, 30000 do
      local ticket = math.random(100)
      if ticket <= 55 then
        local entry = { value = value }
        entry.sequence = ready:push(value)
        incoming[#incoming + 1] = entry
        sequences[#sequences + 1] = entry
      elseif ticket <= 70 and #sequences > 0 then
        -- Recent ones, most of which have not run, and old ones.
        local entry = sequences[math.random(math.max(1, #sequences - 20), #sequences)]
        assert.equal(not entry.ran and entry.value or nil, (ready:find(entry.sequence)))
        ready:cancel(entry.sequence)
        if not entry.ran then entry.value = 0 end
      elseif ticket <= 95 then
        local entry = table.remove(current, 1)
        assert.equal(entry and entry.value, (ready:next()))
        if entry then entry.ran = true end
      else
        ready:begin()
        table.move(incoming, 1, #incoming, #current + 1, current)
        incoming = {}
      end
      assert.equal(#incoming + #current, ready:count())
    end
    assert.is_true(#sequences > 10000)
  end)

  it("takes bursts of a hundred thousand", function()
    local ready = structures.ready()
    for _ = 1, 3 do
      for i = 1, 100000 do ready:push(i) end
      ready:begin()
      for i = 1, 100000 do
        if ready:next() ~= i then error("out of order at " .. i) end
      end
    end
    assert.equal(0, ready:count())
  end)
end)
