--- The `saros` command: runs a script that may await anywhere.
--
-- A script's main chunk starts as plain Lua, so one that sets a policy or calls
-- `saros.run` behaves as under `lua`. The first time it needs a running loop instead
-- (it sleeps, awaits, creates a task), it becomes the main task of one, made by the
-- policy, and goes on. When it ends, what is still scheduled on the loop runs to
-- completion.
-- @module saros.launcher

local core = require "saros.core"
local saros = require "saros"

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

-- Writes what went wrong as `lua` does: the message, then where it came from.
local function report(err, traceback)
  local text = tostring(err)
  if core.is_error(err) then
    traceback = err.traceback
  elseif type(err) ~= "string" and not (getmetatable(err) or {}).__tostring then
    text = ("(error object is a %s value)"):format(type(err))
  end
  complain(traceback and text .. "\n" .. traceback or text)
end

-- The first SIGINT cancels the script, as in `saros.run`; once it has ended there is nothing left to ask.
local function on_interrupt()
  local script = core.script_task()
  if script and not script:done() then
    script:cancel()
  else
    error(core.errors.KeyboardInterrupt("interrupted"))
  end
end

-- Runs the chunk, then what it left on its loop; returns whether all went well, the error and its traceback.
local function run(chunk, ...)
  local loop, interrupted
  local function new_loop()
    loop = saros.new_event_loop()
    core.set_interrupt_handler(loop, function()
      interrupted = true
      on_interrupt()
    end)
    return loop
  end

  local ok, err, traceback = core.run_script(new_loop, chunk, ...)
  if ok and not loop then
    -- A script in callback style: it scheduled something and left the running to us.
    local default = require("saros.policy").default_loop()
    if default and not default:is_closed() then
      ok, err = pcall(default.run, default)
      loop = default
    end
  end
  if loop then
    local closed, failure = pcall(loop.close, loop)
    if ok and not closed then ok, err = false, failure end
  end
  if not ok and interrupted and core.is_error(err, core.errors.CancelledError) then
    err = core.errors.KeyboardInterrupt("interrupted")
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
  if core.is_error(err, core.errors.KeyboardInterrupt) then return INTERRUPTED end
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
