local core = require "saros.core"
local fds = require "spec.support.fds"
local managers = require "spec.support.managers"

local errors, is_error = core.errors, core.is_error

local function failure_of(...)
  local ok, failure = pcall(core.notify, ...)
  assert.is_false(ok)
  return failure
end

describe("core.notify", function()
  it("sends a datagram to a path, and to an abstract name", function()
    for _, abstract in ipairs {false, true} do
      local manager <close> = managers.open(abstract)
      core.notify(manager.address, "READY=1\nSTATUS=a \0 b")
      core.notify(manager.address, "")
      assert.equal("READY=1\nSTATUS=a \0 b", manager:receive())
      assert.equal("", manager:receive())
    end
  end)

  it("leaves no descriptor open", function()
    local manager <close> = managers.open()
    local before = fds.count()
    core.notify(manager.address, "x")
    pcall(core.notify, "/nowhere/at/all", "x")
    assert.is_true(fds.count() <= before)
  end)

  it("does not wait for a reader that does not read", function()
    local manager <close> = managers.open()
    local failure
    for _ = 1, 100000 do
      local ok, problem = pcall(core.notify, manager.address, "x")
      if not ok then
        failure = problem
        break
      end
    end
    assert.is_true(is_error(failure, errors.OSError))
    assert.equal("EAGAIN", failure.code)
  end)

  it("says where it cannot send", function()
    local failure = failure_of("/nowhere/socket", "x")
    assert.is_true(is_error(failure, errors.OSError))
    assert.equal("ENOENT", failure.code)
    assert.matches("/nowhere/socket", failure.message, 1, true)
    local manager <close> = managers.open()
    assert.equal("EMSGSIZE", failure_of(manager.address, ("x"):rep(10 * 1024 * 1024)).code)
  end)

  it("refuses what is no address", function()
    for _, address in ipairs {"", "@", "relative", "/a\0b"} do
      assert.is_true(is_error(failure_of(address, "x"), errors.ValueError), address)
    end
    for _, address in ipairs {"/" .. ("x"):rep(107), "@" .. ("x"):rep(108)} do
      assert.equal("ENAMETOOLONG", failure_of(address, "x").code)
    end
    assert.equal("ECONNREFUSED", failure_of("@" .. ("x"):rep(107), "x").code)
    assert.matches("bad argument #1 to '[%w.]*notify'", failure_of(nil, "x"))
    assert.matches("bad argument #2 to '[%w.]*notify'", failure_of("/x", {}))
  end)
end)
