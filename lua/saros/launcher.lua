--- The `saros` command: what its command line asks for.
--
-- A script (`saros.script`) from a file, from standard input or from the command line
-- itself, the REPL (`saros.repl`), or a command of its own. Meanwhile SIGUSR1 prints who awaits whom.
-- @module saros.launcher
-- @local

local core = require "saros.core"
local saros = require "saros"
local error_text = require "saros.error_text"
local script = require "saros.script"

local USAGE = [[
usage: saros
       saros FILE [ARGS...]
       saros -e CODE [ARGS...]
       saros cron "EXPRESSION" [--timezone TZ] [--count N]
       saros scheduler FILE [--store URL] [--control PATH] [--node NAME] [--log text|json]
       saros scheduler status|history|pause|resume|run|cancel [NAME] --control PATH
       saros --version
       saros --help

Runs FILE, a Lua script in which awaiting works anywhere, with ARGS in `arg` as `lua` sets it.
FILE may be - for standard input. What the script leaves scheduled runs to completion.
-e runs CODE in the same way; `saros` is a global there.

Without arguments it reads lines from the terminal, runs each and prints what it gives; awaiting
works there, and tasks go on meanwhile. If standard input is no terminal, that is the script.

cron prints when a cron expression runs next, scheduler runs the jobs of a file as a service and
talks to it; `saros cron --help` and `saros scheduler --help` tell more. A script of such a name is
`saros ./cron`.

  SAROS_HISTORY   file with the lines typed before, ~/.saros_history by default; empty for none
  SAROS_READLINE  the library that edits lines, GNU readline by default; empty for none

SIGUSR1 prints the tree of tasks. Ctrl-C cancels the script; pressed again, it ends it.
]]

-- Exit statuses: what the shell expects.
local OK, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130

-- How far the command line is shifted for `arg`, so that what follows the script is at 1.
local FILE_SHIFT, CODE_SHIFT = 1, 2

local launcher = {}

local function complain(text)
  io.stderr:write("saros: ", text, "\n")
end

local function refuse(text)
  complain(text)
  io.stderr:write(USAGE)
  return BAD_USAGE
end

-- The exit status for what a run returned: whether all went well, the error and its traceback.
local function status_of(ok, err, traceback)
  if ok then return OK end
  if core.is_error(err, core.errors.KeyboardInterrupt) then return INTERRUPTED end
  complain(error_text(err, traceback))
  return FAILED
end

-- The script's arguments as `lua` gives them: the script at 0, what came before at negative indices.
local function script_arguments(arguments, shift)
  local shifted = {}
  for index, value in pairs(arguments) do
    if math.type(index) == "integer" then shifted[index - shift] = value end
  end
  return shifted
end

-- Runs what `load` gave, a chunk or nil and a message.
local function run_chunk(arguments, shift, chunk, message)
  if not chunk then
    complain(message)
    return FAILED
  end
  _G.arg = script_arguments(arguments, shift)
  return status_of(script.run(chunk, table.unpack(_G.arg)))
end

local function run_code(arguments)
  local code = arguments[2]
  if not code then return refuse("'-e' needs code to run") end
  _G.saros = saros
  return run_chunk(arguments, CODE_SHIFT, load(code, "=(command line)"))
end

local function run_file(arguments)
  local file = arguments[1]
  if file == "-" then return run_chunk(arguments, FILE_SHIFT, loadfile()) end
  return run_chunk(arguments, FILE_SHIFT, loadfile(file))
end

local function version()
  return ("saros %s (%s, libuv %s, %s)"):format(saros._VERSION, _VERSION, core.uv_version, core.poll_backend)
end

local function run_input(arguments)
  if not core.is_terminal() then return run_chunk(arguments, 0, loadfile()) end
  print(version())
  _G.saros = saros
  return status_of(pcall(require("saros.repl").run))
end

local function print_usage()
  io.stdout:write(USAGE)
  return OK
end

local function print_version()
  print(version())
  return OK
end

local OPTIONS = {
  ["-"] = run_file,
  ["-e"] = run_code,
  ["-h"] = print_usage,
  ["--help"] = print_usage,
  ["-v"] = print_version,
  ["--version"] = print_version,
}

-- The module of each command; its `main` is given what follows the name, and returns the exit status.
local COMMANDS = {
  cron = "saros.cron_command",
  scheduler = "saros.scheduler_command",
}

local function run_command(arguments)
  return require(COMMANDS[arguments[1]]).main(table.move(arguments, 2, #arguments, 1, {}))
end

local function print_tasks()
  if saros.print_tasks then saros.print_tasks() end
end

--- Do what the command line says.
-- @tparam {string,...} arguments the command line, as in the global `arg`
-- @treturn integer the exit status: 0, 1 for a script's error, 2 for bad usage, 130 after Ctrl-C
function launcher.main(arguments)
  core.open_standard_streams()
  core.set_inspector(print_tasks)
  local first = arguments[1]
  if first == nil then return run_input(arguments) end
  if OPTIONS[first] then return OPTIONS[first](arguments) end
  if first:sub(1, 1) == "-" then return refuse(("unknown option '%s'"):format(first)) end
  if COMMANDS[first] then return run_command(arguments) end
  return run_file(arguments)
end

return launcher
