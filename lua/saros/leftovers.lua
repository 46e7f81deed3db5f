--- What a program leaves behind on a loop, told in lines: for `saros.testing`.
-- @module saros.leftovers
-- @local

local core = require "saros.core"
local places = require "saros.places"

-- The kinds of things, in the order in which they are told, and what one of them and
-- several are called.
local KINDS = {
  {"tasks", "task is still pending", "tasks are still pending"},
  {"timers", "timer is still set", "timers are still set"},
  {"transports", "transport is still open", "transports are still open"},
  {"servers", "server still listens", "servers still listen"},
  {"descriptors", "descriptor is still watched", "descriptors are still watched"},
  {"errors", "error was handled by nobody", "errors were handled by nobody"},
}

local leftovers = {}

local function indent(text, by)
  return (tostring(text):gsub("\n", "\n" .. by))
end

-- In debug mode the core knows where a task was created.
local function describe_task(task)
  local description = places.describe(task)
  local created = core.source_traceback(task)
  if not created then return description end
  return ("%s\n  created at: %s"):format(description, indent(created, "  "))
end

local function describe_address(address)
  if type(address) ~= "table" then return "?" end
  if address.path then return "unix:" .. address.path end
  return ("%s:%d"):format(address.host, address.port)
end

local function describe_transport(transport)
  return ("%s, from %s to %s"):format(tostring(transport),
    describe_address(transport:get_extra_info("sockname")),
    describe_address(transport:get_extra_info("peername")))
end

local function describe_context(context)
  local lines = {tostring(context.message)}
  local exception = context.exception
  if exception == nil then return lines[1] end
  lines[1] = ("%s: %s"):format(lines[1], indent(exception, "  "))
  local traceback = core.is_error(exception) and exception.traceback or context.traceback
  if traceback then lines[#lines + 1] = "  " .. indent(traceback, "  ") end
  if context.source_traceback then
    lines[#lines + 1] = "  created at: " .. indent(context.source_traceback, "  ")
  end
  return table.concat(lines, "\n")
end

local function map(list, describe)
  local lines = {}
  for i, value in ipairs(list) do lines[i] = describe(value) end
  return lines
end

--- The tasks that are not done.
-- @tparam EventLoop loop
-- @treturn {string,...}
function leftovers.tasks(loop)
  return map(core.all_tasks(loop), describe_task)
end

--- The callbacks of timers; those that tasks sleep on are the tasks' own.
-- @tparam EventLoop loop
-- @treturn {string,...}
function leftovers.timers(loop)
  local timers = core.pending_timers(loop)
  table.sort(timers, function(a, b)
    if a.when ~= b.when then return a.when < b.when end
    return a.callback < b.callback
  end)
  return map(timers, function(timer) return ("%s, due at %s"):format(timer.callback, timer.when) end)
end

--- The transports that nobody has closed.
-- @tparam EventLoop loop
-- @treturn {string,...}
function leftovers.transports(loop)
  local open = {}
  for _, transport in ipairs(core.open_transports(loop)) do
    if not transport:is_closing() then table.insert(open, 1, transport) end
  end
  return map(open, describe_transport)
end

--- The addresses that are listened on.
-- @tparam EventLoop loop
-- @treturn {string,...}
function leftovers.servers(loop)
  local lines = {}
  for _, listener in ipairs(core.open_listeners(loop)) do
    table.insert(lines, 1, describe_address(listener:address()))
  end
  return lines
end

--- The descriptors of `add_reader` and `add_writer`.
-- @tparam EventLoop loop
-- @treturn {string,...}
function leftovers.descriptors(loop)
  return map(core.watched_descriptors(loop), tostring)
end

--- Errors that reached the exception handler.
-- @tparam {table,...} contexts what it was called with
-- @treturn {string,...}
function leftovers.errors(contexts)
  return map(contexts, describe_context)
end

--- All of it as one text.
-- @tparam {[string]={string,...}} found lists by the names of the functions here
-- @treturn ?string nil if nothing is left
function leftovers.format(found)
  local lines = {}
  for _, kind in ipairs(KINDS) do
    local name, singular, plural = table.unpack(kind)
    local list = found[name] or {}
    if #list > 0 then lines[#lines + 1] = ("%d %s:"):format(#list, #list == 1 and singular or plural) end
    for _, text in ipairs(list) do lines[#lines + 1] = "  " .. indent(text, "  ") end
  end
  if #lines == 0 then return nil end
  return table.concat(lines, "\n")
end

return leftovers
