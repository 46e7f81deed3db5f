--- All commands of the server: finds the one that is asked for and runs it.

local catalogue = require "redis.catalogue"
local config = require "redis.config"
local keys = require "redis.keys"
local resp = require "redis.resp"
local session = require "redis.session"
local strings = require "redis.strings"

local find, upper = string.find, string.upper
local c_string = resp.c_string

local HELP = {
  "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "(no subcommand)",
  "    Return details about all Redis commands.",
  "COUNT",
  "    Return the total number of commands in this Redis server.",
  "LIST",
  "    Return a list of all commands in this Redis server.",
  "INFO [<command-name> ...]",
  "    Return details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "DOCS [<command-name> ...]",
  "    Return documentation details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "GETKEYS <full-command>",
  "    Return the keys from a full Redis command.",
  "GETKEYSANDFLAGS <full-command>",
  "    Return the keys and the access flags from a full Redis command.",
  "HELP",
  "    Prints this help.",
}

-- Errors ------------------------------------------------------------------------

local function unknown_command(args)
  local shown = ""
  for i = 2, #args do
    if #shown >= 128 then break end
    shown = shown .. "'" .. c_string(args[i], 128 - #shown) .. "' "
  end
  return resp.error(("ERR unknown command '%s', with args beginning with: %s")
    :format(c_string(args[1]), shown))
end

local function unknown_subcommand(args)
  return resp.error(("ERR unknown subcommand '%s'. Try %s HELP.")
    :format(c_string(args[2]), upper(args[1])))
end

local function wrong_number(entry)
  return resp.error(("ERR wrong number of arguments for '%s' command"):format(entry.name))
end

-- COMMAND -----------------------------------------------------------------------

local command = {}

local function describe_all(connection)
  local replies = {}
  for i, entry in ipairs(catalogue.order) do replies[i] = catalogue.describe(connection, entry) end
  return resp.array(replies)
end

function command.INFO(connection, args)
  if not args[3] then return describe_all(connection) end
  local replies = {}
  for i = 3, #args do
    local entry = catalogue.entries[upper(args[i])]
    replies[#replies + 1] = entry and catalogue.describe(connection, entry) or connection.null
  end
  return resp.array(replies)
end

function command.COUNT()
  return ":" .. #catalogue.order .. "\r\n"
end

-- There is no documentation to give; redis-cli then goes without.
function command.DOCS(connection)
  return resp.map(connection, {})
end

function command.LIST(_, args)
  if args[3] then return resp.error("ERR syntax error") end
  local replies = {}
  for i, entry in ipairs(catalogue.order) do replies[i] = resp.bulk(entry.name) end
  return resp.array(replies)
end

-- Whether a request of `count` values is one that `arity` allows.
local function fits(arity, count)
  return arity == count or arity < 0 and count >= -arity
end

function command.GETKEYS(_, args)
  local entry = catalogue.entries[upper(args[3])]
  if entry and #entry.subcommands > 0 then
    entry = catalogue.entries[upper(args[3] .. "|" .. args[4])]
  end
  if not entry or find(args[3], "|", 1, true) then
    return resp.error("ERR Invalid command specified")
  end
  if entry.first == 0 then return resp.error("ERR The command has no key arguments") end
  local count = #args - 2
  if not fits(entry.arity, count) then
    return resp.error("ERR Invalid number of arguments specified for command")
  end
  local last = entry.last < 0 and count + entry.last or entry.last
  local replies = {}
  for i = entry.first, last, entry.step do replies[#replies + 1] = resp.bulk(args[i + 3]) end
  return resp.array(replies)
end

function command.HELP()
  return resp.lines(HELP)
end

-- Finding and running -------------------------------------------------------------

-- A command whose second value names what to do.
local function container(functions, without)
  return function(connection, args)
    if not args[2] then return without(connection) end
    local name = upper(args[2])
    local run = functions[name]
    if not run then return unknown_subcommand(args) end
    local entry = catalogue.entries[upper(args[1]) .. "|" .. name]
    if not fits(entry.arity, #args) then return wrong_number(entry) end
    return run(connection, args)
  end
end

local functions = { CONFIG = container(config), COMMAND = container(command, describe_all) }
for _, group in ipairs({ session, strings, keys }) do
  for name, run in pairs(group) do functions[name] = run end
end

-- Functions and their numbers of values by name in upper case, as most clients
-- send it.
local arities = {}
for name in pairs(functions) do arities[name] = catalogue.entries[name].arity end

local commands = {}

--- Runs a command.
-- @tparam table connection with `store` `databases` `now` `null` `protocol` `id`;
-- a command may set its `closing`
-- @tparam table args the values of the request, the name first
-- @treturn string the reply
function commands.run(connection, args)
  local name = args[1]
  local run = functions[name]
  if not run then
    name = upper(name)
    run = functions[name]
    if not run then return unknown_command(args) end
  end
  local count, arity = #args, arities[name]
  if count ~= arity and (arity > 0 or count < -arity) then
    return wrong_number(catalogue.entries[name])
  end
  return run(connection, args)
end

return commands
