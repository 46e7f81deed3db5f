--- CONFIG: the settings of this server, which are all fixed.

local glob = require "redis.glob"
local resp = require "redis.resp"

local bulk, c_string = resp.bulk, resp.c_string

-- What clients and tools ask for. SET accepts no other value than these, and none at
-- all for those that no server can change while it runs.
local SETTINGS = {
  { "appendonly", "no" },
  { "databases", "16" },
  { "hz", "10" },
  { "io-threads", "1" },
  { "maxmemory", "0" },
  { "maxmemory-policy", "noeviction" },
  { "proto-max-bulk-len", "536870912" },
  { "save", "" },
  { "timeout", "0" },
}

local FIXED = { databases = true, ["io-threads"] = true }

local VALUES = {}
for _, setting in ipairs(SETTINGS) do VALUES[setting[1]] = setting[2] end

local HELP = {
  "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "GET <pattern>",
  "    Return parameters matching the glob-like <pattern> and their values.",
  "SET <directive> <value>",
  "    Set the configuration <directive> to <value>.",
  "RESETSTAT",
  "    Reset statistics reported by the INFO command.",
  "REWRITE",
  "    Rewrite the configuration file.",
  "HELP",
  "    Prints this help.",
}

local config = {}

function config.GET(connection, args)
  local seen, replies = {}, {}
  -- A setting named in full is answered under the name as it was written.
  local function add(name, as)
    if seen[name] then return end
    seen[name] = true
    replies[#replies + 1] = bulk(as)
    replies[#replies + 1] = bulk(VALUES[name])
  end
  for i = 3, #args do
    local pattern = args[i]:lower()
    if pattern:find("[*?%[]") then
      local matches = glob.compile(pattern)
      for _, setting in ipairs(SETTINGS) do
        if matches(setting[1]) then add(setting[1], setting[1]) end
      end
    elseif VALUES[pattern] then
      add(pattern, args[i])
    end
  end
  return resp.map(connection, replies)
end

local function refuse(name, reason)
  return resp.error(("ERR CONFIG SET failed (possibly related to argument '%s') - %s")
    :format(name, reason))
end

function config.SET(_, args)
  if #args % 2 == 1 then return resp.error("ERR syntax error") end
  for i = 3, #args, 2 do
    if not VALUES[args[i]:lower()] then
      return resp.error(("ERR Unknown option or number of arguments for CONFIG SET - '%s'")
        :format(c_string(args[i], math.maxinteger)))
    end
  end
  local seen = {}
  for i = 3, #args, 2 do
    local name = args[i]:lower()
    if seen[name] then return refuse(args[i], "duplicate parameter") end
    seen[name] = true
    if FIXED[name] or VALUES[name] ~= args[i + 1] then
      return refuse(args[i], "can't set immutable config")
    end
  end
  return resp.OK
end

function config.RESETSTAT()
  return resp.OK
end

function config.REWRITE()
  return resp.error("ERR The server is running without a config file")
end

function config.HELP()
  return resp.lines(HELP)
end

return config
