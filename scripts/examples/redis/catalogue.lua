--- What COMMAND INFO tells of the commands, and how many values each one takes.
--
-- A line is: each command and how many values it takes (its name included; negative:
-- at least) : flags : first key, last key, step : categories : what it does to its keys : tips.

local resp = require "redis.resp"

local bulk, map, set = resp.bulk, resp.map, resp.set

local LINES = [[
ping/-1 : fast : 0 0 0 : fast connection : - : req:all_shards res:all_succeeded
echo/2 select/2 : loading stale fast : 0 0 0 : fast connection : - : -
quit/-1 hello/-1 auth/-2 : noscript loading stale fast no_auth allow_busy : 0 0 0 : fast connection : - : -
config/-2 : - : 0 0 0 : slow : - : -
config|get/-3 config|resetstat/2 config|rewrite/2 : admin noscript loading stale : 0 0 0 : admin slow dangerous : - : -
config|set/-4 : admin noscript loading stale : 0 0 0 : admin slow dangerous : - : req:all_nodes res:all_succeeded
config|help/2 : loading stale : 0 0 0 : slow : - : -
command/-1 command|docs/-2 : loading stale : 0 0 0 : slow connection : - : nondeterministic_output_order
command|info/-2 command|list/-2 : loading stale : 0 0 0 : slow connection : - : nondeterministic_output_order
command|count/2 command|getkeys/-4 command|help/2 : loading stale : 0 0 0 : slow connection : - : -
dbsize/1 : readonly fast : 0 0 0 : keyspace read fast : - : req:all_shards res:agg_sum
flushall/-1 flushdb/-1 : write : 0 0 0 : keyspace write slow dangerous : - : req:all_shards res:all_succeeded
get/2 : readonly fast : 1 1 1 : read string fast : RO access : -
set/-3 : write denyoom : 1 1 1 : write string slow : RW access update variable_flags : -
setnx/3 : write denyoom fast : 1 1 1 : write string fast : OW insert : -
setex/4 psetex/4 : write denyoom : 1 1 1 : write string slow : OW update : -
getset/3 incr/2 decr/2 incrby/3 decrby/3 : write denyoom fast : 1 1 1 : write string fast : RW access update : -
getdel/2 : write fast : 1 1 1 : write string fast : RW access delete : -
mget/-2 : readonly fast : 1 -1 1 : read string fast : RO access : req:multi_shard
mset/-3 : write denyoom : 1 -1 2 : write string slow : OW update : req:multi_shard res:all_succeeded
append/3 : write denyoom fast : 1 1 1 : write string fast : RW insert : -
strlen/2 : readonly fast : 1 1 1 : read string fast : RO : -
del/-2 : write : 1 -1 1 : keyspace write slow : RM delete : req:multi_shard res:agg_sum
unlink/-2 : write fast : 1 -1 1 : keyspace write fast : RM delete : req:multi_shard res:agg_sum
exists/-2 : readonly fast : 1 -1 1 : keyspace read fast : RO : req:multi_shard res:agg_sum
type/2 : readonly fast : 1 1 1 : keyspace read fast : RO : -
keys/2 : readonly : 0 0 0 : keyspace read slow dangerous : - : req:all_shards nondeterministic_output_order
ttl/2 pttl/2 : readonly fast : 1 1 1 : keyspace read fast : RO access : nondeterministic_output
expiretime/2 pexpiretime/2 : readonly fast : 1 1 1 : keyspace read fast : RO access : -
persist/2 expire/-3 pexpire/-3 expireat/-3 pexpireat/-3 : write fast : 1 1 1 : keyspace write fast : RW update : -
]]

local POLICIES = { ["req:"] = "request_policy:", ["res:"] = "response_policy:" }
local NOTES = { set = "RW and ACCESS due to the optional `GET` argument" }

local catalogue = {}

-- The words of a text, each as a reply that starts with `prefix`; "-" stands for none.
local function words(text, prefix)
  local list = {}
  if text == "-" then return list end
  for word in text:gmatch("%S+") do list[#list + 1] = prefix .. word .. "\r\n" end
  return list
end

local function tips_of(text)
  local list = {}
  if text == "-" then return list end
  for tip in text:gmatch("%S+") do list[#list + 1] = bulk((tip:gsub("^re[qs]:", POLICIES))) end
  return list
end

-- Entries by name in upper case, and in the order of the lines.
local entries, order = {}, {}

local function add(name, arity, entry)
  entry.name, entry.arity, entry.subcommands = name, tonumber(arity), {}
  entries[name:upper()] = entry
  local container = name:match("^(.*)|")
  if container then
    table.insert(entries[container:upper()].subcommands, entry)
  else
    order[#order + 1] = entry
  end
end

for line in LINES:gmatch("[^\n]+") do
  local names, flags, first, last, step, categories, access, tips =
    line:match("^(.-) : (.-) : (%S+) (%S+) (%S+) : (.-) : (.-) : (.*)$")
  for name, arity in names:gmatch("(%S+)/(%S+)") do
    add(name, arity, {
      flags = words(flags, "+"),
      first = tonumber(first),
      last = tonumber(last),
      step = tonumber(step),
      categories = words(categories, "+@"),
      access = words(access, "+"),
      tips = tips_of(tips),
    })
  end
end

catalogue.entries, catalogue.order = entries, order

-- Where the keys of a command are, in the newer of two ways to tell.
local function key_specs(connection, entry)
  if entry.first == 0 then return {} end
  -- Counted from the first key, or from the end of the request.
  local last = entry.last < 0 and entry.last or entry.last - entry.first
  local fields = {
    bulk("flags"), set(connection, entry.access),
    bulk("begin_search"), map(connection, {
      bulk("type"), bulk("index"),
      bulk("spec"), map(connection, { bulk("index"), ":" .. entry.first .. "\r\n" }),
    }),
    bulk("find_keys"), map(connection, {
      bulk("type"), bulk("range"),
      bulk("spec"), map(connection, {
        bulk("lastkey"), ":" .. last .. "\r\n",
        bulk("keystep"), ":" .. entry.step .. "\r\n",
        bulk("limit"), ":0\r\n",
      }),
    }),
  }
  local notes = NOTES[entry.name]
  if notes then
    table.insert(fields, 1, bulk("notes"))
    table.insert(fields, 2, bulk(notes))
  end
  return { map(connection, fields) }
end

--- Encodes what is to be told of a command.
-- @tparam table connection knows its `protocol`
-- @tparam table entry one of `entries`
function catalogue.describe(connection, entry)
  local subcommands = {}
  for i, each in ipairs(entry.subcommands) do
    subcommands[i] = catalogue.describe(connection, each)
  end
  return resp.array({
    bulk(entry.name),
    ":" .. entry.arity .. "\r\n",
    set(connection, entry.flags),
    ":" .. entry.first .. "\r\n",
    ":" .. entry.last .. "\r\n",
    ":" .. entry.step .. "\r\n",
    set(connection, entry.categories),
    set(connection, entry.tips),
    set(connection, key_specs(connection, entry)),
    #entry.subcommands > 0 and resp.array(subcommands) or set(connection, {}),
  })
end

return catalogue
