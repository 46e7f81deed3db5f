local saros = require "saros"

local KINDS = {
  "CancelledError", "KeyboardInterrupt", "TimeoutError", "InvalidStateError", "CircuitOpenError",
  "RuntimeError", "OSError", "ValueError", "IncompleteReadError", "LimitOverrunError", "QueueEmpty",
  "QueueFull", "QueueShutDown", "BrokenBarrierError", "TransferError", "BrokenExecutor",
  "ExceptionGroup", "TLSError",
}

describe("core.loop.errors", function()
  it("has every kind, each an Error and no other kind", function()
    for _, name in ipairs(KINDS) do
      local object = saros[name]("text")
      assert.equal(name, object.name)
      assert.equal("text", object.message)
      assert.equal(name .. ": text", tostring(object))
      assert.is_true(saros.is_error(object))
      assert.is_true(saros.is_error(object, saros.Error))
      for _, other in ipairs(KINDS) do
        assert.equal(name == other, saros.is_error(object, saros[other]))
      end
    end
  end)

  it("takes a message, a table of fields, or nothing", function()
    local object = saros.OSError { message = "refused", code = "ECONNREFUSED", errno = 111 }
    assert.equal("refused", object.message)
    assert.equal("ECONNREFUSED", object.code)
    assert.equal(111, object.errno)
    assert.equal("OSError: refused", tostring(object))
    assert.equal("Error", tostring(saros.Error()))
    assert.is_nil(saros.Error().message)
    assert.equal("TimeoutError", tostring(saros.TimeoutError {}))
  end)

  it("copies the table of fields", function()
    local fields = { message = "m", extra = 1 }
    local object = saros.Error(fields)
    fields.extra = 2
    assert.equal(1, object.extra)
    assert.is_nil(getmetatable(fields))
    assert.are_not.equal(object, saros.Error(fields))
  end)

  it("keeps a message of any type", function()
    assert.equal(12, saros.Error(12).message)
    assert.equal("Error: 12", tostring(saros.Error(12)))
    assert.is_false(saros.Error(false).message)
    local inner = saros.ValueError("inner")
    assert.equal(inner, saros.Error(inner).message)
    assert.equal("Error: ValueError: inner", tostring(saros.Error(inner)))
  end)

  it("extends kinds", function()
    local HTTPError = saros.Error:extend("HTTPError")
    local NotFound = HTTPError:extend("NotFound")
    HTTPError.status = 500
    NotFound.status = 404
    function HTTPError:describe() return self.name .. " " .. self.status end
    local object = NotFound { message = "no such page", path = "/x" }
    assert.equal("NotFound: no such page", tostring(object))
    assert.equal("NotFound 404", object:describe())
    assert.equal("HTTPError 500", HTTPError("any"):describe())
    assert.equal("/x", object.path)
    assert.is_true(saros.is_error(object, NotFound))
    assert.is_true(saros.is_error(object, HTTPError))
    assert.is_true(saros.is_error(object, saros.Error))
    assert.is_false(saros.is_error(object, saros.ValueError))
    assert.is_false(saros.is_error(HTTPError(), NotFound))
  end)

  it("extends the kinds of the library", function()
    local TooSlow = saros.TimeoutError:extend("TooSlow")
    assert.is_true(saros.is_error(TooSlow("x"), saros.TimeoutError))
    assert.is_false(saros.is_error(saros.TimeoutError("x"), TooSlow))
  end)

  it("raises and catches objects as they are", function()
    local object = saros.ValueError { message = "m", key = {} }
    local ok, caught = pcall(error, object)
    assert.is_false(ok)
    assert.is_true(rawequal(object, caught))
  end)

  it("names a kind", function()
    assert.matches("ValueError", tostring(saros.ValueError))
    assert.equal("ValueError", saros.ValueError.name)
  end)

  describe("is_error", function()
    it("is false for what is no error object", function()
      for _, value in ipairs { "text", 12, true, {}, print, setmetatable({}, {}), saros } do
        assert.is_false(saros.is_error(value))
        assert.is_false(saros.is_error(value, saros.Error))
      end
      assert.is_false(saros.is_error(nil))
      assert.is_false(saros.is_error(nil, saros.Error))
      assert.is_false(saros.is_error(setmetatable({}, { __index = saros.Error("x") })))
    end)

    it("is false for a kind, which is not an object of itself", function()
      assert.is_false(saros.is_error(saros.ValueError))
      assert.is_false(saros.is_error(saros.ValueError, saros.Error))
    end)

    it("refuses what is no kind", function()
      assert.error_matches(function() saros.is_error({}, "ValueError") end,
        "bad argument #2 to 'is_error' %(error kind expected, got string%)")
      assert.error_matches(function() saros.is_error({}, {}) end,
        "bad argument #2 to 'is_error' %(error kind expected, got table%)")
      assert.error_matches(function() saros.is_error() end,
        "bad argument #1 to 'is_error' %(value expected%)")
    end)
  end)

  it("refuses a kind without a name", function()
    assert.error_matches(function() saros.Error:extend() end,
      "bad argument #1 to 'extend' %(string expected, got no value%)")
    assert.error_matches(function() saros.Error:extend({}) end,
      "bad argument #1 to 'extend' %(string expected, got table%)")
    assert.error_matches(function() saros.Error.extend({}, "Name") end, "error kind expected, got table")
  end)
end)
