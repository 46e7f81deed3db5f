local error_text = require "saros.error_text"
local saros = require "saros"

describe("error_text", function()
  it("is the message, and where it came from if that is known", function()
    assert.equal("boom", error_text("boom"))
    assert.equal("boom\nstack traceback:\n\there", error_text("boom", "stack traceback:\n\there"))
  end)

  it("takes an error object's own traceback", function()
    local err = saros.ValueError("bad")
    assert.equal("ValueError: bad", error_text(err, "ignored"))
    err.traceback = "its own"
    assert.equal("ValueError: bad\nits own", error_text(err, "ignored"))
  end)

  it("tells what it can of any value", function()
    assert.equal("42", error_text(42))
    assert.equal("(error object is a nil value)", error_text(nil))
    assert.equal("(error object is a table value)", error_text({}))
    assert.equal("mine", error_text(setmetatable({}, {__tostring = function() return "mine" end})))
    assert.equal("(error object is a table value)", error_text(setmetatable({}, {__tostring = error})))
  end)
end)
