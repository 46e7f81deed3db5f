--- The commands about keys: whether they exist, which there are, when they expire.

local glob = require "redis.glob"
local resp = require "redis.resp"

local upper = string.upper
local integer = resp.integer

local NO, YES = ":0\r\n", ":1\r\n"
local NEVER, NO_KEY = ":-1\r\n", ":-2\r\n"
local NOT_AN_INTEGER = resp.error("ERR value is not an integer or out of range")
local NX_ALONE = resp.error("ERR NX and XX, GT or LT options at the same time are not compatible")
local GT_OR_LT = resp.error("ERR GT and LT options at the same time are not compatible")

local keys = {}

function keys.DEL(connection, args)
  local store, now, count = connection.store, connection.now, 0
  for i = 2, #args do
    if store:get(args[i], now) and store:delete(args[i]) then count = count + 1 end
  end
  return ":" .. count .. "\r\n"
end

keys.UNLINK = keys.DEL

function keys.EXISTS(connection, args)
  local store, now, count = connection.store, connection.now, 0
  for i = 2, #args do
    if store:get(args[i], now) then count = count + 1 end
  end
  return ":" .. count .. "\r\n"
end

function keys.TYPE(connection, args)
  return connection.store:get(args[2], connection.now) and "+string\r\n" or "+none\r\n"
end

function keys.KEYS(connection, args)
  local pattern = args[2]
  -- The one pattern that also matches the empty key.
  local matches = pattern == "*" and function() return true end or glob.compile(pattern)
  local list = connection.store:keys(matches, connection.now)
  for i = 1, #list do list[i] = resp.bulk(list[i]) end
  return resp.array(list)
end

-- Reads the options of EXPIRE and its kin. Returns them as a set, or nil and the
-- error's reply.
local function conditions(args)
  local set = {}
  for i = 4, #args do
    local word = upper(args[i])
    if not (word == "NX" or word == "XX" or word == "GT" or word == "LT") then
      return nil, resp.error("ERR Unsupported option " .. resp.c_string(args[i]))
    end
    set[word] = true
  end
  if set.NX and (set.XX or set.GT or set.LT) then return nil, NX_ALONE end
  if set.GT and set.LT then return nil, GT_OR_LT end
  return set
end

-- Whether a deadline may replace the one before. "Never" is later than any.
local function allowed(set, before, deadline)
  if set.NX and before or set.XX and not before then return false end
  if set.GT and (not before or deadline <= before) then return false end
  return not (set.LT and before and deadline >= before)
end

-- Makes a command that sets a deadline in units of `scale` milliseconds.
local function expirer(scale, relative)
  local most = math.maxinteger // scale
  return function(connection, args)
    local set, problem = conditions(args)
    if not set then return problem end
    local amount = integer(args[3])
    if not amount then return NOT_AN_INTEGER end
    local start = relative and connection.now or 0
    if scale > 1 and (amount > most or amount < -most)
      or amount * scale > math.maxinteger - start then
      return resp.error(("ERR invalid expire time in '%s' command"):format(string.lower(args[1])))
    end
    local store, key, deadline = connection.store, args[2], amount * scale + start
    if not store:get(key, connection.now) then return NO end
    if not allowed(set, store:deadline(key), deadline) then return NO end
    if deadline <= connection.now then
      store:delete(key)
    else
      store:expire(key, deadline)
    end
    return YES
  end
end

keys.EXPIRE = expirer(1000, true)
keys.PEXPIRE = expirer(1, true)
keys.EXPIREAT = expirer(1000, false)
keys.PEXPIREAT = expirer(1, false)

-- Makes a command that tells the deadline, rounded to units of `scale` milliseconds.
local function teller(scale, relative)
  return function(connection, args)
    local store, now = connection.store, connection.now
    if not store:get(args[2], now) then return NO_KEY end
    local deadline = store:deadline(args[2])
    if not deadline then return NEVER end
    if relative then deadline = deadline - now end
    return ":" .. (deadline + scale // 2) // scale .. "\r\n"
  end
end

keys.TTL = teller(1000, true)
keys.PTTL = teller(1, true)
keys.EXPIRETIME = teller(1000, false)
keys.PEXPIRETIME = teller(1, false)

function keys.PERSIST(connection, args)
  local store = connection.store
  if not store:get(args[2], connection.now) then return NO end
  return store:expire(args[2], nil) and YES or NO
end

return keys
