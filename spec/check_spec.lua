local saros = require "saros"
local check = require "saros.check"
local raises = require "spec.support.raises"

local function raised(fn, ...)
  local ok, failure = pcall(fn, ...)
  assert.is_false(ok)
  return failure
end

local callable = setmetatable({}, {__call = function() end})

describe("saros.check", function()
  it("words a wrong type as Lua does, with the line of the public function's caller", function()
    local message = raised(function() saros.timeout({}) end)
    assert.matches("check_spec.lua:%d+: bad argument #1 to 'timeout' %(number expected, got table%)",
      message)
  end)

  it("blames the caller also of a class", function()
    local message = raised(function() return (saros.Queue("many")) end)
    assert.matches("check_spec.lua:%d+: bad argument #1 to 'Queue' %(number expected, got string%)",
      message)
  end)

  it("names a type by its __name, also behind __metatable", function()
    local named = setmetatable({}, {__name = "Widget", __metatable = "locked"})
    assert.equal("Widget", check.type_name(named))
    assert.equal("table", check.type_name({}))
    assert.equal("nil", check.type_name(nil))
    assert.equal("table", check.type_name(setmetatable({}, {__name = 7})))
  end)

  it("takes a numeric string for a number, as Lua does", function()
    assert.equal(1.5, check.number("1.5", 1, "f"))
    assert.equal(3, check.number(3, 1, "f"))
    assert.matches("bad argument #2 to 'f' %(number expected, got nil%)",
      raised(check.number, nil, 2, "f"))
  end)

  it("refuses NaN as a value", function()
    assert.matches("NaN", raises(saros.ValueError, check.number, 0 / 0, 1, "f").message)
  end)

  it("takes any callable for a function", function()
    assert.equal(print, check.callable(print, 1, "f"))
    assert.equal(callable, check.callable(callable, 1, "f"))
    assert.matches("bad argument #1 to 'f' %(function expected, got table%)",
      raised(check.callable, {}, 1, "f"))
  end)

  it("knows what can be awaited", function()
    local loop <close> = saros.new_event_loop()
    assert.is_true(check.is_awaitable(loop:create_future()))
    assert.is_true(check.is_awaitable(setmetatable({}, {__await = function() end})))
    assert.is_false(check.is_awaitable({}))
    assert.is_false(check.is_awaitable(print))
    assert.is_false(check.is_awaitable(nil))
  end)

  it("knows what is a loop", function()
    local loop <close> = saros.new_event_loop()
    assert.is_true(check.is_loop(loop))
    for _, value in ipairs {1, "loop", {}, print, io.stdout} do assert.is_false(check.is_loop(value)) end
    assert.is_false(check.is_loop(nil))
  end)

  describe("options", function()
    local known = {debug = "boolean", limit = "integer", on_block = "callable", name = "string"}

    it("gives back the table, or an empty one for none", function()
      local options = {debug = false, limit = 3, on_block = callable, name = "x"}
      assert.equal(options, check.options(options, known, 1, "f"))
      assert.same({}, check.options(nil, known, 1, "f"))
    end)

    it("refuses an unknown one and lists those that are known", function()
      local failure = raises(saros.ValueError, check.options, {limits = 3}, known, 1, "f")
      assert.equal("unknown option 'limits' for 'f' (known: debug, limit, name, on_block)",
        failure.message)
      assert.matches("unknown option '1'", raised(check.options, {"limit"}, known, 1, "f").message)
    end)

    it("refuses an option of the wrong type", function()
      assert.matches("bad argument #1 to 'f' %(option 'limit': integer expected, got number%)",
        raised(check.options, {limit = 1.5}, known, 1, "f"))
      assert.matches("option 'on_block': function expected, got string",
        raised(check.options, {on_block = "print"}, known, 1, "f"))
      assert.matches("option 'timeout': number expected, got NaN",
        raised(check.options, {timeout = 0 / 0}, {timeout = "number"}, 1, "f"))
    end)

    it("refuses what is no table", function()
      assert.matches("bad argument #2 to 'f' %(table expected, got number%)",
        raised(check.options, 5, known, 2, "f"))
    end)
  end)
end)
