--- `saros scheduler`: the service, and the commands that talk to it.
-- @module saros.scheduler_command
-- @local

local core = require "saros.core"
local command_line = require "saros.command_line"

local NAME = "saros scheduler"

local DESCRIPTION = [[
Runs the jobs of FILE, a Lua file that returns a function, which is given a saros.Scheduler, until SIGTERM or
Ctrl-C. SIGHUP reads FILE again.

With a command instead of FILE (status, history, pause, resume, run, cancel) it talks to a service that has a
control socket; "saros scheduler status --help" tells more. A file of such a name is ./status.]]

local COMMANDS = {status = true, history = true, pause = true, resume = true, run = true, cancel = true}

-- Options with a value that is an argument of its own.
local WITH_VALUE = {["--store"] = true, ["--control"] = true, ["--node"] = true, ["--log"] = true, ["--lease"] = true,
  ["--count"] = true}

local scheduler_command = {}

local function complain(message)
  io.stderr:write(NAME, ": ", message, "\n")
end

--- Where the service keeps its states by default: beside the file, with `.db` in place of `.lua`.
-- @tparam string file
-- @treturn string a store's URL
function scheduler_command.default_store(file)
  return "sqlite:" .. file:gsub("%.lua$", "") .. ".db"
end

-- The command, if the first argument that is no option is one, and the other arguments.
local function split(arguments)
  local i = 1
  while arguments[i] and arguments[i]:sub(1, 1) == "-" do
    i = i + (WITH_VALUE[arguments[i]] and 2 or 1)
  end
  if not COMMANDS[arguments[i]] then return nil end
  return arguments[i], table.move(arguments, i + 1, #arguments, i, table.move(arguments, 1, i - 1, 1, {}))
end

local function positive(option)
  return function(text)
    local number = tonumber(text)
    if number and number > 0 and number < math.huge then return number end
    return nil, ("'%s' needs a number above 0, got '%s'"):format(option, text)
  end
end

local function not_empty(option)
  return function(text)
    if text ~= "" then return text end
    return nil, ("'%s' must not be empty"):format(option)
  end
end

local function new_parser()
  local parser = command_line.parser(NAME, DESCRIPTION)
  parser:argument("file", "the jobs file"):args(1)
  parser:option("--store", "where states are kept: memory, sqlite:PATH or postgresql://USER@HOST/DATABASE; by default "
    .. "sqlite: and the name of FILE with .db in place of .lua"):argname("URL"):convert(not_empty("--store"))
  parser:option("--control", "listen for commands on a Unix socket there"):argname("PATH")
    :convert(not_empty("--control"))
  parser:option("--node", "the name of this node, by default the host's"):argname("NAME"):convert(not_empty("--node"))
  parser:option("--log", "how to log on standard error", "text"):choices {"text", "json"}
  parser:option("--lease", "with a database, after how many seconds without a sign of a node its runs are lost")
    :argname("SECONDS"):convert(positive("--lease"))
  return parser
end

local function run_service(given)
  local log = require("saros.service_log").new(given.log)
  local status, problem = require("saros.scheduler_service").run({
    file = given.file,
    store = given.store or scheduler_command.default_store(given.file),
    control = given.control,
    node = given.node or core.host_name(),
    lease = given.lease,
  }, log)
  if not problem then return status end
  if given.log == "text" then complain(problem) else log:say("fatal", problem, {event = "failed"}) end
  return status
end

--- Do what the command line says.
-- @tparam {string,...} arguments the command line after `scheduler`
-- @treturn integer the exit status: 0, 1 if something failed, 2 for bad usage, 130 after Ctrl-C that could
-- stop nothing
function scheduler_command.main(arguments)
  local command, rest = split(arguments)
  if command then return require("saros.control_client").main(NAME, command, rest) end
  local given, status = command_line.read(NAME, new_parser, arguments)
  if not given then return status end
  return run_service(given)
end

return scheduler_command
