local saros = require "saros"
local need_module = require "saros.need_module"
local raises = require "spec.support.raises"

describe("saros.need_module", function()
  it("gives the module", function()
    assert.equal(require "saros.cron", need_module("saros.cron", "a job", "lua-cron", "cron"))
  end)

  it("says what needs it, and where it is to be had", function()
    assert.equal("the store 'sqlite:x' needs the Lua module no.such.module, which is not installed "
      .. "(Debian and Ubuntu have it as lua-none, LuaRocks as none)",
      raises(saros.RuntimeError, need_module, "no.such.module", "the store 'sqlite:x'", "lua-none", "none").message)
  end)
end)
