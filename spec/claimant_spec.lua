local claimant = require "saros.claimant"

describe("saros.claimant", function()
  -- A process that has started, and the claimant that it made.
  local function start()
    local line = ("exec %s -e 'print(require(\"saros.claimant\").new()) io.stdout:flush() io.read()' 2>&1")
      :format(os.getenv("SAROS_LUA") or "lua5.4")
    local fifo = os.tmpname()
    local pipe = assert(io.popen(("{ %s; } >%s"):format(line, fifo), "w"))
    local text
    repeat
      local file <close> = io.open(fifo)
      text = file:read("l")
    until text
    os.remove(fifo)
    return pipe, text
  end

  it("is not that of another one, in the same process either", function()
    assert.not_equal(claimant.new(), claimant.new())
  end)

  it("is there while its process runs", function()
    assert.is_false(claimant.is_gone(claimant.new()))
    local pipe, text = start()
    assert.is_false(claimant.is_gone(text))
    pipe:close()
    assert.is_true(claimant.is_gone(text))
  end)

  it("is gone when its number is another process's", function()
    local other = claimant.new():gsub("/(%d+)/%x+$", "/1/0123456789abcdef")
    assert.is_true(claimant.is_gone(other))
  end)

  it("may be there if it is another machine's or container's, or a text that says nothing", function()
    assert.is_false(claimant.is_gone("elsewhere@3/4194305/1/0123456789abcdef"))
    local place = claimant.new():match("^[^/]+")
    assert.is_true(claimant.is_gone(place .. "/4194305/1/0123456789abcdef"))
    assert.is_false(claimant.is_gone(place .. "0/4194305/1/0123456789abcdef"))
    assert.is_false(claimant.is_gone("?/?/?/0123456789abcdef"))
    assert.is_false(claimant.is_gone(""))
  end)
end)
