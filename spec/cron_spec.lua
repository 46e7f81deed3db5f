local blames = require "spec.support.blames"
local local_times = require "spec.support.local_times"
local raises = require "spec.support.raises"
local saros = require "saros"

local cron = saros.cron
local utc, runs = local_times.utc, local_times.runs

-- Asserts the days of a year on which an expression of days runs, as "MM-DD" with spaces between them.
local function days(expected, expression, year)
  local found = {}
  for time in cron.parse(expression):iterate(utc(year .. "-01-01"), utc(year + 1 .. "-01-01")) do
    local day, hour = os.date("!%m-%d", time), os.date("!%H:%M:%S", time)
    assert.equal("00:00:00", hour)
    found[#found + 1] = day
  end
  assert.equal(expected, table.concat(found, " "))
end

-- The times of the first runs of a day, without their date.
local function times(expression, count)
  local list = runs(expression, "2026-01-04 23:59:59", count) -- Monday is next
  for i, text in ipairs(list) do list[i] = text:gsub("^2026%-01%-05 ", "") end
  return table.concat(list, " ")
end

describe("saros.cron", function()
  it("tells what was given", function()
    local expression = cron.parse(" 0 9 * * mon-fri", {timezone = "Europe/Berlin"})
    assert.equal(" 0 9 * * mon-fri", expression.expression)
    assert.equal("Europe/Berlin", expression.timezone)
    assert.equal("CronExpression:  0 9 * * mon-fri (Europe/Berlin)", tostring(expression))
    assert.equal("UTC", cron.parse("@daily").timezone)
    assert.equal("local", cron.parse("@daily", {timezone = "local"}).timezone)
  end)

  describe("times of day", function()
    it("are numbers and all", function()
      assert.equal("09:05:00 2026-01-06 09:05:00", times("5 9 * * *", 2))
      assert.equal("00:00:00 00:01:00 00:02:00", times("* * * * *", 3))
      assert.equal("00:00:00 00:01:00", times("? ? ? ? ?", 2))
      assert.equal("09:00:00 09:01:00", times("* 9 * * *", 2))
    end)

    it("may have seconds", function()
      assert.equal("00:00:00 00:00:01 00:00:02", times("* * * * * *", 3))
      assert.equal("09:05:30 2026-01-06 09:05:30", times("30 5 9 * * *", 2))
      assert.equal("00:00:15 00:00:45 00:01:15", times("15,45 * * * * *", 3))
    end)

    it("are lists, in any order", function()
      assert.equal("08:05:00 08:50:00 20:05:00 20:50:00", times("50,5,5 20,8 * * *", 4))
    end)

    it("are ranges, around the end too", function()
      assert.equal("09:00:00 10:00:00 11:00:00 2026-01-06 09:00:00", times("0 9-11 * * *", 4))
      assert.equal("00:00:00 01:00:00 02:00:00 22:00:00 23:00:00", times("0 22-2 * * *", 5))
      assert.equal("00:00:00 00:01:00 00:58:00 00:59:00 01:00:00", times("58-1 * * * *", 5))
      assert.equal("07:00:00 2026-01-06 07:00:00", times("0 7-7 * * *", 2))
    end)

    it("have steps", function()
      assert.equal("00:00:00 00:20:00 00:40:00 01:00:00", times("*/20 * * * *", 4))
      assert.equal("00:10:00 00:35:00 01:10:00", times("10/25 * * * *", 3))
      assert.equal("00:01:00 00:11:00 00:21:00 01:01:00", times("1-30/10 * * * *", 4))
      assert.equal("00:00:00 03:00:00 21:00:00 22:00:00 2026-01-06 00:00:00", times("0 21-4/3,22 * * *", 5))
      assert.equal("00:59:00 01:59:00", times("59/59 * * * *", 2))
      assert.equal("00:00:00 00:00:30 00:01:00", times("?/30 * * * * *", 3))
    end)
  end)

  describe("months and days", function()
    it("have names in any case", function()
      days("01-01 02-01 12-01", "0 0 1 jan,Feb,DEC *", 2026)
      days("08-03 08-10 08-17 08-24 08-31", "0 0 * 8 mOn", 2026)
      days("08-02 08-09 08-16 08-23 08-30", "0 0 * AUG SUN", 2026)
    end)

    it("have ranges and steps, around the end too", function()
      days("01-01 02-01 11-01 12-01", "0 0 1 NOV-2 *", 2026)
      days("01-01 03-01 11-01", "0 0 1 NOV-MAR/2 *", 2026)
      days("02-01 02-02 02-28", "0 0 28-2 2 *", 2026)
      days("03-01 03-08 03-15 03-22 03-29", "0 0 */7 3 *", 2026)
    end)

    it("know Sunday as 0 and 7", function()
      for _, weekday in ipairs {"0", "7", "SUN", "7-0", "0,7", "7/3", "SUN#1,SUN#2,SUN#3,SUN#4,SUN#5"} do
        days("02-01 02-08 02-15 02-22", "0 0 * 2 " .. weekday, 2026)
      end
      days("02-01 02-02 02-08 02-09 02-15 02-16 02-22 02-23", "0 0 * 2 7-1", 2026)
      days("02-01 02-06 02-07 02-08 02-13 02-14 02-15 02-20 02-21 02-22 02-27 02-28", "0 0 * 2 5-7", 2026)
      days("02-01 02-06 02-08 02-13 02-15 02-20 02-22 02-27", "0 0 * 2 FRI-MON/2", 2026)
      days("02-06 02-07 02-13 02-14 02-20 02-21 02-27 02-28", "0 0 * 2 FRI-SAT", 2026)
      assert.equal(365, select(2, table.concat(runs("0 0 * * 0-7", "2025-12-31", 365), "\n"):gsub("2026", "")))
    end)

    it("need both match if one begins with * or ?", function()
      days("02-02 02-09 02-16 02-23", "0 0 * 2 MON", 2026)
      days("02-13", "0 0 13 2 ?", 2026)
      days("02-09 02-23", "0 0 */2 2 MON", 2026)
      days("02-05", "0 0 5 2 */2", 2026) -- a Thursday
      days("", "0 0 5 2 */3", 2026)
    end)

    it("need only one match if both are restricted, as for crontab", function()
      days("02-06 02-13 02-20 02-27 03-06 03-13 03-20 03-27 04-03 04-10 04-13 04-17 04-24", "0 0 13 2-4 FRI", 2026)
      days("02-02 02-09 02-16 02-23 02-28", "0 0 L 2 MON", 2026)
      days("02-01 02-06 02-15", "0 0 1,15 2 FRI#1", 2026)
    end)
  end)

  describe("the last day of the month", function()
    it("is L", function()
      days("01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31", "0 0 L * *", 2026)
      days("02-29", "0 0 L 2 *", 2028)
      days("02-28", "0 0 l 2 *", 2100)
    end)

    it("may be some days before it, where a month is long enough", function()
      days("01-28 02-25 04-27", "0 0 L-3 1,2,4 *", 2026)
      days("01-01 03-01 05-01 07-01 08-01 10-01 12-01", "0 0 L-30 * *", 2026)
      days("02-01", "0 0 L-28 2 *", 2028)
      days("01-15 01-31 02-15 02-28", "0 0 15,L 1-2 *", 2026)
    end)

    it("may be the last working day", function()
      days("01-30 02-27 03-31 05-29 08-31", "0 0 LW 1,2,3,5,8 *", 2026)
      days("01-30 02-27", "0 0 lw 1-2 *", 2026)
    end)
  end)

  describe("the nearest working day", function()
    it("is the day itself, the Friday before or the Monday after", function()
      -- Thursday, Sunday, Sunday, Wednesday; Saturday in August.
      days("01-15 02-16 03-16 04-15 08-14", "0 0 15W 1-4,8 *", 2026)
    end)

    it("stays in its month", function()
      days("02-02 08-03", "0 0 1W 2,8 *", 2026) -- a Sunday and a Saturday
      days("01-30 05-29", "0 0 30w 1,5 *", 2026) -- a Friday and a Saturday
      days("05-29", "0 0 31W 5 *", 2026) -- a Sunday
      days("01-30", "0 0 31W 1 *", 2026) -- a Saturday
      days("02-27", "0 0 28W 2 *", 2026) -- a Saturday
    end)

    it("is none of a day that the month does not have", function()
      days("01-30 03-31 05-29 07-31 08-31 10-30 12-31", "0 0 31W * *", 2026)
      days("", "0 0 29W 2 *", 2026)
      days("02-29", "0 0 29W 2 *", 2028)
    end)
  end)

  describe("a day of the week", function()
    it("may be the last of the month", function()
      days("01-30 02-27 03-27 12-25", "0 0 * 1-3,12 5L", 2026)
      days("01-30 02-27", "0 0 ? 1-2 fril", 2026)
      days("01-25 02-22", "0 0 * 1-2 7L", 2026)
      days("01-25 02-22", "0 0 * 1-2 SUNL", 2026)
      days("01-31 02-28", "0 0 * 1-2 SATL", 2026)
    end)

    it("may be the n-th of the month, where there are as many", function()
      days("01-12 02-09", "0 0 * 1-2 MON#2", 2026)
      days("02-01 03-01", "0 0 * 2-3 7#1", 2026)
      days("03-30 06-29 08-31 11-30", "0 0 * * MON#5", 2026)
      days("01-05 01-07 02-02 02-04", "0 0 * 1-2 MON#1,WED#1", 2026)
    end)
  end)

  it("knows names for common expressions", function()
    for name, expected in pairs {
      ["@yearly"] = "2027-01-01 00:00:00 2028-01-01 00:00:00",
      ["@annually"] = "2027-01-01 00:00:00 2028-01-01 00:00:00",
      ["@monthly"] = "2026-12-01 00:00:00 2027-01-01 00:00:00",
      ["@weekly"] = "2026-11-29 00:00:00 2026-12-06 00:00:00",
      ["@daily"] = "2026-11-28 00:00:00 2026-11-29 00:00:00",
      ["@midnight"] = "2026-11-28 00:00:00 2026-11-29 00:00:00",
      ["@hourly"] = "2026-11-27 13:00:00 2026-11-27 14:00:00",
      ["@every_minute"] = "2026-11-27 12:31:00 2026-11-27 12:32:00",
      ["@every_second"] = "2026-11-27 12:30:31 2026-11-27 12:30:32",
    } do
      assert.equal(expected, table.concat(runs(name, "2026-11-27 12:30:30", 2), " "), name)
      assert.equal(expected, table.concat(runs(" \t" .. name:upper() .. "\n", "2026-11-27 12:30:30", 2), " "))
    end
  end)

  it("takes any white space", function()
    assert.equal("09:05:00 2026-01-06 09:05:00", times("\n 5\t9  *\r\n*\v* \f", 2))
  end)

  describe("next and previous", function()
    local noon = utc("2026-11-27 12:00:00")
    local daily = cron.parse("0 12 * * *")

    it("are strictly later and earlier", function()
      assert.equal(noon + 86400, daily:next(noon))
      assert.equal(noon, daily:next(noon - 1))
      assert.equal(noon - 86400, daily:previous(noon))
      assert.equal(noon, daily:previous(noon + 1))
    end)

    it("take fractions of seconds, and give whole ones", function()
      assert.equal(noon, daily:next(noon - 0.001))
      assert.equal(noon + 86400, daily:next(noon + 0.001))
      assert.equal(noon, daily:previous(noon + 0.001))
      assert.equal(noon - 86400, daily:previous(noon - 0.001))
      assert.equal("integer", math.type(daily:next(noon + 0.0)))
      assert.equal("integer", math.type(daily:previous(noon + 0.5)))
    end)

    it("go before the epoch", function()
      assert.same({"1969-12-31 23:30:00", "1970-01-01 00:00:00"}, runs("*/30 * * * *", "1969-12-31 23:00:00", 2))
      assert.equal(utc("2-01-01"), cron.parse("@yearly"):next(utc("1-01-01")))
    end)

    it("look at other months from their beginning and from their end", function()
      local expression = cron.parse("0 0 10,20 2 *")
      assert.equal(utc("2026-02-10"), expression:next(utc("2026-01-15")))
      assert.equal(utc("2026-02-20"), expression:previous(utc("2026-03-05")))
    end)

    it("find a day that is eight years away", function()
      assert.same({"2096-02-29 00:00:00", "2104-02-29 00:00:00"}, runs("0 0 29 2 *", "2092-03-01", 2))
      assert.same({"2072-02-29 00:00:00", "2112-02-29 00:00:00"}, runs("0 0 * 2 MON#5", "2044-03-01", 2))
    end)

    it("are nil for what never runs", function()
      for _, expression in ipairs {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 L-30 2,4 *", "0 0 30W 2 *"} do
        for _, zone in ipairs {"UTC", "Europe/Berlin"} do
          local never = cron.parse(expression, {timezone = zone})
          assert.is_nil(never:next(noon))
          assert.is_nil(never:previous(noon))
          assert.is_nil(never:iterate(noon, noon + 1)())
        end
      end
    end)

    it("take little time, however far the run is", function()
      local start = os.clock()
      for _, expression in ipairs {"0 0 29 2 *", "0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 * 2 MON#5"} do
        local parsed = cron.parse(expression, {timezone = "America/New_York"})
        for i = 1, 100 do
          parsed:next(noon + i * 1000000)
          parsed:previous(noon + i * 1000000)
        end
      end
      -- 0.1 s, on a machine that has nothing else to do and without a sanitizer.
      assert.is_true(os.clock() - start < 5)
    end)
  end)

  describe("iterate", function()
    local hourly = cron.parse("0 * * * *")

    local function collect(...)
      local list = {}
      for time in hourly:iterate(...) do
        list[#list + 1] = time
        if #list == 5 then break end
      end
      return list
    end

    it("includes its beginning and excludes its end", function()
      assert.same({0, 3600}, collect(0, 7200))
      assert.same({3600, 7200}, collect(0.5, 7200.5))
      assert.same({}, collect(1, 3600))
      assert.same({}, collect(7200, 0))
    end)

    it("goes on without an end", function()
      assert.same({-7200, -3600, 0, 3600, 7200}, collect(-7200))
    end)

    it("gives nil again and again when it is over", function()
      local iterator = hourly:iterate(0, 1)
      assert.same({0, nil, nil}, {iterator(), iterator(), iterator()})
    end)

    it("gives a year of minutes, each once", function()
      local from, count, last = utc("2026-01-01"), 0, nil
      local expression = cron.parse("* * * * *", {timezone = "Europe/Berlin"})
      for time in expression:iterate(from, from + 365 * 86400) do
        assert(not last or time == last + 60)
        count, last = count + 1, time
      end
      assert.equal(365 * 1440, count)
    end)
  end)

  describe("where clocks are set forward", function()
    it("runs what is skipped at the first instant after the gap, once", function()
      assert.same({"2026-03-28 02:30:00", "2026-03-29 03:00:00", "2026-03-30 02:30:00"},
        runs("30 2 * * *", "2026-03-28", 3, "Europe/Berlin"))
      assert.same({"2026-03-29 03:00:00", "2026-03-30 02:10:00"},
        runs("10,20,30 2 * * *", "2026-03-29", 2, "Europe/Berlin"))
      assert.same({"2026-03-29 03:00:00", "2026-03-29 03:30:00", "2026-03-30 02:00:00"},
        runs("0,30 2,3 * * *", "2026-03-29", 3, "Europe/Berlin"))
    end)

    it("runs an interval without a double run", function()
      assert.same({"2026-03-29 01:30:00", "2026-03-29 03:00:00", "2026-03-29 03:30:00"},
        runs("*/30 * * * *", "2026-03-29 00:00:00", 3, "Europe/Berlin"))
    end)
  end)

  describe("where clocks are set back", function()
    it("runs an interval in both hours", function()
      for _, expression in ipairs {"*/30 * * * *", "0,30 * * * *", "0,30 1-4 * * *", "0/30 2,3 * * *",
          "0 0,30 */1 * * *", "0-0 0,30 2,3 * * *"} do
        assert.same({"2026-10-25 02:00:00", "2026-10-25 02:30:00", "2026-10-25 02:00:00", "2026-10-25 02:30:00",
          "2026-10-25 03:00:00"}, runs(expression, "2026-10-24 23:59:59", 5, "Europe/Berlin"), expression)
      end
    end)

    it("runs it in both where its next day is far away", function()
      assert.same({"2026-10-25 02:00:00", "2026-10-25 02:30:00", "2026-10-25 02:00:00", "2026-10-25 02:30:00",
        "2027-10-25 02:00:00"}, runs("*/30 2 25 10 *", "2026-10-24", 5, "Europe/Berlin"))
    end)

    it("finds what ran in the first hour from within the second", function()
      local first, within_second = utc("2026-10-25 00:45:00"), utc("2026-10-25 01:10:00")
      for _, expression in ipairs {"45 2 25 10 *", "45 2-2 25 10 *"} do
        assert.equal(first, cron.parse(expression, {timezone = "Europe/Berlin"}):previous(within_second))
      end
    end)

    it("runs anything else in the first hour", function()
      assert.same({"2026-10-25 02:00:00", "2026-10-25 02:30:00", "2026-10-25 03:00:00"},
        runs("0,30 2,3 * * *", "2026-10-24 23:59:59", 3, "Europe/Berlin"))
      for _, expression in ipairs {"30 2 * * *", "30 2 */1 * *", "30 2 1-31 1-12 0-7"} do
        assert.same({"2026-10-25 02:30:00", "2026-10-26 02:30:00"},
          runs(expression, "2026-10-24 02:00:00", 2, "Europe/Berlin"), expression)
      end
    end)
  end)

  describe("zones of their own kind", function()
    it("shift by half an hour", function()
      assert.same({"2026-10-04 01:45:00", "2026-10-04 02:30:00", "2026-10-04 02:45:00"},
        runs("*/15 * * * *", "2026-10-03 15:10:00", 3, "Australia/Lord_Howe"))
      assert.same({"2026-04-05 01:45:00", "2026-04-05 01:30:00", "2026-04-05 01:45:00", "2026-04-05 02:00:00"},
        runs("*/15 * * * *", "2026-04-04 14:40:00", 4, "Australia/Lord_Howe"))
    end)

    it("shift at midnight", function()
      assert.same({"2026-09-05 00:00:00", "2026-09-06 01:00:00", "2026-09-07 00:00:00"},
        runs("@daily", "2026-09-05", 3, "America/Santiago"))
      assert.same({"2026-04-04 23:30:00", "2026-04-05 23:30:00"},
        runs("30 23 * * *", "2026-04-04 12:00:00", 2, "America/Santiago"))
    end)

    it("skip a day", function()
      assert.same({"2011-12-29 12:00:00", "2011-12-31 00:00:00", "2011-12-31 12:00:00"},
        runs("0 12 * * *", "2011-12-29", 3, "Pacific/Apia"))
      assert.same({"2011-12-31 00:00:00", "2012-12-30 00:00:00"}, runs("0 0 30 12 *", "2011-12-01", 2, "Pacific/Apia"))
      assert.same({"2011-12-29 18:00:00", "2011-12-31 00:00:00", "2011-12-31 06:00:00"},
        runs("0 */6 * * *", "2011-12-30", 3, "Pacific/Apia"))
    end)
  end)

  describe("bad arguments", function()
    it("are named at the line that gave them", function()
      blames(function() cron.parse(5) end, "bad argument #1 to 'parse' (string expected, got number)")
      blames(function() cron.parse("@daily", "UTC") end, "bad argument #2 to 'parse' (table expected, got string)")
      blames(function() cron.parse("@daily", {timezone = 1}) end,
        "bad argument #2 to 'parse' (option 'timezone': string expected, got number)")
      local daily = cron.parse("@daily")
      blames(function() daily:next() end, "bad argument #1 to 'next' (number expected, got nil)")
      blames(function() daily:previous({}) end, "bad argument #1 to 'previous' (number expected, got table)")
      blames(function() daily:iterate() end, "bad argument #1 to 'iterate' (number expected, got nil)")
      blames(function() daily:iterate(0, "now") end, "bad argument #2 to 'iterate' (number expected, got string)")
    end)

    it("are unknown options and zones", function()
      assert.equal("unknown option 'zone' for 'parse' (known: timezone)",
        raises(saros.ValueError, cron.parse, "@daily", {zone = "UTC"}).message)
      assert.matches("^unknown time zone 'Mars/Base' %(looked in ",
        raises(saros.ValueError, cron.parse, "@daily", {timezone = "Mars/Base"}).message)
    end)

    it("are times that no calendar has", function()
      local daily = cron.parse("@daily")
      for _, name in ipairs {"next", "previous", "iterate"} do
        for _, time in ipairs {math.huge, -math.huge, 1e18, math.maxinteger, 253402300800, -62135596801} do
          assert.equal(("argument #1 to '%s' is %s, which is in none of the years from 1 to 9999"):format(name, time),
            raises(saros.ValueError, daily[name], daily, time).message)
        end
        assert.matches("is NaN$", raises(saros.ValueError, daily[name], daily, 0 / 0).message)
      end
      assert.equal("argument #2 to 'iterate' is inf, which is in none of the years from 1 to 9999",
        raises(saros.ValueError, daily.iterate, daily, 0, math.huge).message)
    end)
  end)
end)
