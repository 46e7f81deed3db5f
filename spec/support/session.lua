--- Pages of documentation that are one story: their commands are run in order, in one folder.
--
--     local services = session.read("docs/services.md")
--     services:check()
--
-- A block of ```lua whose first line is a comment with its name, `-- jobs.lua`, is written to the folder when
-- the story has come to it. A command that ends with `&` goes on in the background, until there is one in
-- another block, or the end of the story; `$!` is the process of the last one. What a command prints is as the
-- page shows it, numbers and the width of columns apart, and `...` as in spec.support.page. One that only looks
-- is run again until that is so, because what it looks at takes its time.
--
-- Nothing is done to the machine: `sudo` makes no difference, /etc, /run and /var are in the folder, and systemctl and
-- journalctl are spec/support/systemctl.sh. The database server of a page, db.example, is one of the story's
-- own.

local assert = require "luassert"
local lfs = require "lfs"
local page = require "spec.support.page"
local postgresql = require "spec.support.postgresql"
local process = require "spec.support.process"
local system = require "system"

local LIMIT = 60 -- seconds
local PAUSE = 0.05

local LOOKS = {"^saros scheduler status", "^saros scheduler history", "^sudo saros scheduler status", "^cat ", "^tail ",
  "^journalctl ", "^ls "}

local session = {}

local Session = {}
Session.__index = Session

--- Read a page.
-- @tparam string path
function session.read(path)
  return setmetatable({page = page.read(path)}, Session)
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

-- What differs from one run to the next is the same.
local function normalize(text)
  return (text:gsub("%d+", "N"):gsub(" +", " "):gsub(" \n", "\n"))
end

local function is_as_shown(expected, actual)
  return page.matches(normalize(expected), normalize(actual))
end

local PROGRAM = '#!/bin/sh\nexec %s "$@"\n'

local function add_program(folder, name, command)
  write(folder .. "/bin/" .. name, PROGRAM:format(command))
  assert(os.execute(("chmod +x '%s/bin/%s'"):format(folder, name)))
end

-- The folder of a story, which goes with its processes.
local function make_folder()
  local pipe <close> = assert(io.popen("mktemp -d"))
  local folder = assert(pipe:read("l"), "mktemp makes no folder")
  local here = lfs.currentdir()
  for _, name in ipairs {"bin", "etc", "etc/saros", "etc/systemd", "etc/systemd/system", "run", "var"} do
    assert(lfs.mkdir(folder .. "/" .. name))
  end
  add_program(folder, "saros", ("\"$SAROS_LUA\" '%s/scripts/saros'"):format(here))
  add_program(folder, "sudo", "env")
  for _, name in ipairs {"systemctl", "journalctl"} do
    add_program(folder, name, ("sh '%s/spec/support/systemctl.sh' %s"):format(here, name))
  end
  assert(lfs.link(here .. "/docs", folder .. "/docs", true))
  return folder
end

-- The page's server is there when it is needed.
local function with_server(story, line)
  if not line:find("db.example", 1, true) then return line end
  story.server = story.server or postgresql.start()
  local url = story.server.url:gsub("/postgres$", "/"):gsub("%%", "%%%%")
  local createdb = ("%screatedb --host %s --username postgres"):format(story.server.programs, story.server.folder)
  line = line:gsub("postgresql://saros@db%.example/", url)
  return (line:gsub("createdb %-%-host db%.example %-%-username saros", createdb))
end

local function run(story, line)
  line = with_server(story, line):gsub("/etc/", story.folder .. "/etc/"):gsub("/run/", story.folder .. "/run/")
  if story.background then line = line:gsub("%$!", story.background) end
  local script = ("unset SAROS_DEBUG; cd '%s' && { %s\n} 2>&1"):format(story.folder, line)
  local _, output = process.run(LIMIT, "env", "SAROS_LUA=" .. (os.getenv("SAROS_LUA") or "lua5.4"),
    "ROOT=" .. story.folder, ("PATH=%s/bin:%s"):format(story.folder, os.getenv("PATH")), "sh", "-c", script)
  return output
end

local function until_true(condition, what)
  local limit = system.monotime() + LIMIT
  while not condition() do
    assert.is_true(system.monotime() < limit, what)
    system.sleep(PAUSE)
  end
end

local function end_background(story)
  for _, pid in ipairs(story.processes) do
    run(story, ("kill %s 2>/dev/null; while kill -0 %s 2>/dev/null; do sleep 0.05; done"):format(pid, pid))
  end
  story.processes = {}
end

-- Starts what goes on in the background; when its control socket is there, one can go on.
local function start(story, line)
  story.background = nil -- `$!` is the shell's own now
  story.background = run(story, line .. " echo $!"):match("^(%d+)\n$")
  table.insert(story.processes, story.background)
  local control = line:match("%-%-control (%S+)")
  if not control then return end
  until_true(function() return lfs.attributes(story.folder .. "/" .. control) end, line .. " makes no socket")
end

local function only_looks(line)
  for _, pattern in ipairs(LOOKS) do
    if line:find(pattern) then return true end
  end
  return false
end

local function goes_on(command)
  return command.command:sub(-1) == "&"
end

local function perform(story, command)
  local line = command.command
  if goes_on(command) then return start(story, line) end
  local limit = system.monotime() + LIMIT
  while true do
    local output = run(story, line)
    if is_as_shown(command.output, output) then return end
    if not only_looks(line) or system.monotime() > limit then
      assert.equal(("line %d: $ %s\n%s"):format(command.line, line, command.output), output)
    end
    system.sleep(PAUSE)
  end
end

local function perform_block(story, block, done)
  local commands = page.new("", ("```console\n%s```\n"):format(block.text)):commands()
  for _, command in ipairs(commands) do
    if goes_on(command) then end_background(story) end
  end
  for _, command in ipairs(commands) do
    command.line = command.line + block.line - 2
    perform(story, command)
    done[#done + 1] = command.command
  end
end

local function clean_up(story)
  run(story, "systemctl stop all")
  for _, pid in ipairs(story.processes) do run(story, ("kill -KILL %s 2>/dev/null"):format(pid)) end
  if story.server then story.server:stop() end
  os.execute(("rm -rf '%s'"):format(story.folder))
end

--- Do all that the page tells to do.
-- @treturn {string,...} the commands
function Session:check()
  local story <close> = setmetatable({folder = make_folder(), processes = {}}, {__close = clean_up})
  local done = {}
  for _, block in ipairs(self.page:blocks()) do
    local name = block.kind == "lua" and block.text:match("^%-%- ([%w_]+%.lua)\n")
    if name then
      write(story.folder .. "/" .. name, block.text)
    elseif block.kind == "console" then
      perform_block(story, block, done)
    end
  end
  return done
end

return session
