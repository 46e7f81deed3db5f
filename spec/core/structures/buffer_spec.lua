local structures = require "spec.support.structures"

describe("core.structures.buffer", function()
  it("appends at the end and consumes at the start", function()
    local buffer = structures.buffer()
    assert.equal("", buffer:data())
    buffer:append("hello ")
    buffer:append("")
    buffer:append("world\0!")
    assert.equal("hello world\0!", buffer:data())
    buffer:consume(6)
    assert.equal("world\0!", buffer:data())
    buffer:consume(0)
    buffer:consume(7)
    assert.equal("", buffer:data())
  end)

  it("holds no memory while it is empty", function()
    local buffer = structures.buffer()
    assert.equal(0, buffer:capacity())
    buffer:append("x")
    assert.is_true(buffer:capacity() > 0)
    buffer:consume(1)
    assert.equal(0, buffer:capacity())
  end)

  it("reserves room that appends then use", function()
    local buffer = structures.buffer()
    buffer:append("abc")
    assert.is_true(buffer:reserve(100000))
    local capacity = buffer:capacity()
    buffer:append(("x"):rep(100000))
    assert.equal(capacity, buffer:capacity())
    assert.equal("abc" .. ("x"):rep(100000), buffer:data())
  end)

  it("refuses more than there can be, and changes nothing", function()
    local buffer = structures.buffer()
    buffer:append("abc")
    assert.is_false(buffer:reserve(math.maxinteger))
    assert.is_false(buffer:reserve(-1))
    assert.equal("abc", buffer:data())
  end)

  it("does not grow when it is drained as fast as it is filled", function()
    local buffer = structures.buffer()
    local chunk = ("x"):rep(700)
    buffer:append(chunk)
    for _ = 1, 1000 do
      buffer:append(chunk)
      buffer:consume(700)
    end
    assert.is_true(buffer:capacity() <= 4096)
    assert.equal(chunk, buffer:data())
  end)

  it("does as a string in a random course #many", function()
    math.randomseed(5)
    local buffer, model = structures.buffer(), ""
    for _ = 1, 5000 do
      if math.random(2) == 1 then
        local bytes = {}
        for i = 1, math.random(0, math.random(4) == 1 and 3000 or 20) do bytes[i] = string.char(math.random(0, 255)) end
        local text = table.concat(bytes)
        assert.is_true(buffer:append(text))
        model = model .. text
      else
        local n = math.random(0, math.min(#model, 2000))
        buffer:consume(n)
        model = model:sub(n + 1)
      end
      if buffer:data() ~= model then error("the contents differ") end
    end
  end)
end)
