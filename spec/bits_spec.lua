local bits = require "saros.bits"

describe("saros.bits", function()
  it("finds the nearest member on both sides, in each place", function()
    for number = 0, 62 do
      local set = 1 << number
      assert.equal(number, bits.next(set, 0))
      assert.equal(number, bits.next(set, number))
      assert.is_nil(bits.next(set, number + 1))
      assert.equal(number, bits.previous(set, 62))
      assert.equal(number, bits.previous(set, number))
      assert.is_nil(bits.previous(set, number - 1))
    end
  end)

  it("takes the nearest of several", function()
    local set = 1 << 3 | 1 << 17 | 1 << 59
    assert.equal(3, bits.next(set, 1))
    assert.equal(17, bits.next(set, 4))
    assert.equal(59, bits.next(set, 18))
    assert.equal(59, bits.previous(set, 60))
    assert.equal(17, bits.previous(set, 58))
    assert.equal(3, bits.previous(set, 16))
  end)

  it("finds nothing in an empty set", function()
    assert.is_nil(bits.next(0, 0))
    assert.is_nil(bits.previous(0, 62))
  end)
end)
