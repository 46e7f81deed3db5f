local safe_text = require "saros.safe_text"

describe("saros.safe_text", function()
  it("is tostring", function()
    assert.equal("nil", safe_text(nil))
    assert.equal("1.5", safe_text(1.5))
    assert.equal("named", safe_text(setmetatable({}, {__tostring = function() return "named" end})))
  end)

  it("says so when that fails", function()
    local function fail() error("no") end
    assert.equal("table whose __tostring fails", safe_text(setmetatable({}, {__tostring = fail})))
    assert.equal("Thing whose __tostring fails", safe_text(setmetatable({}, {__name = "Thing", __tostring = fail})))
    assert.equal("table whose __tostring fails", safe_text(setmetatable({}, {__tostring = function() return {} end})))
  end)
end)
