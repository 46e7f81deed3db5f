--- Pages of documentation: what they show is run, and what they point to is there.
--
--     local tutorial = page.read("docs/tutorial.md")
--     describe(tutorial.path, function() tutorial:specify(it) end)
--
-- A block of ```lua is a whole program. The block of ```text that follows is its output, and it writes no
-- errors. Its first line may be a comment with the name of its file: `-- greet.lua`. A block of ```console
-- has commands, which begin with `$ `, each with what it writes to the terminal, errors included; the named
-- programs are in the folder in which they run. There, a line `...` stands for any lines, and `...` in a line for
-- anything.

local assert = require "luassert"
local lfs = require "lfs"
local process = require "spec.support.process"

local LIMIT = 20 -- seconds

local Page = {}
Page.__index = Page

local page = {}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

--- Make a page.
-- @tparam string path from the project's folder
-- @tparam string text
-- @treturn Page with the fields `path` and `text`
function page.new(path, text)
  return setmetatable({path = path, text = text}, Page)
end

--- Read a page.
-- @tparam string path from the project's folder
-- @treturn Page
function page.read(path)
  return page.new(path, read(path))
end

--- The fenced blocks in order.
-- @treturn {table,...} tables of `kind`, `text` and `line`, the number of the first line in the page
function Page:blocks()
  local list, open = {}, nil
  for number, line in ipairs(lines_of(self.text .. "\n")) do
    local fence = line:match("^```(.*)")
    if fence and open then
      open.text = table.concat(open, "\n") .. "\n"
      list[#list + 1], open = open, nil
    elseif fence then
      open = {kind = fence, line = number + 1}
    elseif open then
      open[#open + 1] = line
    end
  end
  assert(not open, "a block is not closed")
  return list
end

--- The programs, each with its output.
-- @treturn {table,...} tables of `code`, `line`, and, where they are there, `name` and `output`
function Page:programs()
  local list, blocks = {}, self:blocks()
  for i, block in ipairs(blocks) do
    if block.kind == "lua" then
      local following = blocks[i + 1]
      list[#list + 1] = {
        code = block.text,
        line = block.line,
        name = block.text:match("^%-%- ([%w_]+%.lua)\n"),
        output = following and following.kind == "text" and following.text or nil,
      }
    end
  end
  return list
end

--- The commands, each with what it prints.
-- @treturn {table,...} tables of `command`, `output` and `line`
function Page:commands()
  local list = {}
  for _, block in ipairs(self:blocks()) do
    if block.kind == "console" then
      for number, line in ipairs(lines_of(block.text)) do
        local command = line:match("^%$ (.*)")
        if command then
          list[#list + 1] = {command = command, output = "", line = block.line + number - 1}
        else
          local last = assert(list[#list], "a block of commands begins with an output")
          last.output = last.output .. line .. "\n"
        end
      end
    end
  end
  return list
end

-- Whether a line is as expected, where `...` stands for anything.
local function is_line(expected, actual)
  if actual == nil then return false end
  local pattern = expected:gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".*")
  return actual:find("^" .. pattern .. "$") ~= nil
end

-- Whether lines match from some point on, where `...` stands for any number of them.
local function match_from(expected, i, actual, j)
  while expected[i] do
    if expected[i] == "..." then
      for skip = j, #actual + 1 do
        if match_from(expected, i + 1, actual, skip) then return true end
      end
      return false
    end
    if not is_line(expected[i], actual[j]) then return false end
    i, j = i + 1, j + 1
  end
  return actual[j] == nil
end

--- Whether a text is as the page shows it.
-- @tparam string expected where a line `...` stands for any lines, and `...` in a line for anything
-- @tparam string actual
-- @treturn boolean
function page.matches(expected, actual)
  return match_from(lines_of(expected), 1, lines_of(actual), 1)
end

-- The command `saros` as a terminal shows it: each line of output at once, so that errors are in their place.
local SAROS = [[
#!/bin/sh
exec "$SAROS_LUA" -e 'io.stdout:setvbuf("line")' %q "$@"
]]

local BUSTED = [[
#!/bin/sh
exec "$SAROS_LUA" %q "$@"
]]

-- A folder with the named programs and the commands; it goes when the scope of the result is left.
local function make_folder(self)
  local pipe = assert(io.popen("mktemp -d"))
  local path = assert(pipe:read("l"), "mktemp makes no folder")
  pipe:close()
  local folder = setmetatable({path = path}, {__close = function() os.execute("rm -rf '" .. path .. "'") end})
  for _, program in ipairs(self:programs()) do
    if program.name then write(path .. "/" .. program.name, program.code) end
  end
  local here = lfs.currentdir()
  assert(lfs.mkdir(path .. "/bin"))
  write(path .. "/bin/saros", SAROS:format(here .. "/scripts/saros"))
  write(path .. "/bin/busted", BUSTED:format(here .. "/spec/support/busted.lua"))
  assert(os.execute(("chmod +x '%s/bin/saros' '%s/bin/busted'"):format(path, path)))
  return folder
end

-- Runs a line of the shell in a folder.
local function run_in(folder, line)
  -- Debug mode has more to say.
  local script = ("unset SAROS_DEBUG; cd '%s' && PATH=\"$PWD/bin:$PATH\" && %s"):format(folder.path, line)
  return process.run(LIMIT, "env", "SAROS_LUA=" .. (os.getenv("SAROS_LUA") or "lua5.4"), "sh", "-c", script)
end

--- Run a program as the page shows it, and compare.
-- @tparam table program one of `programs`, which has an output
function Page:check_program(program)
  local folder <close> = make_folder(self)
  local name = program.name or "program.lua"
  write(folder.path .. "/" .. name, program.code)
  local outcome, output, errors = run_in(folder, "saros " .. name)
  assert.equal("", errors)
  assert.equal("exit 0", outcome)
  assert.equal(program.output, output)
end

--- Run a command as the page shows it, and compare.
-- @tparam table command one of `commands`
function Page:check_command(command)
  local folder <close> = make_folder(self)
  local _, output = run_in(folder, "{ " .. command.command .. "\n} 2>&1")
  if not page.matches(command.output, output) then assert.equal(command.output, output) end
end

-- Whether a program without an output of its own is run by a command, or by another program.
local function is_used(self, program)
  if not program.name then return false end
  for _, command in ipairs(self:commands()) do
    if command.command:find(program.name, 1, true) then return true end
  end
  local module = program.name:match("^(.*)%.lua$")
  for _, other in ipairs(self:programs()) do
    if other.code:find(('require "%s"'):format(module), 1, true) then return true end
  end
  return false
end

-- What the web makes of a heading.
local function anchor_of(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

local function anchors(text)
  local set = {}
  for heading in ("\n" .. text):gmatch("\n#+ ([^\n]+)") do set[anchor_of(heading)] = true end
  return set
end

--- Check that what the page links to is there: files, and headings in pages.
-- @treturn integer how many links there are
function Page:check_links()
  local count = 0
  local folder = self.path:match("^(.*/)") or ""
  for target in self.text:gmatch("%]%(([^)]+)%)") do
    if not target:find("^%l+:") then
      local path, anchor = target:match("^([^#]*)#?(.*)$")
      local file, text = folder .. path, self.text
      if path ~= "" then
        assert.truthy(lfs.attributes(file), target)
        text = anchor ~= "" and read(file)
      end
      if anchor ~= "" then assert.truthy(anchors(text)[anchor], target) end
    end
    count = count + 1
  end
  return count
end

--- Make a spec for each program, to be called inside a `describe`.
-- @tparam function it busted's, which it gives to spec files alone
function Page:specify_programs(it)
  for i, program in ipairs(self:programs()) do
    local name = program.name or "program " .. i
    if program.output then
      it(("shows what %s prints (line %d)"):format(name, program.line), function() self:check_program(program) end)
    else
      it(("runs %s (line %d)"):format(name, program.line), function()
        assert.is_true(is_used(self, program), "no output follows, and nothing else runs it")
      end)
    end
  end
end

--- Make a spec for each program, each command and the links, to be called inside a `describe`.
-- @tparam function it busted's, which it gives to spec files alone
function Page:specify(it)
  self:specify_programs(it)
  for _, command in ipairs(self:commands()) do
    it(("shows what '%s' prints (line %d)"):format(command.command, command.line), function()
      self:check_command(command)
    end)
  end
  it("points to what is there", function() self:check_links() end)
end

return page
