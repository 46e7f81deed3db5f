local triggers = require "saros.scheduler_triggers"

-- What a trigger needs of a loop.
local function clocks(time, wall_time)
  return {
    time = function() return time end,
    wall_time = function() return wall_time end,
  }
end

describe("saros.scheduler_triggers", function()
  it("know the latest point of an interval, whatever is rounded", function()
    for _, interval in ipairs {0.1, 0.3, 1 / 3, 1, 7, 86400} do
      local trigger = triggers.interval(interval, 0.7)
      assert.equal(0, trigger:begin(clocks(12345.678, 1.7e9)))
      for point = 1, 3000 do
        local due = trigger:due(point)
        assert.equal(point, (trigger:latest(0, due)))
        assert.equal(point - 1, (trigger:latest(0, due - interval * 1e-6)))
        assert.equal(point, (trigger:latest(0, due + interval * 0.999)))
      end
    end
  end)

  it("go on by another loop's clock where they were by the wall clock", function()
    local before = triggers.interval(10, 3)
    before:begin(clocks(100, 5000))
    local after = triggers.interval(10, 3)
    assert.equal(before:signature(), after:signature())
    local point = after:continue(clocks(7, 5020), before.anchor, before:fire_time(2))
    assert.equal(2, point)
    assert.equal(7 + 3, after:due(point))
    assert.equal(5023, after:fire_time(point))
  end)

  it("have signatures that tell them apart", function()
    local seen = {}
    for _, trigger in ipairs {
      triggers.interval(10, 0), triggers.interval(10, 1), triggers.once(10), triggers.at(10),
      triggers.cron("* * * * *"), triggers.cron("* * * * *", "Europe/Berlin"), triggers.cron("@hourly"),
    } do
      assert.is_nil(seen[trigger:signature()])
      seen[trigger:signature()] = true
    end
  end)

  it("count the points of a cron expression", function()
    local trigger = triggers.cron("*/10 * * * *")
    assert.equal(7, trigger:count(0, 3600))
    assert.equal(1, trigger:count(600, 600))
  end)
end)
