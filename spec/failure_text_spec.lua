local saros = require "saros"
local failure_text = require "saros.failure_text"

describe("saros.failure_text", function()
  it("is the message of an error of the library, without its kind", function()
    assert.equal("no such job", failure_text(saros.ValueError("no such job")))
    assert.equal("CancelledError", failure_text(saros.CancelledError()))
  end)

  it("is anything else as text, whatever that does", function()
    assert.equal("text", failure_text("text"))
    assert.equal("nil", failure_text(nil))
    assert.equal("table whose __tostring fails",
      failure_text(setmetatable({}, {__tostring = function() error("no text") end})))
  end)
end)
