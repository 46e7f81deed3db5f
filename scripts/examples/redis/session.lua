--- The commands about the connection and the databases.

local resp = require "redis.resp"

local upper = string.upper
local OK, bulk, c_string = resp.OK, resp.bulk, resp.c_string

local VERSION = "7.0.15" -- the server that this one answers like

local SYNTAX_ERROR = resp.error("ERR syntax error")
local NOT_AN_INTEGER = resp.error("ERR value is not an integer or out of range")
local NOT_AN_INT =
  resp.error("ERR value is out of range, value must between -2147483648 and 2147483647")
local NO_SUCH_DATABASE = resp.error("ERR DB index is out of range")
local NO_PASSWORD = resp.error("ERR AUTH <password> called without any password configured"
  .. " for the default user. Are you sure your configuration is correct?")
local WRONG_PASSWORD =
  resp.error("WRONGPASS invalid username-password pair or user is disabled.")
local NO_VERSION = resp.error("ERR Protocol version is not an integer or out of range")
local UNKNOWN_VERSION = resp.error("NOPROTO unsupported protocol version")
local BAD_NAME =
  resp.error("ERR Client names cannot contain spaces, newlines or special characters.")

local session = {}

function session.PING(_, args)
  if args[3] then return resp.error("ERR wrong number of arguments for 'ping' command") end
  return args[2] and bulk(args[2]) or "+PONG\r\n"
end

function session.ECHO(_, args)
  return bulk(args[2])
end

function session.QUIT(connection)
  connection.closing = true
  return OK
end

function session.SELECT(connection, args)
  local index = resp.integer(args[2])
  if not index then return NOT_AN_INTEGER end
  if index < -2 ^ 31 or index >= 2 ^ 31 then return NOT_AN_INT end
  local store = connection.databases[index]
  if not store then return NO_SUCH_DATABASE end
  connection.store = store
  return OK
end

-- There are no passwords: the default user may give any.
function session.AUTH(_, args)
  if args[4] then return SYNTAX_ERROR end
  if not args[3] then return NO_PASSWORD end
  return args[2] == "default" and OK or WRONG_PASSWORD
end

local function greeting(connection)
  return resp.map(connection, {
    bulk("server"), bulk("redis"),
    bulk("version"), bulk(VERSION),
    bulk("proto"), ":" .. connection.protocol .. "\r\n",
    bulk("id"), ":" .. connection.id .. "\r\n",
    bulk("mode"), bulk("standalone"),
    bulk("role"), bulk("master"),
    bulk("modules"), resp.EMPTY,
  })
end

-- Goes through the options of HELLO; the error's reply when one is wrong.
local function hello_options(args)
  local at, count = 3, #args
  while at <= count do
    local word = upper(args[at])
    if word == "AUTH" and at + 2 <= count then
      if args[at + 1] ~= "default" then return WRONG_PASSWORD end
      at = at + 3
    elseif word == "SETNAME" and at + 1 <= count then
      if string.find(args[at + 1], "[^!-~]") then return BAD_NAME end
      at = at + 2
    else
      return resp.error(("ERR Syntax error in HELLO option '%s'"):format(c_string(args[at])))
    end
  end
end

function session.HELLO(connection, args)
  if args[2] then
    local version = resp.integer(args[2])
    if not version then return NO_VERSION end
    if version ~= 2 and version ~= 3 then return UNKNOWN_VERSION end
    local problem = hello_options(args)
    if problem then return problem end
    connection.protocol = version
    connection.null = version == 3 and "_\r\n" or "$-1\r\n"
  end
  return greeting(connection)
end

function session.DBSIZE(connection)
  return ":" .. connection.store.size .. "\r\n"
end

-- Whether what follows FLUSHALL and FLUSHDB is right. Both ways are at once here.
local function flush_mode(args)
  if args[3] then return false end
  local mode = upper(args[2] or "SYNC")
  return mode == "SYNC" or mode == "ASYNC"
end

function session.FLUSHDB(connection, args)
  if not flush_mode(args) then return SYNTAX_ERROR end
  connection.store:clear()
  return OK
end

function session.FLUSHALL(connection, args)
  if not flush_mode(args) then return SYNTAX_ERROR end
  for _, store in pairs(connection.databases) do store:clear() end
  return OK
end

return session
