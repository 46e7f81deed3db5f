local saros = require "saros"
local raises = require "spec.support.raises"
local max_workers = require "saros.max_workers"

describe("saros.max_workers", function()
  it("lets what can be counted be, and nil for the default", function()
    assert.equal(1, max_workers(1))
    assert.equal(0x7fffffff, max_workers(0x7fffffff))
    assert.is_nil(max_workers(nil))
  end)

  it("is the most that can be counted for more", function()
    assert.equal(0x7fffffff, max_workers(1 << 32))
    assert.equal(0x7fffffff, max_workers(math.maxinteger))
  end)

  it("refuses none", function()
    for _, count in ipairs {0, -1, math.mininteger} do
      assert.equal("max_workers must be greater than 0", raises(saros.ValueError, max_workers, count).message)
    end
  end)
end)
