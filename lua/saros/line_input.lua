--- Lines typed at a terminal, read while a loop goes on.
--
-- With GNU readline lines can be edited and there is a history, which a file keeps from
-- one session to the next. Without it the terminal itself does what editing there is.
--
--     local input = line_input.open(loop)
--     input:start("> ", function(line) ... end)      -- line is nil at the end of the input
--     input:cancel()                                 -- gives up what was typed
--     input:close()
-- @module saros.line_input
-- @local

local core = require "saros.core"

-- Readline's name for the system's loader, the newest first.
local LIBRARIES = {
  "libreadline.so.8", "libreadline.so.7", "libreadline.so", "libreadline.8.dylib", "libreadline.dylib",
}

-- Reads lines as the terminal hands them over; has what core.load_readline gives.
local function plain_editor()
  local typed = ""
  local editor = {}

  function editor.start(prompt)
    io.stdout:write(prompt)
    io.stdout:flush()
  end

  -- The line, false at the end of the input, nil if there is more to come.
  function editor.take()
    local text = core.read_terminal()
    if text then
      typed = typed .. text
    elseif text == false and typed == "" then
      return false
    end
    local line, rest = typed:match("^([^\n]*)\n(.*)")
    if not line and text == false then line, rest = typed, "" end
    if line then typed = rest end
    return line
  end

  function editor.stop() typed = "" end
  function editor.resize() end
  function editor.resume() end
  function editor.remember() end
  function editor.load_history() end
  function editor.save_history() end

  return editor
end

local function find_readline()
  local wanted = os.getenv("SAROS_READLINE")
  if wanted then return wanted ~= "" and core.load_readline(wanted) end
  for _, name in ipairs(LIBRARIES) do
    local editor = core.load_readline(name)
    if editor then return editor end
  end
end

-- The history's file, or nil.
local function history_path()
  local path = os.getenv("SAROS_HISTORY")
  if path then return path ~= "" and path or nil end
  local home = os.getenv("HOME")
  return home and home .. "/.saros_history"
end

local LineInput = {}
LineInput.__index = LineInput

--- Show a prompt and begin to read a line.
-- @tparam string prompt
-- @tparam function on_line called on the loop with the line, or nil at the end of the input
function LineInput:start(prompt, on_line)
  self.on_line = on_line
  self.loop:add_reader(self.terminal, self.on_input, self)
  self.editor.start(prompt)
end

-- Something was typed.
function LineInput:on_input()
  local line = self.editor.take()
  if line == nil then return end
  local on_line = self.on_line
  self:cancel()
  on_line(line or nil)
end

--- Give up the line being read, if there is one.
function LineInput:cancel()
  if not self.on_line then return end
  self.on_line = nil
  self.loop:remove_reader(self.terminal)
  self.editor.stop()
end

--- Add to the history, unless that ends with the same.
-- @tparam string text one line or several
function LineInput:remember(text)
  if text == "" or text == self.remembered then return end
  self.remembered = text
  self.editor.remember(text)
end

--- Put the terminal in order, and save the history.
function LineInput:close()
  self:cancel()
  if self.history then self.editor.save_history(self.history) end
end

local line_input = {}

--- Read lines from the terminal that is the standard input.
-- @tparam EventLoop loop the loop that goes on meanwhile; not closed before `close` was called
-- @treturn LineInput
function line_input.open(loop)
  local self = setmetatable({
    loop = loop,
    editor = find_readline() or plain_editor(),
    history = history_path(),
    -- Watching a descriptor makes it non-blocking, and what was opened once for standard input is often
    -- standard output too: so the terminal is opened again.
    terminal = io.open("/dev/tty") or io.stdin,
  }, LineInput)
  if self.history then self.editor.load_history(self.history) end
  loop:add_signal_handler("SIGWINCH", self.editor.resize)
  loop:add_signal_handler("SIGCONT", self.editor.resume)
  return self
end

return line_input
