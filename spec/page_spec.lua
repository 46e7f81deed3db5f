--- The specs of pages are only worth something if a page that is wrong fails them.
local page = require "spec.support.page"

-- A page of blocks: kind, text, kind, text, ...
local function page_of(...)
  local parts = {}
  for i = 1, select("#", ...), 2 do
    local kind, text = select(i, ...)
    parts[#parts + 1] = ("```%s\n%s\n```\n"):format(kind, text)
  end
  return page.new("docs/page.md", table.concat(parts, "\ntext\n\n"))
end

-- The specs that a page makes, run: names of those that failed.
local function failures(of)
  local failed = {}
  of:specify(function(name, fn)
    if not pcall(fn) then failed[#failed + 1] = name end
  end)
  return failed
end

local GREET = "-- greet.lua\nprint('hello')"

describe("spec.support.page #many", function()
  it("finds nothing wrong with what is right", function()
    local of = page_of("lua", GREET, "text", "hello", "console", "$ saros greet.lua\nhello\n$ echo 1\n1")
    assert.same({}, failures(of))
    assert.equal(1, #of:programs())
    assert.equal(2, #of:commands())
  end)

  it("compares the output of programs", function()
    assert.same({"shows what greet.lua prints (line 2)"}, failures(page_of("lua", GREET, "text", "hello, you")))
  end)

  it("accepts no errors of a program whose output is shown", function()
    for _, code in ipairs {"io.stderr:write('no')", "os.exit(3)", "error('no')"} do
      assert.equal(1, #failures(page_of("lua", GREET .. " " .. code, "text", "hello")), code)
    end
  end)

  it("compares what commands write, errors included", function()
    local command = "$ saros greet.lua; echo no >&2\nhello"
    assert.equal(1, #failures(page_of("lua", GREET, "console", command)))
    assert.same({}, failures(page_of("lua", GREET, "console", command .. "\nno")))
  end)

  it("wants each program to be run", function()
    assert.equal(1, #failures(page_of("lua", GREET)))
    assert.equal(1, #failures(page_of("lua", GREET, "console", "$ echo 1\n1")))
    local main = "-- main.lua\nrequire \"greet\""
    assert.same({}, failures(page_of("lua", GREET, "lua", main, "text", "hello")))
  end)

  it("follows links to files and headings", function()
    local text = "# One heading, and `more`\n[a](#one-heading-and-more)\n" ..
      "[b](architecture.md#one-iteration) [c](../README.md)"
    assert.equal(3, page.new("docs/page.md", text):check_links())
    for _, target in ipairs {"#another", "nowhere.md", "architecture.md#nothing"} do
      local of = page.new("docs/page.md", ("# One\n[a](%s)\n"):format(target))
      assert.has_error(function() of:check_links() end)
    end
  end)

  it("takes three dots for anything", function()
    assert.is_true(page.matches("a\n...\nb\n", "a\n1\n2\nb\n"))
    assert.is_true(page.matches("a\n...\nb\n", "a\nb\n"))
    assert.is_true(page.matches("took ... s (ok)\n", "took 1.5 s (ok)\n"))
    assert.is_false(page.matches("took ... s\n", "took 1.5 m\n"))
    assert.is_false(page.matches("a\n...\nb\n", "a\n1\n"))
    assert.is_false(page.matches("a.b\n", "axb\n"))
    assert.is_false(page.matches("a\n", "a\nb\n"))
  end)
end)
