local date_text = require "saros.date_text"

describe("saros.date_text", function()
  it("is a date and a time, to the second before", function()
    assert.equal(os.date("%Y-%m-%d %H:%M:%S", 1000), date_text(1000.9))
    assert.matches("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d$", date_text(0))
    assert.matches("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d$", date_text(-0.5))
  end)

  it("is a number where there is no such date", function()
    for time, text in pairs {[1e18] = "1e+18", [1e300] = "1e+300", [-1e300] = "-1e+300", [math.huge] = "inf"} do
      assert.equal(text, date_text(time))
    end
  end)
end)
