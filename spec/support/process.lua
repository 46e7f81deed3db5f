--- Programs that specs run: starts one, talks to it by signals, waits for its end within a
-- limit, and tells its exit status and output. All are gone when their scope is left:
--
--     local server <close> = process.saros("scripts/examples/echo_streams.lua", "127.0.0.1", "0")
--     local host, port = server:listening()
--     server:signal("SIGINT")
--     assert.equal("exit 0", server:wait(5))
--
-- It works with the shell alone, so that specs of any part can use it. A program is started by a
-- second Lua, whose `os.execute` can tell an exit status from a signal, and which writes down
-- the outcome; `io.popen` starts that one, for a shell's "&" would have its programs ignore
-- SIGINT. The calls here block: in a spec that runs a loop, call them outside of it.

local lfs = require "lfs"
local system = require "system"

local PAUSE = 0.005 -- seconds between two looks
local START_LIMIT = 30 -- a program under valgrind or a sanitizer takes its time
local KILL_LIMIT = 10

-- The second Lua: runs a command line and leaves the outcome in a file. The file gets its name
-- last, so that whoever sees it sees all of it.
local STARTER = [[
local line, path = %q, %q
local _, kind, code = os.execute(line)
local file = assert(io.open(path .. ".new", "w"))
file:write(kind, " ", code)
file:close()
os.rename(path .. ".new", path)
]]

local process = {}

local Process = {}
Process.__index = Process

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- Words as the shell reads them.
-- @tparam {string,...} words
-- @treturn string
function process.quote_all(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = quote(word) end
  return table.concat(quoted, " ")
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

-- Looks again and again until `look` gives something; nil when the time is over.
local function poll(limit, look)
  local deadline = system.monotime() + limit
  while true do
    local result = look()
    if result then return result end
    if system.monotime() >= deadline then return nil end
    system.sleep(PAUSE)
  end
end

local function temporary_folder()
  local pipe = assert(io.popen("mktemp -d"))
  local folder = pipe:read("l")
  pipe:close()
  return assert(folder, "mktemp makes no folder")
end

--- Starts a program, which gets no input.
-- @tparam string ... the program and its arguments
-- @treturn Process
function process.start(...)
  local folder = temporary_folder()
  local self = { folder = folder, command = table.concat({ ... }, " ") }
  -- The shell becomes the program, so its number is the program's.
  local line = ("echo $$ >%s; exec %s >%s 2>%s </dev/null"):format(
    quote(folder .. "/pid"), process.quote_all({ ... }), quote(folder .. "/out"), quote(folder .. "/err"))
  local lua = os.getenv("SAROS_LUA") or "lua5.4"
  self.pipe = assert(io.popen(process.quote_all({ lua, "-e", STARTER:format(line, folder .. "/end") })))
  -- Made later than the pipe, it is finalized earlier, and ends the program for whose end the pipe would wait.
  return setmetatable(self, Process)
end

--- Starts a Lua program under the launcher, with the Lua and the build that are being tested.
-- @tparam string ... the file, or an option of the launcher; and the program's arguments
-- @treturn Process
function process.saros(...)
  return process.start(os.getenv("SAROS_LUA") or "lua5.4", "scripts/saros", ...)
end

--- Runs a program to its end.
-- @tparam number limit seconds
-- @tparam string ... the program and its arguments
-- @treturn string how it ended, as `wait` tells it
-- @treturn string its output
-- @treturn string its error output
function process.run(limit, ...)
  local running <close> = process.start(...)
  local outcome = running:wait(limit)
  return outcome, running:output(), running:errors()
end

--- What the program has written to its output so far.
function Process:output()
  return read(self.folder .. "/out") or self.final_output or ""
end

--- What the program has written to its error output so far.
function Process:errors()
  return read(self.folder .. "/err") or self.final_errors or ""
end

--- The number of the program's process.
function Process:pid()
  self.number = self.number or poll(START_LIMIT, function()
    return tonumber(read(self.folder .. "/pid") or "")
  end)
  return assert(self.number, "the program did not start")
end

-- How the program ended; nil when it did not.
local function outcome(self)
  self.outcome = self.outcome or read(self.folder .. "/end")
  return self.outcome
end

local function complain(self, message)
  error(("%s: %s\noutput: %s\nerrors: %s"):format(
    self.command, message, self:output(), self:errors()), 0)
end

--- Waits until the output matches.
-- @tparam string pattern
-- @tparam[opt] number limit seconds
-- @treturn string ... the captures of the match, or all of it
-- @raise when the program ends first, or the time is over
function Process:expect(pattern, limit)
  local found = poll(limit or START_LIMIT, function()
    local ended = outcome(self)
    if self:output():find(pattern) then return true end
    if ended then complain(self, "it ended without printing " .. pattern .. ": " .. ended) end
  end)
  if not found then complain(self, "it does not print " .. pattern) end
  return self:output():match(pattern)
end

--- Waits for the line in which a server tells where it listens.
-- @treturn string the host
-- @treturn integer the port
function Process:listening()
  local host, port = self:expect("listening on (%S+):(%d+)\n")
  return host, math.tointeger(tonumber(port))
end

--- Sends a signal.
-- @tparam string name such as "SIGINT"
function Process:signal(name)
  if outcome(self) then complain(self, "it has ended already: " .. self.outcome) end
  assert(os.execute(("kill -%s %d"):format(name:gsub("^SIG", ""), self:pid())))
end

--- Waits for the end of the program.
-- @tparam number limit seconds
-- @treturn string "exit 0", or another status, or "signal 15" and the like
-- @raise when the time is over
function Process:wait(limit)
  if not poll(limit, function() return outcome(self) end) then
    complain(self, ("it runs after %g seconds still"):format(limit))
  end
  return self.outcome
end

--- Ends the program, however it is, and removes its files; its output can be read still.
function Process:close()
  if not self.pipe then return end
  if not outcome(self) then
    os.execute(("kill -KILL %d 2>/dev/null"):format(self:pid()))
    poll(KILL_LIMIT, function() return outcome(self) end)
  end
  self.pipe:close()
  self.pipe = nil
  self.final_output, self.final_errors = self:output(), self:errors()
  for name in lfs.dir(self.folder) do
    if name ~= "." and name ~= ".." then os.remove(self.folder .. "/" .. name) end
  end
  lfs.rmdir(self.folder)
end

Process.__close = Process.close
Process.__gc = Process.close

return process
