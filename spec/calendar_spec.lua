local calendar = require "saros.calendar"

local date, day_number = calendar.date, calendar.day_number

describe("saros.calendar", function()
  it("counts the days of four centuries and more, one by one", function()
    local number = day_number(1599, 12, 31)
    for year = 1600, 2010 do
      for month = 1, 12 do
        for day = 1, calendar.month_length(year, month) do
          number = number + 1
          if day_number(year, month, day) ~= number then error(("%d-%d-%d"):format(year, month, day)) end
          local y, m, d = date(number)
          if y ~= year or m ~= month or d ~= day then error(("%d is %d-%d-%d"):format(number, y, m, d)) end
        end
      end
    end
  end)

  it("agrees with the system's calendar", function()
    for number = -30000, 60000, 101 do
      local expected = os.date("!%Y-%m-%d %w", number * 86400)
      local year, month, day = date(number)
      assert.equal(expected, ("%d-%02d-%02d %d"):format(year, month, day, calendar.weekday(number)))
    end
    assert.equal(0, day_number(1970, 1, 1))
  end)

  it("knows how long months are", function()
    assert.same({29, 28, 28, 29, 31, 30}, {calendar.month_length(2024, 2), calendar.month_length(2023, 2),
      calendar.month_length(2100, 2), calendar.month_length(2000, 2), calendar.month_length(2024, 12),
      calendar.month_length(2024, 11)})
  end)

  it("has a month of each kind within the longest way", function()
    local last, longest = {}, 0
    for year = 2000, 2440 do
      for month = 1, 12 do
        local first = calendar.weekday(day_number(year, month, 1))
        local kind = month * 1000 + calendar.month_length(year, month) * 10 + first
        longest = math.max(longest, year - (last[kind] or year))
        last[kind] = year
      end
    end
    assert.equal(calendar.LONGEST_WAY, longest)
  end)
end)
