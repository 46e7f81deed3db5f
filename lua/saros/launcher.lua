--- The `saros` command: runs a script that may await anywhere.
--
-- A script's main chunk starts as plain Lua, so one that sets a policy or calls
-- `saros.run` behaves as under `lua`. The first time it needs a running loop instead
-- (it sleeps, awaits, creates a task), it becomes the main task of one, made by the
-- policy, and goes on. When it ends, what is still scheduled on the loop runs to
-- completion.
-- @module saros.launcher
-- @local

local core = require "saros.core"
local saros = require "saros"
local policy = require "saros.policy"
local shut_down = require("saros.runner").shut_down

local KeyboardInterrupt, RuntimeError = core.errors.KeyboardInterrupt, core.errors.RuntimeError

local USAGE = [[
usage: saros FILE [ARGS...]
       saros --version
       saros --help

Runs FILE, a Lua script in which awaiting works anywhere, with ARGS in `arg` as `lua` sets it.
FILE may be - for standard input. What the script leaves scheduled runs to completion.
]]

-- Exit statuses: what the shell expects.
local OK, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130

local launcher = {}

local function complain(text)
  io.stderr:write("saros: ", text, "\n")
end

-- What `lua` prints for an error, whatever the error's metamethods do.
local function describe(err)
  if type(err) == "string" or type(err) == "number" then return tostring(err) end
  local metatable = debug.getmetatable(err)
  if metatable and metatable.__tostring then
    local ok, text = pcall(tostring, err)
    if ok then return text end
  end
  return ("(error object is a %s value)"):format(type(err))
end

-- Writes what went wrong as `lua` does: the message, then where it came from.
local function report(err, traceback)
  if core.is_error(err) then traceback = err.traceback end
  local text = describe(err)
  complain(traceback and text .. "\n" .. tostring(traceback) or text)
end

-- One run of a script. `loop` is its loop, once it has one; `interrupt` the error that stands for the
-- first Ctrl-C.
local Run = {}
Run.__index = Run

-- Makes the loop of a script that needs one. Callbacks that it scheduled before, on the current loop,
-- are to run as well: so that is the loop, if it is there.
function Run:new_loop()
  local current = policy.default_loop()
  local loop = current and not current:is_closed() and current or policy.new_event_loop()
  core.set_interrupt_handler(loop, function() self:on_interrupt() end)
  self.loop = loop
  return loop
end

-- The first SIGINT cancels the script, as in `saros.run`; once it has ended, what it left is next.
function Run:on_interrupt()
  self.interrupt = KeyboardInterrupt("interrupted")
  local script = core.script_task()
  if not (script and not script:done() and script:cancel()) then error(self.interrupt, 0) end
end

-- Runs the chunk until it ended and, if it needed a loop, nothing is left on that.
function Run:run_script(chunk, ...)
  local called, ok, err, traceback = pcall(core.run_script, function() return self:new_loop() end, chunk, ...)
  if not called then return false, ok end -- it yielded, and no loop was there
  local script = core.script_task()
  if ok and script and not script:done() then
    return false, RuntimeError("the loop was stopped before the script ended")
  end
  return ok, err, traceback
end

-- A script in callback style scheduled something and left the running to us. One that ran its loop
-- itself has ended it as it meant to.
function Run:run_callbacks()
  local loop = policy.default_loop()
  if not loop or loop:is_closed() then return true end
  self.loop = loop
  if loop:stats().iterations > 0 then return true end
  core.set_interrupt_handler(loop, function() self:on_interrupt() end)
  return pcall(loop.run, loop)
end

-- Ends what is left on the loop: its tasks are cancelled and may clean up, as in `saros.run`, unless
-- the user's patience is over. Returns whether that went well, or the error.
function Run:shut_down(err)
  local loop = self.loop
  if not loop or loop:is_closed() then return true end
  core.set_interrupt_handler(loop, nil)
  local ok, failure = true, nil
  if err == self.interrupt or not core.is_error(err, KeyboardInterrupt) then
    ok, failure = pcall(shut_down, loop)
  end
  local closed, close_failure = pcall(loop.close, loop)
  if ok and not closed then return false, close_failure end
  return ok, failure
end

-- Runs the chunk, then what it left on its loop; returns whether all went well, the error and its traceback.
local function run(chunk, ...)
  local self = setmetatable({}, Run)
  local ok, err, traceback = self:run_script(chunk, ...)
  if ok and not self.loop then ok, err = self:run_callbacks() end
  local ended, failure = self:shut_down(err)
  if ok and not ended then ok, err = false, failure end
  if not ok and self.interrupt and core.is_error(err, core.errors.CancelledError) then
    err = self.interrupt
  end
  return ok, err, traceback
end

-- The script's arguments as `lua` gives them: the script's name at 0, what came before at negative indices.
local function script_arguments(arguments)
  local shifted = {}
  for index, value in pairs(arguments) do
    if math.type(index) == "integer" then shifted[index - 1] = value end
  end
  return shifted
end

local function run_file(arguments)
  local file = arguments[1]
  local chunk, message
  if file == "-" then
    chunk, message = loadfile()
  else
    chunk, message = loadfile(file)
  end
  if not chunk then
    complain(message)
    return FAILED
  end
  _G.arg = script_arguments(arguments)
  local ok, err, traceback = run(chunk, table.unpack(_G.arg))
  if ok then return OK end
  if core.is_error(err, KeyboardInterrupt) then return INTERRUPTED end
  report(err, traceback)
  return FAILED
end

local function version()
  return ("saros %s (%s, libuv %s, %s)"):format(saros._VERSION, _VERSION, core.uv_version, core.poll_backend)
end

--- Do what the command line says.
-- @tparam {string,...} arguments the command line, as in the global `arg`
-- @treturn integer the exit status: 0, 1 for a script's error, 2 for bad usage, 130 after Ctrl-C
function launcher.main(arguments)
  local first = arguments[1]
  if first == nil then
    io.stderr:write(USAGE)
    return BAD_USAGE
  end
  if first == "--help" or first == "-h" then
    io.stdout:write(USAGE)
    return OK
  end
  if first == "--version" or first == "-v" then
    print(version())
    return OK
  end
  if first ~= "-" and first:sub(1, 1) == "-" then
    complain(("unknown option '%s'"):format(first))
    io.stderr:write(USAGE)
    return BAD_USAGE
  end
  return run_file(arguments)
end

return launcher
