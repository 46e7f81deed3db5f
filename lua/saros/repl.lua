--- The REPL of the `saros` command: reads a line, runs it as a task, prints what it gives.
--
-- It looks like that of `lua`, but a line may await, and what was scheduled goes on
-- while the next line is typed. Ctrl-C ends the line that runs, or clears what is typed.
-- @module saros.repl
-- @local

local core = require "saros.core"
local error_text = require "saros.error_text"
local line_input = require "saros.line_input"
local Runner = require("saros.runner").Runner

local CancelledError, KeyboardInterrupt = core.errors.CancelledError, core.errors.KeyboardInterrupt

local CHUNK_NAME = "=stdin"
-- How a syntax error ends that another line may mend.
local INCOMPLETE = "<eof>"

local function show_error(err, traceback)
  io.stderr:write(error_text(err, traceback), "\n")
end

-- The global `name` as a prompt, or its default, as in `lua`.
local function prompt(name, default)
  local value = rawget(_G, name)
  if value == nil then return default end
  local ok, text = pcall(tostring, value)
  return ok and text or default
end

-- Whether a future is done and has failed with this very error.
local function failed_with(future, failure)
  return future:done() and rawequal(select(2, pcall(future.result, future)), failure)
end

local Repl = {}
Repl.__index = Repl

-- Ctrl-C, unless the line's own Lua code is what runs: that is interrupted by the core.
function Repl:on_interrupt()
  self:accept_interrupts()
  if self.task then
    self.interrupted = true
    self.task:cancel()
  elseif self.line and not self.line:done() then
    self.input:cancel()
    self.line:cancel()
    io.stdout:write("\n")
  end
end

-- Each Ctrl-C counts as the first one.
function Repl:accept_interrupts()
  core.set_interrupt_handler(self.loop, self.interrupt, self.task)
end

-- Runs the loop until a future is done, whatever else stops the loop or leaves it.
function Repl:run_until_done(future)
  future:add_done_callback(function() self.loop:stop() end)
  repeat
    local ok, failure = pcall(self.loop.run_forever, self.loop)
    if not ok then
      if not core.is_error(failure, KeyboardInterrupt) then error(failure, 0) end
      if not failed_with(future, failure) then show_error(failure) end -- some other task computed for too long
    end
  until future:done()
end

-- Reads a line. Returns it, nil at the end of the input, false if Ctrl-C cleared it.
function Repl:read_line(text)
  local line = self.loop:create_future()
  self.line = line
  -- On the loop, so that Ctrl-C is the REPL's from the moment the prompt can be seen.
  self.loop:call_soon(function()
    if line:done() then return end -- by a Ctrl-C that came before
    local ok, failure = pcall(self.input.start, self.input, text, function(typed) line:set_result(typed) end)
    if not ok then line:set_exception(failure) end
  end)
  self:run_until_done(line)
  self.line = nil
  if line:cancelled() then return false end
  return line:result()
end

-- Reads the lines that complete a statement. Returns its text, its chunk or nil and a message; or false
-- if Ctrl-C cleared it.
function Repl:complete(text)
  while true do
    local chunk, message = load(text, CHUNK_NAME, "t")
    if chunk or message:sub(-#INCOMPLETE) ~= INCOMPLETE then return text, chunk, message end
    local line = self:read_line(prompt("_PROMPT2", ">> "))
    if line == false then return false end
    if line == nil then return text, nil, message end
    text = text .. "\n" .. line
  end
end

-- Reads a statement or an expression, whose chunk returns its values. Returns what `complete` does; nil at
-- the end of the input.
function Repl:read()
  local line = self:read_line(prompt("_PROMPT", "> "))
  if not line then return line end
  local expression = load("return " .. line:gsub("^=", ""), CHUNK_NAME, "t")
  if expression then return line, expression end
  return self:complete((line:gsub("^=", "return ")))
end

-- Runs a function as a task. Returns what pcall does, and if it failed, the traceback.
function Repl:attempt(fn, ...)
  local task = self.loop:create_task(fn, ...)
  self.task, self.interrupted = task, false
  self:accept_interrupts()
  self:run_until_done(task)
  self.task = nil
  self:accept_interrupts()
  local results = table.pack(pcall(task.result, task))
  if results[1] then return table.unpack(results, 1, results.n) end
  local err = results[2]
  if core.is_error(err, KeyboardInterrupt) or self.interrupted and core.is_error(err, CancelledError) then
    return false, KeyboardInterrupt("interrupted") -- a new one: where it was does not matter
  end
  return false, err, task:traceback()
end

-- Prints what a chunk returned, by the global `print`.
function Repl:show_results(ok, ...)
  if not ok then
    show_error(...)
  elseif select("#", ...) > 0 then
    local printed, err = self:attempt(function(...) _G.print(...) end, ...)
    if printed then return end
    if not core.is_error(err, KeyboardInterrupt) then
      err = ("error calling 'print' (%s)"):format(error_text(err))
    end
    show_error(err)
  end
end

-- Reads, runs and prints until the end of the input.
function Repl:loop_lines()
  while true do
    local text, chunk, message = self:read()
    if text == nil then break end
    if text then
      self.input:remember(text)
      if chunk then
        self:show_results(self:attempt(chunk))
      else
        show_error(message)
      end
    end
  end
  io.stdout:write("\n")
end

-- A loop that never runs but has SIGINT: what is pressed in the moments in which the REPL's own loop does
-- not run must not end the process.
local function swallow_interrupts()
  local guard = core.EventLoop()
  guard:add_signal_handler("SIGINT", function() end)
  return guard
end

-- Replaces os.exit: the terminal may be in the mode in which lines are edited.
local function exit_by_way_of(input)
  local exit = os.exit
  os.exit = function(...) -- luacheck: ignore 122
    input:close()
    return exit(...)
  end
end

local repl = {}

--- Read lines from the terminal and run them until the end of the input; then cancel and
-- await what is left, as `saros.run` does.
-- @raise `KeyboardInterrupt` when Ctrl-C ends the tasks that are left
function repl.run()
  local runner <close> = Runner()
  local loop = runner:get_loop()
  local input = line_input.open(loop)
  exit_by_way_of(input)
  local guard = swallow_interrupts()
  local self = setmetatable({loop = loop, input = input}, Repl)
  self.interrupt = function() self:on_interrupt() end
  self:accept_interrupts()
  local ok, failure = pcall(self.loop_lines, self)
  core.set_interrupt_handler(loop, nil)
  input:close()
  guard:close()
  if not ok then error(failure, 0) end
end

return repl
