local core = require "saros.core"
local lfs = require "lfs"
local process = require "spec.support.process"
local scripts = require "spec.support.scripts"

describe("core.lock_file", function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)
  after_each(function() os.remove(path) end)

  it("gives the lock to one, until that is closed", function()
    local file = core.lock_file(path)
    assert.equal("file", io.type(file))
    assert.is_nil(core.lock_file(path))
    assert.is_true(file:close())
    local second <close> = core.lock_file(path)
    assert.truthy(second)
  end)

  it("makes the file, for the user alone, and keeps what is in it", function()
    core.lock_file(path):close()
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    local text <close> = assert(io.open(path, "w"))
    text:write("text")
    text:close()
    core.lock_file(path):close()
    assert.equal(4, lfs.attributes(path, "size"))
  end)

  it("holds it against other processes, and gives it back when this one ends", function()
    local code = ("print(require('saros.core').lock_file(%q))"):format(path)
    local function other() return select(2, process.run(scripts.LIMIT, "sh", "-c", '"$SAROS_LUA" -e "$0"', code)) end
    local file <close> = core.lock_file(path)
    assert.equal("nil\n", other())
    file:close()
    for _ = 1, 2 do assert.matches("^file ", other()) end
  end)

  it("gives no lock of a file that has been removed", function()
    local first <close> = core.lock_file(path)
    assert.truthy(first)
    os.remove(path)
    local second <close> = core.lock_file(path)
    assert.truthy(second)
    assert.is_nil(core.lock_file(path))
  end)

  it("raises where there can be no file, or it is only a link", function()
    for place, code in pairs {[path .. "/x"] = "ENOENT", ["/"] = "EISDIR"} do
      local ok, failure = pcall(core.lock_file, place)
      assert.is_false(ok)
      assert.equal(code, failure.code)
      assert.truthy(failure.message:find(place, 1, true))
    end
    lfs.link("/dev/null", path, true)
    assert.is_false(pcall(core.lock_file, path))
    assert.error_matches(function() core.lock_file() end, "string expected")
  end)
end)
