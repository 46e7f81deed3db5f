--- The `saros` command on a terminal of its own, for specs: types at it, waits for what it shows.
--
--     local terminal <close> = terminals.saros {SAROS_HISTORY = path}
--     terminal:expect("> $")
--     terminal:type("1 + 1\n")
--     terminal:expect("\n2\n")
--
-- What was expected is behind: the next `expect` looks at what is shown after it.

local pty = require "spec.support.pty"
local system = require "system"

local LIMIT = 30 -- seconds, of which nothing takes more than one unless a sanitizer is at work

local PAUSE = 0.5 -- seconds between presses of a key
local SHOWN_LIMIT = 4000 -- of what it has shown, in messages

local terminals = {}

local Terminal = {}
Terminal.__index = Terminal

-- A command line for env: variables that are false first, as its options come first.
local function set_environment(environment)
  local words = {"env"}
  for name, value in pairs(environment) do
    if value == false then
      words[#words + 1] = "-u"
      words[#words + 1] = name
    end
  end
  for name, value in pairs(environment) do
    if value then words[#words + 1] = name .. "=" .. value end
  end
  return words
end

--- Starts the command. Without a history's file, unless one is given.
-- @tparam[opt] table environment additional variables; false for one that is not to be there
-- @tparam string ... its arguments
-- @treturn Terminal
function terminals.saros(environment, ...)
  local all = {TERM = "dumb", SAROS_HISTORY = ""}
  for name, value in pairs(environment or {}) do all[name] = value end
  local words = set_environment(all)
  words[#words + 1] = os.getenv("SAROS_LUA") or "lua5.4"
  words[#words + 1] = "scripts/saros"
  table.move({...}, 1, select("#", ...), #words + 1, words)
  return setmetatable({pty = pty.spawn(table.unpack(words)), shown = "", all = ""}, Terminal)
end

-- Takes what it has shown, for at most `limit` seconds; false at its end.
local function look(self, limit)
  local text = self.pty:read(limit)
  if text == "" then return false end
  text = text and text:gsub("\r", "") or ""
  self.shown, self.all = self.shown .. text, self.all .. text
  return true
end

local function complain(self, message)
  error(("%s; it showed:\n%s"):format(message, self.all:sub(-SHOWN_LIMIT)), 0)
end

--- Waits until what it shows matches; what is before the end of the match is behind.
-- @tparam string pattern
-- @treturn string ... the captures of the match, or all of it
-- @raise when the time is over, or the command has ended
function Terminal:expect(pattern)
  local deadline = os.time() + LIMIT
  while true do
    local found = table.pack(self.shown:find(pattern))
    if found[1] then
      local text = self.shown:sub(found[1], found[2])
      self.shown = self.shown:sub(found[2] + 1)
      if found.n > 2 then return table.unpack(found, 3, found.n) end
      return text
    end
    if os.time() >= deadline then complain(self, "it does not show " .. pattern) end
    if not look(self, 1) then complain(self, "it ended without showing " .. pattern) end
  end
end

--- Types.
function Terminal:type(text)
  self.pty:write(text)
end

--- Types a line and waits for what it shows before the next prompt, which is behind then.
-- @tparam string line
-- @treturn string without the line itself
function Terminal:run(line)
  self:type(line .. "\n")
  self:expect("^[^\n]*\n")
  return (self:expect("^(.-)> $"))
end

--- Sends a signal.
-- @tparam integer number
function Terminal:signal(number)
  self.pty:kill(number)
end

--- Presses a key again and again until what it shows matches.
-- @tparam string key
-- @tparam string pattern
function Terminal:press_until(key, pattern)
  local deadline = os.time() + LIMIT
  repeat
    self:type(key)
    local pause = system.monotime() + PAUSE
    repeat look(self, PAUSE) until system.monotime() >= pause or self.shown:find(pattern)
    if os.time() >= deadline then complain(self, "it does not show " .. pattern) end
  until self.shown:find(pattern)
  self:expect(pattern)
end

--- Waits until something about the terminal is so.
-- @tparam function condition
function Terminal:wait_until(condition)
  local deadline = os.time() + LIMIT
  while not condition() do
    if os.time() >= deadline then complain(self, "the condition does not come") end
    look(self, 0.01)
  end
end

--- Waits for its end.
-- @treturn string "exit 0", or another status, or "signal 15" and the like
-- @treturn string what it has shown since the last `expect`
-- @raise when the time is over
function Terminal:wait()
  local deadline = os.time() + LIMIT
  while look(self, 1) do
    if os.time() >= deadline then complain(self, "it does not end") end
  end
  local outcome = self.pty:wait(LIMIT)
  if not outcome then complain(self, "it does not end") end
  return outcome, self.shown
end

--- Ends the command, however it is.
function Terminal:close()
  self.pty:close()
end

Terminal.__close = Terminal.close

return terminals
