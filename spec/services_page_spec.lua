--- Everything that docs/services.md shows is done, in order, and everything that it points to is there.
local page = require "spec.support.page"
local session = require "spec.support.session"

local services = page.read("docs/services.md")

describe("docs/services.md", function()
  it("shows what happens, command by command", function()
    assert.is_true(#session.read("docs/services.md"):check() > 25)
  end)

  it("points to what is there", function()
    assert.is_true(services:check_links() > 8)
  end)

  it("lists all its chapters, in order", function()
    local list, chapters = {}, {}
    for title in services.text:gmatch("\n%- %[([^%]]+)%]%(#") do list[#list + 1] = title end
    for title in services.text:gmatch("\n## ([^\n]+)") do chapters[#chapters + 1] = title end
    assert.same(list, chapters)
  end)
end)
