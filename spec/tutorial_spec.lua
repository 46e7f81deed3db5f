--- Everything that the tutorial shows is run, and everything that it points to is there.
local page = require "spec.support.page"

local tutorial = page.read("docs/tutorial.md")

describe("docs/tutorial.md #many", function()
  tutorial:specify(it)

  it("names each of its programs once", function()
    local seen = {}
    for _, program in ipairs(tutorial:programs()) do
      assert.truthy(program.name, program.line)
      assert.is_nil(seen[program.name], program.name)
      seen[program.name] = true
    end
  end)

  it("lists all its chapters, in order", function()
    local list, chapters = {}, {}
    for title in tutorial.text:gmatch("\n%- %[([^%]]+)%]%(#") do list[#list + 1] = title end
    for title in tutorial.text:gmatch("\n## ([^\n]+)") do chapters[#chapters + 1] = title end
    assert.is_true(#list > 15)
    assert.same(list, chapters)
  end)
end)
