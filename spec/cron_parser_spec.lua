--- What is said about expressions that cannot be read: the field, the place, and what is allowed there.
local raises = require "spec.support.raises"
local saros = require "saros"

local parse = saros.cron.parse

local ALLOWED = {
  second = "0-59 and * ? , - /",
  minute = "0-59 and * ? , - /",
  hour = "0-23 and * ? , - /",
  ["day of month"] = "1-31 and * ? , - /, or L, L-3, LW, 15W",
  month = "1-12 or JAN-DEC and * ? , - /",
  ["day of week"] = "0-7 or SUN-SAT and * ? , - /, or 5L, FRIL, MON#2",
}

local FIELDS = "5 fields (minute, hour, day of month, month, day of week), or 6 with the second first"

-- Asserts the message, and the lines under it: the expression as it is shown, and the caret.
local function refuses(expression, message, shown, caret)
  local failure = raises(saros.ValueError, parse, expression)
  assert.equal(("invalid cron expression: %s\n  %s\n  %s"):format(message, shown or expression, caret), failure.message)
end

-- The same where the message is about a field.
local function refuses_field(expression, field, message, caret)
  refuses(expression, ("in the field '%s', %s (allowed: %s)"):format(field, message, ALLOWED[field]), nil, caret)
end

describe("saros.cron_parser", function()
  it("counts the fields", function()
    refuses("", "expected " .. FIELDS .. ", got 0", nil, "^")
    refuses("   ", "expected " .. FIELDS .. ", got 0", nil, "   ^")
    refuses("* * * *", "expected " .. FIELDS .. ", got 4", nil, "       ^")
    refuses("* * * * * * 2026 *", "expected " .. FIELDS .. ", got 8", nil, "            ^")
  end)

  it("refuses numbers that are out of range", function()
    refuses_field("60 * * * * *", "second", "the number 60 is not in 0-59", "^")
    refuses_field("60 * * * *", "minute", "the number 60 is not in 0-59", "^")
    refuses_field("* 24 * * *", "hour", "the number 24 is not in 0-23", "  ^")
    refuses_field("* 0-24 * * *", "hour", "the number 24 is not in 0-23", "    ^")
    refuses_field("* * 0 * *", "day of month", "the number 0 is not in 1-31", "    ^")
    refuses_field("* * 1,32 * *", "day of month", "the number 32 is not in 1-31", "      ^")
    refuses_field("* * * 13 *", "month", "the number 13 is not in 1-12", "      ^")
    refuses_field("* * * 0 *", "month", "the number 0 is not in 1-12", "      ^")
    refuses_field("* * * * 8", "day of week", "the number 8 is not in 0-7", "        ^")
    refuses_field("* * * * 99999999999999999999999", "day of week",
      "the number 99999999999999999999999 is not in 0-7", "        ^")
  end)

  it("refuses steps that are no steps", function()
    refuses_field("*/0 * * * *", "minute", "the step 0 is not in 1-59", "  ^")
    refuses_field("*/90 * * * *", "minute", "the step 90 is not in 1-59", "  ^")
    refuses_field("* 8-18/24 * * *", "hour", "the step 24 is not in 1-23", "       ^")
    refuses_field("*/ * * * *", "minute", "a step is missing", "  ^")
    refuses_field("*/x * * * *", "minute", "unexpected 'x' in place of a step", "  ^")
    refuses_field("*/-5 * * * *", "minute", "unexpected '-' in place of a step", "  ^")
    refuses_field("*/5/5 * * * *", "minute", "unexpected '/'", "   ^")
  end)

  it("misses what is not there", function()
    refuses_field("1,,2 * * * *", "minute", "a number is missing", "  ^")
    refuses_field(",1 * * * *", "minute", "a number is missing", "^")
    refuses_field("1, * * * *", "minute", "a number is missing", "  ^")
    refuses_field("1- * * * *", "minute", "a number is missing", "  ^")
    refuses_field("* * * * 1,", "day of week", "a number is missing", "          ^")
    refuses_field("/5 * * * *", "minute", "unexpected '/' in place of a number", "^")
    refuses_field("-5 * * * *", "minute", "unexpected '-' in place of a number", "^")
  end)

  it("refuses characters that mean nothing", function()
    refuses_field("1.5 * * * *", "minute", "unexpected '.'", " ^")
    refuses_field("** * * * *", "minute", "unexpected '*'", " ^")
    refuses_field("*-5 * * * *", "minute", "unexpected '-'", " ^")
    refuses_field("1-5-7 * * * *", "minute", "unexpected '-'", "   ^")
    refuses_field("* !5 * * *", "hour", "unexpected '!' in place of a number", "  ^")
    refuses_field("0x10 * * * *", "minute", "unexpected 'x'", " ^")
  end)

  it("refuses names that are none there", function()
    refuses_field("MON * * * *", "minute", "unexpected 'M' in place of a number", "^")
    refuses_field("* * * MON *", "month", "'MON' is no name", "      ^")
    refuses_field("* * * JANUARY *", "month", "'JANUARY' is no name", "      ^")
    refuses_field("* * * * JAN", "day of week", "'JAN' is no name", "        ^")
    refuses_field("* * * * MON-Friday", "day of week", "'Friday' is no name", "            ^")
    refuses_field("* * * * MO", "day of week", "'MO' is no name", "        ^")
    refuses_field("* * * JANL *", "month", "unexpected 'L'", "         ^")
  end)

  it("refuses special days in the wrong place", function()
    refuses_field("L * * * *", "minute", "unexpected 'L' in place of a number", "^")
    refuses_field("* * * L *", "month", "'L' is no name", "      ^")
    refuses_field("* * * * L", "day of week", "'L' is no name", "        ^")
    refuses_field("* * * * 1W", "day of week", "unexpected 'W'", "         ^")
    refuses_field("* * 5L * *", "day of month", "unexpected 'L'", "     ^")
    refuses_field("* * 5#2 * *", "day of month", "unexpected '#'", "     ^")
    refuses_field("* 5#2 * * *", "hour", "unexpected '#'", "   ^")
  end)

  it("refuses special days that go on", function()
    refuses_field("* * L-31 * *", "day of month", "the distance 31 is not in 1-30", "      ^")
    refuses_field("* * L-0 * *", "day of month", "the distance 0 is not in 1-30", "      ^")
    refuses_field("* * L- * *", "day of month", "a distance is missing", "      ^")
    refuses_field("* * LX * *", "day of month", "unexpected 'X'", "     ^")
    refuses_field("* * L/2 * *", "day of month", "unexpected '/'", "     ^")
    refuses_field("* * LW-3 * *", "day of month", "unexpected '-'", "      ^")
    refuses_field("* * 1W-5 * *", "day of month", "unexpected '-'", "      ^")
    refuses_field("* * 1-5W * *", "day of month", "unexpected 'W'", "       ^")
    refuses_field("* * W * *", "day of month", "unexpected 'W' in place of a number", "    ^")
    refuses_field("* * * * 5LL", "day of week", "unexpected 'L'", "          ^")
    refuses_field("* * * * 1-5L", "day of week", "unexpected 'L'", "           ^")
    refuses_field("* * * * MON#0", "day of week", "the week 0 is not in 1-5", "            ^")
    refuses_field("* * * * MON#6", "day of week", "the week 6 is not in 1-5", "            ^")
    refuses_field("* * * * 1#", "day of week", "a week is missing", "          ^")
    refuses_field("* * * * 1#2/2", "day of week", "unexpected '/'", "           ^")
  end)

  it("knows no other names for expressions", function()
    refuses(" @reboot", "unknown name '@reboot' (known: @yearly, @annually, @monthly, @weekly, @daily, @midnight, "
      .. "@hourly, @every_minute, @every_second)", nil, " ^")
    refuses("@daily 5", "nothing may follow @daily", nil, "       ^")
  end)

  it("points at the place whatever is before it", function()
    local message = "in the field 'hour', the number 24 is not in 0-23 (allowed: " .. ALLOWED.hour .. ")"
    refuses("\t*\n24 *\r\n* *", message, " * 24 *  * *", "   ^")
    refuses("\xC3\xA4 \xE2\x82\xAC * *", "expected " .. FIELDS .. ", got 4", nil, "       ^")
    refuses("@daily \xC3\xA4", "nothing may follow @daily", nil, "       ^")
    refuses_field("*,\xC3\xA4 24 * * *", "minute", "unexpected '\xC3\xA4' in place of a number", "  ^")
    refuses("* * * * 5,\xE2\x82\xAC", "in the field 'day of week', unexpected '\xE2\x82\xAC' in place of a number "
      .. "(allowed: " .. ALLOWED["day of week"] .. ")", nil, "          ^")
    refuses("*\xE2\x82\xAC * * * *", "in the field 'minute', unexpected '\xE2\x82\xAC' (allowed: "
      .. ALLOWED.minute .. ")", nil, " ^")
    refuses("\27[0m * * * *", "in the field 'minute', unexpected '?' in place of a number (allowed: "
      .. ALLOWED.minute .. ")", "?[0m * * * *", "^")
    refuses_field("*\x80 * * * *", "minute", "unexpected '\x80'", " ^")
  end)
end)
