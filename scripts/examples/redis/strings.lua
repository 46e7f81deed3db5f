--- The commands that read and write values.
--
-- A command is a function of the connection and the request's values (its own
-- name first, their number checked already), and returns the encoded reply.

local resp = require "redis.resp"

local upper = string.upper
local OK, bulk, integer = resp.OK, resp.bulk, resp.integer

local MAX_VALUE = 512 * 1024 * 1024
local SYNTAX_ERROR = resp.error("ERR syntax error")
local NOT_AN_INTEGER = resp.error("ERR value is not an integer or out of range")
local WOULD_OVERFLOW = resp.error("ERR increment or decrement would overflow")
local NO_DECREMENT = resp.error("ERR decrement would overflow")
local TOO_LONG = resp.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")

local strings = {}

-- Sets a value and its deadline, or that it has none.
local function put(store, key, value, deadline)
  store:set(key, value)
  if deadline or store:deadline(key) then store:expire(key, deadline) end
end

-- Options that end a value's life: in milliseconds or not, and from when.
local LIFETIMES = {
  EX = { scale = 1000, relative = true },
  PX = { scale = 1, relative = true },
  EXAT = { scale = 1000 },
  PXAT = { scale = 1 },
}

-- Works out a deadline; nil and the error's reply when there is none.
local function deadline_of(connection, command, text, lifetime)
  local amount = integer(text)
  if not amount then return nil, NOT_AN_INTEGER end
  local start = lifetime.relative and connection.now or 0
  if amount <= 0 or amount > (math.maxinteger - start) // lifetime.scale then
    return nil, resp.error(("ERR invalid expire time in '%s' command"):format(command))
  end
  return amount * lifetime.scale + start
end

-- Reads the options of SET from the fourth value on; nil when they make no sense.
local function set_options(args)
  local options = {}
  local at, count = 4, #args
  while at <= count do
    local word = upper(args[at])
    local lifetime = LIFETIMES[word]
    if lifetime and at < count and not options.KEEPTTL
      and (not options.lifetime or options.lifetime == lifetime) then
      at = at + 1
      options.lifetime, options.amount = lifetime, args[at]
    elseif word == "GET" or word == "NX" and not options.XX or word == "XX" and not options.NX
      or word == "KEEPTTL" and not options.lifetime then
      options[word] = true
    else
      return nil
    end
    at = at + 1
  end
  return options
end

-- SET with options.
local function set_with_options(connection, args)
  local options = set_options(args)
  if not options then return SYNTAX_ERROR end
  local store, key, deadline = connection.store, args[2], nil
  if options.lifetime then
    local problem
    deadline, problem = deadline_of(connection, "set", options.amount, options.lifetime)
    if not deadline then return problem end
  end
  local before = store:get(key, connection.now)
  local reply = options.GET and (before and bulk(before) or connection.null) or nil
  if options.NX and before or options.XX and not before then return reply or connection.null end
  if options.KEEPTTL then
    store:set(key, args[3])
  else
    put(store, key, args[3], deadline)
  end
  return reply or OK
end

function strings.SET(connection, args)
  if args[4] then return set_with_options(connection, args) end
  put(connection.store, args[2], args[3], nil)
  return OK
end

function strings.SETNX(connection, args)
  if connection.store:get(args[2], connection.now) then return ":0\r\n" end
  connection.store:set(args[2], args[3])
  return ":1\r\n"
end

local function set_for(connection, args, lifetime)
  local deadline, problem = deadline_of(connection, string.lower(args[1]), args[3], lifetime)
  if not deadline then return problem end
  put(connection.store, args[2], args[4], deadline)
  return OK
end

function strings.SETEX(connection, args)
  return set_for(connection, args, LIFETIMES.EX)
end

function strings.PSETEX(connection, args)
  return set_for(connection, args, LIFETIMES.PX)
end

function strings.GET(connection, args)
  local value = connection.store:get(args[2], connection.now)
  return value and "$" .. #value .. "\r\n" .. value .. "\r\n" or connection.null
end

function strings.GETSET(connection, args)
  local reply = strings.GET(connection, args)
  put(connection.store, args[2], args[3], nil)
  return reply
end

function strings.GETDEL(connection, args)
  local reply = strings.GET(connection, args)
  connection.store:delete(args[2])
  return reply
end

function strings.MGET(connection, args)
  local replies, store, now = {}, connection.store, connection.now
  for i = 2, #args do
    local value = store:get(args[i], now)
    replies[i - 1] = value and bulk(value) or connection.null
  end
  return resp.array(replies)
end

function strings.MSET(connection, args)
  if #args % 2 == 0 then
    return resp.error("ERR wrong number of arguments for 'mset' command")
  end
  for i = 2, #args, 2 do put(connection.store, args[i], args[i + 1], nil) end
  return OK
end

function strings.APPEND(connection, args)
  local value = connection.store:get(args[2], connection.now) or ""
  if #value + #args[3] > MAX_VALUE then return TOO_LONG end
  value = value .. args[3]
  connection.store:set(args[2], value)
  return ":" .. #value .. "\r\n"
end

function strings.STRLEN(connection, args)
  return ":" .. #(connection.store:get(args[2], connection.now) or "") .. "\r\n"
end

-- Adds to a number, which keeps its deadline.
local function add(connection, key, amount)
  local value = integer(connection.store:get(key, connection.now) or "0")
  if not value then return NOT_AN_INTEGER end
  if amount > 0 and value > math.maxinteger - amount
    or amount < 0 and value < math.mininteger - amount then
    return WOULD_OVERFLOW
  end
  local text = tostring(value + amount)
  connection.store:set(key, text)
  return ":" .. text .. "\r\n"
end

function strings.INCR(connection, args)
  return add(connection, args[2], 1)
end

function strings.DECR(connection, args)
  return add(connection, args[2], -1)
end

function strings.INCRBY(connection, args)
  local amount = integer(args[3])
  if not amount then return NOT_AN_INTEGER end
  return add(connection, args[2], amount)
end

function strings.DECRBY(connection, args)
  local amount = integer(args[3])
  if not amount then return NOT_AN_INTEGER end
  if amount == math.mininteger then return NO_DECREMENT end
  return add(connection, args[2], -amount)
end

return strings
