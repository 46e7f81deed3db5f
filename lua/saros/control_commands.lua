--- What can be asked for by the control socket of a scheduler's service.
-- @module saros.control_commands
-- @local

local core = require "saros.core"
local check = require "saros.check"
local json = require "saros.json"

local ValueError = core.errors.ValueError

local DEFAULT_COUNT = 10

local control_commands = {}

local function fail(message, ...)
  error(ValueError(message:format(...)))
end

local function find(scheduler, name)
  local status = scheduler:status()[name]
  if not status then fail("there is no job '%s'", name) end
  return status
end

local function state_of(status)
  if status.cancelled then return status.running and "cancelled, running" or "cancelled" end
  if status.paused then return status.running and "paused, running" or "paused" end
  if status.running then return "running" end
  return status.next_run_at and "waiting" or "finished"
end

-- The loop's time means nothing to others.
local function describe(status)
  status.next_run = nil
  status.state = state_of(status)
  return status
end

-- ---- commands: what each is given, and does ----

local commands = {}

local NAME = {name = "string"}

commands.status = {
  fields = NAME,
  perform = function(scheduler, request)
    local jobs = {}
    if request.name then
      jobs[request.name] = describe(find(scheduler, request.name))
    else
      for name, status in pairs(scheduler:status()) do jobs[name] = describe(status) end
    end
    return {jobs = jobs, node = scheduler.node, time = scheduler.loop:wall_time(), stopping = scheduler.stopping}
  end,
}

commands.history = {
  fields = {name = "string", count = "number"},
  needs_name = true,
  perform = function(scheduler, request)
    local count = request.count or DEFAULT_COUNT
    local whole = math.tointeger(count)
    if not whole or whole < 1 then fail("the count must be a whole number from 1 on") end
    local runs = scheduler:history(request.name, whole)
    -- A database knows jobs that have gone, too.
    if #runs == 0 then find(scheduler, request.name) end
    return {runs = json.list(runs)}
  end,
}

-- `past` is what the log says.
local function changer(method, past)
  return {
    fields = NAME,
    needs_name = true,
    past = past,
    perform = function(scheduler, request)
      return {name = request.name, changed = scheduler[method](scheduler, request.name)}
    end,
  }
end

commands.pause = changer("pause", "paused")
commands.resume = changer("resume", "resumed")
commands.run = changer("run_now", "started")
commands.cancel = changer("cancel", "cancelled")

local cancel = commands.cancel.perform
function commands.cancel.perform(scheduler, request)
  find(scheduler, request.name)
  return cancel(scheduler, request)
end

-- ---- requests ----

local function check_field(name, value, command)
  local kind = command.fields[name]
  if not kind then fail("unknown field '%s'", name) end
  if type(value) ~= kind then fail("the field '%s' must be a %s, not a %s", name, kind, check.type_name(value)) end
end

local function find_command(request)
  if type(request) ~= "table" then fail("a request is an object") end
  if type(request.command) ~= "string" then fail("the field 'command' must be a string") end
  local command = commands[request.command]
  if not command then fail("unknown command '%s' (known: %s)", request.command, check.names(commands)) end
  for name, value in pairs(request) do
    if name ~= "command" then check_field(name, value, command) end
  end
  if command.needs_name and not request.name then fail("the command '%s' needs a name", request.command) end
  return command
end

--- Do what is asked for. It may suspend.
-- @tparam Scheduler scheduler
-- @tparam table log a `saros.service_log`
-- @param request what was JSON
-- @treturn table the result
-- @raise `ValueError` for a request that is wrong; what the scheduler raises
function control_commands.perform(scheduler, log, request)
  local command = find_command(request)
  local result = command.perform(scheduler, request)
  if command.past and result.changed then
    log:say("info", ("the job '%s' is %s by the control socket"):format(request.name, command.past),
      {event = "control", command = request.command, job = request.name})
  end
  return result
end

return control_commands
