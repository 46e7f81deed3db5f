--- The commands that talk to the service of a scheduler, such as `saros scheduler status`.
-- @module saros.control_client
-- @local

local core = require "saros.core"
local command_line = require "saros.command_line"
local failure_text = require "saros.failure_text"
local json = require "saros.json"
local runner = require "saros.runner"
local status_table = require "saros.status_table"
local streams = require "saros.streams"
local wait_for = require "saros.wait_for".wait_for

local errors, is_error = core.errors, core.is_error

local OK, FAILED, INTERRUPTED = 0, 1, 130

local TIME_LIMIT = 30 -- seconds
local WATCH_INTERVAL = 1
local STDOUT = 1

local control_client = {}

-- ---- asking ----

local function fail(message, ...)
  error(errors.RuntimeError(message:format(...)))
end

local REASONS = {
  ENOENT = "there is no such socket",
  ECONNREFUSED = "what is there was left by one that is gone, or is no socket",
  EACCES = "the socket is another user's",
}

local function connect(path)
  local ok, reader, writer = pcall(streams.open_unix_connection, path)
  if ok then return reader, writer end
  if not is_error(reader, errors.OSError) then error(reader, 0) end
  fail("no service can be reached at %s: %s", path, REASONS[reader.code] or reader.message)
end

local function exchange(path, request)
  local reader, writer = connect(path)
  local _ <close> = writer
  writer:write(json.encode(request) .. "\n")
  writer:write_eof()
  return reader:read()
end

-- Whether it is an answer of the control socket's protocol.
local function is_answer(response)
  if type(response) ~= "table" then return false end
  if response.ok then return type(response.result) == "table" end
  return type(response.error) == "string"
end

-- The result of a request.
local function ask(path, request)
  local ok, text = pcall(wait_for, exchange, TIME_LIMIT, path, request)
  if not ok then
    if is_error(text, errors.TimeoutError) then fail("the service at %s does not answer", path) end
    if is_error(text, errors.OSError) then fail("the service at %s is gone: %s", path, text.message) end
    error(text, 0)
  end
  local is_json, response = json.decode(text or "")
  if not is_json or not is_answer(response) then fail("the service at %s gives no answer", path) end
  if not response.ok then fail("%s", response.error) end
  return response.result
end

-- ---- commands ----

-- Whoever read the output may be gone.
local function print_text(text)
  return io.stdout:write(text) and io.stdout:flush()
end

local function status_text(given, result)
  if given.json then return json.encode(result) .. "\n" end
  return status_table.jobs(result.jobs)
end

-- On a terminal each text takes the place of the one before, from the top.
local function repaint(text)
  return print_text("\27[H" .. text:gsub("\n", "\27[K\n") .. "\27[J")
end

local function watch(given, request)
  local is_terminal = core.is_terminal(STDOUT) and not given.json
  if is_terminal then print_text("\27[2J") end
  while true do
    local text = status_text(given, ask(given.control, request))
    if is_terminal then
      if not repaint(text) then return FAILED end
    elseif not print_text(given.json and text or text .. "\n") then
      return FAILED
    end
    core.sleep(WATCH_INTERVAL)
  end
end

local performers = {}

function performers.status(given)
  local request = {command = "status", name = given.name}
  if given.watch then return watch(given, request) end
  return print_text(status_text(given, ask(given.control, request))) and OK or FAILED
end

function performers.history(given)
  local runs = ask(given.control, {command = "history", name = given.name, count = given.count}).runs
  local text = given.json and json.encode({runs = json.list(runs)}) .. "\n" or status_table.runs(runs)
  return print_text(text) and OK or FAILED
end

-- `done` and `not_done` are what is said; the latter is a failure where `must` is true.
local function changer(command, done, not_done, must)
  return function(given)
    local result = ask(given.control, {command = command, name = given.name})
    if not result.changed and must and not given.json then fail(not_done, given.name) end
    local text = given.json and json.encode(result) or (result.changed and done or not_done):format(given.name)
    return print_text(text .. "\n") and (result.changed or not must) and OK or FAILED
  end
end

performers.pause = changer("pause", "'%s' is paused", "'%s' was paused already", false)
performers.resume = changer("resume", "'%s' is resumed", "'%s' was not paused", false)
performers.run = changer("run", "'%s' is started", "'%s' is left out, because it is running", true)
performers.cancel = changer("cancel", "'%s' is cancelled", "'%s' is over already", true)

-- ---- the command line ----

local DESCRIPTIONS = {
  status = "Shows how the jobs of a service are.",
  history = "Shows the last runs of a job, the newest first.",
  pause = "Lets a job begin no runs until it is resumed.",
  resume = "Lets a paused job run again.",
  run = "Runs a job now, besides the times at which it runs by itself.",
  cancel = "Cancels a job and its runs in progress.",
}

local function new_parser(name, command)
  local parser = command_line.parser(name, DESCRIPTIONS[command])
  parser:argument("name", "the job's"):args(command == "status" and "?" or 1)
  parser:option("--control", "the control socket of the service"):argname("PATH"):count(1)
  parser:flag("--json", "print JSON")
  if command == "status" then parser:flag("--watch", "print it each second, until Ctrl-C") end
  if command == "history" then
    parser:option("--count", "how many runs", "10"):argname("N"):convert(command_line.integer("--count", 1))
  end
  return parser
end

local function perform(name, command, given)
  local ok, status = pcall(function()
    json.prepare()
    return runner.run(performers[command], given)
  end)
  if ok then return status end
  if is_error(status, errors.KeyboardInterrupt) then
    -- That is how watching ends.
    return given.watch and OK or INTERRUPTED
  end
  io.stderr:write(name, ": ", failure_text(status), "\n")
  return FAILED
end

--- Do what the command line says.
-- @tparam string name of the command that has these commands, `"saros scheduler"`
-- @tparam string command one of them, such as `"status"`
-- @tparam {string,...} arguments the command line without both
-- @treturn integer the exit status: 0, 1 if something failed, 2 for bad usage, 130 after Ctrl-C
function control_client.main(name, command, arguments)
  name = name .. " " .. command
  local given, status = command_line.read(name, function() return new_parser(name, command) end, arguments)
  if not given then return status end
  return perform(name, command, given)
end

return control_client
