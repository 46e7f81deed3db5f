-- The parts of the Redis-compatible server, without a network.

package.path = "scripts/examples/?.lua;" .. package.path

local glob = require "redis.glob"
local resp = require "redis.resp"
local store = require "redis.store"

-- All that a parser finds in some bytes, fed in pieces of a size.
local function parse(bytes, size)
  local parser, found = resp.Parser(), {}
  for at = 1, #bytes, size do
    parser:feed(bytes:sub(at, at + size - 1))
    while true do
      local args, problem = parser:next()
      if problem then
        found[#found + 1] = problem
        return found
      end
      if not args then break end
      found[#found + 1] = args
    end
  end
  return found
end

describe("redis.resp", function()
  local bytes = "*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n\r\n\0$*\r\n"
    .. "set 'a b' \"\\x41\\n\"\r\n*2\r\n$0\r\n\r\n$13\r\nmore than ten\r\n\r\n*0\r\n*-1\r\n\r\nPING\n"
    .. "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"
  local requests = {
    { "PING" }, { "SET", "k", "\r\n\0$*" }, { "set", "a b", "A\n" }, { "", "more than ten" }, { "PING" },
    { "a", "b", "c", "d" },
  }

  it("finds the same requests however the packets are cut", function()
    for size = 1, #bytes do assert.same(requests, parse(bytes, size)) end
  end)

  it("tells what is wrong after all that was right before", function()
    for size = 1, 20 do
      assert.same({ { "PING" }, "expected '$', got 'x'" }, parse("PING\r\n*1\r\nx4\r\n", size))
      assert.same({ "invalid multibulk length" }, parse("*1x\r\n", size))
      assert.same({ "invalid bulk length" }, parse("*1\r\n$-1\r\n", size))
      assert.same({ "unbalanced quotes in request" }, parse("get 'a\r\n", size))
    end
  end)

  it("puts a large value of small packets together in linear time #many", function()
    local value = ("x"):rep(4 * 1024 * 1024)
    local began = os.clock()
    local found = parse(("*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n"):format(#value, value), 512)
    assert.equal(value, found[1][2])
    -- Copying what was there with each packet would move 17 GB.
    assert.is_true(os.clock() - began < 2)
  end)

  it("reads integers as strictly as Redis", function()
    assert.equal(0, resp.integer("0"))
    assert.equal(-17, resp.integer("-17"))
    assert.equal(math.maxinteger, resp.integer("9223372036854775807"))
    assert.equal(math.mininteger, resp.integer("-9223372036854775808"))
    for _, text in ipairs({ "", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "1e3", "0x1", "9223372036854775808" }) do
      assert.is_nil(resp.integer(text), text)
    end
  end)
end)

describe("redis.glob", function()
  it("matches as Redis does", function()
    for _, case in ipairs({
      { "a*c", "abbc", true }, { "a*c", "abb", false }, { "*", "", false }, { "", "", true },
      { "a?c", "abc", true }, { "a?c", "ac", false }, { "[^a-c]", "d", true }, { "[^a-c]", "b", false },
      { "[c-a]", "b", true }, { "\\*", "*", true }, { "\\*", "x", false }, { "[a", "a", true },
      { "*a*b*", "xxaxxbxx", true }, { "*aab", "aaaab", true }, { "a\0*", "a\0b", true }, { "a*", "a", true },
    }) do
      assert.equal(case[3], glob.compile(case[1])(case[2]), case[1] .. " on " .. case[2])
    end
  end)

  it("is not slowed down by many stars", function()
    local began = os.clock()
    assert.is_false(glob.compile(("a*"):rep(30) .. "b")(("a"):rep(2000)))
    assert.is_true(os.clock() - began < 5)
  end)
end)

describe("redis.store", function()
  local NOW = 1700000000000

  it("shows no reader an expired key", function()
    local keys = store.new(NOW)
    keys:set("k", "v")
    keys:expire("k", NOW + 10)
    assert.equal("v", keys:get("k", NOW + 10))
    local all = function() return true end
    assert.same({}, keys:keys(all, NOW + 11))
    assert.is_nil(keys:get("k", NOW + 11))
    assert.equal(0, keys.size)
  end)

  it("frees expired keys that nobody reads", function()
    local keys = store.new(NOW)
    for i = 1, 1000 do
      keys:set("gone" .. i, "v")
      keys:expire("gone" .. i, NOW + i)
      keys:set("stays" .. i, "v")
    end
    keys:sweep(NOW + 1200, math.huge)
    assert.equal(1000, keys.size)
    assert.is_nil(next(keys.deadlines))
    assert.is_nil(next(keys.slots))
  end)

  it("removes no key before its deadline, or against a new one", function()
    local keys = store.new(NOW)
    keys:set("later", "v")
    keys:expire("later", NOW + 100)
    keys:expire("later", NOW + 5000)
    keys:set("never", "v")
    keys:expire("never", NOW + 100)
    keys:expire("never", nil)
    keys:set("exactly", "v")
    keys:expire("exactly", NOW + 1000)
    keys:sweep(NOW + 1000, math.huge)
    assert.equal(3, keys.size)
    keys:sweep(NOW + 1200, math.huge)
    assert.equal(2, keys.size)
    keys:sweep(NOW + 6000, math.huge)
    assert.equal(1, keys.size)
  end)

  it("removes as many as it is allowed to, and goes on later", function()
    local keys = store.new(NOW)
    for i = 1, 100 do
      keys:set("k" .. i, "v")
      keys:expire("k" .. i, NOW + 10)
    end
    assert.is_true(keys:sweep(NOW + 1000, 30))
    assert.equal(70, keys.size)
    assert.is_true(keys:sweep(NOW + 1000, 60))
    assert.is_false(keys:sweep(NOW + 1000, 60))
    assert.equal(0, keys.size)
  end)

  it("leaves nothing behind when deadlines change again and again", function()
    local keys = store.new(NOW)
    keys:set("k", "v")
    for i = 1, 1000 do keys:expire("k", NOW + i * 1000) end
    keys:delete("k")
    assert.is_nil(next(keys.slots))
    assert.is_nil(next(keys.deadlines))
  end)

  it("finds keys set after the clock was set back", function()
    local keys = store.new(NOW)
    keys:sweep(NOW + 100000, math.huge)
    keys:set("k", "v")
    keys:expire("k", NOW + 1000)
    keys:sweep(NOW, math.huge)
    keys:sweep(NOW + 2000, math.huge)
    assert.equal(0, keys.size)
  end)
end)
