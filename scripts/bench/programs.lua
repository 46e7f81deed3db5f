--- The programs that are measured, and how each is started.
--
-- A group is what is measured in turn: the same work done by several programs.
-- `programs.group(name)` gives the list of its programs, each
-- `{name=, command=, check=, package=}`: a shell command that prints `metric
-- value` lines, one that succeeds where it can run, and what provides it.

local root = assert(os.getenv("SAROS_BENCH_ROOT"))
local build = assert(os.getenv("SAROS_BENCH_BUILD"))
local lua = os.getenv("SAROS_LUA") or "lua5.4"
local python = os.getenv("PYTHON")

local here = root .. "/scripts/bench/"

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function succeeds(command)
  return (os.execute(command .. " >/dev/null 2>&1"))
end

-- The system's Python comes first: that is the one that a distribution's
-- uvloop belongs to.
if not python then
  python = succeeds("/usr/bin/python3 -c 'import asyncio'") and "/usr/bin/python3" or "python3"
end

local function lua_module(name)
  return ("%s -e 'require \"%s\"'"):format(quote(lua), name)
end

-- What a peer needs: a command that succeeds if it is there, and its Debian package.
local peers = {
  ["Saros"] = {"true", ""},
  ["raw libuv"] = {"true", ""},
  ["bare Lua"] = {"true", ""},
  ["uvloop"] = {quote(python) .. " -c 'import uvloop'", "python3-uvloop"},
  ["asyncio"] = {quote(python) .. " -c 'import asyncio'", "python3"},
  ["node"] = {"command -v node", "nodejs"},
  ["luv"] = {lua_module("luv"), "lua-luv"},
  ["cqueues"] = {lua_module("cqueues"), "lua-cqueues"},
}

local saros = ("%s %s "):format(quote(lua), quote(root .. "/scripts/saros"))

local function in_lua(file)
  return ("%s %s "):format(quote(lua), quote(here .. file))
end

local function in_saros(file)
  return saros .. quote(here .. file) .. " "
end

local function in_c(name)
  return quote(build .. "/" .. name) .. " "
end

local asyncio_micro = ("%s %s "):format(quote(python), quote(here .. "peers/asyncio_micro.py"))
local asyncio_echo = ("%s %s "):format(quote(python), quote(here .. "peers/echo_asyncio.py"))

local micro = {
  {"Saros", in_saros("micro.lua"),
    "tasks sleep0 call_soon call_later timers lateness task_memory lock queue task_group "
    .. "executor executor_burst executor_scaling executor_string"},
  {"raw libuv", in_c("uv_micro"), "timers call_later executor executor_burst"},
  {"bare Lua", in_lua("peers/bare_coroutines.lua"), "tasks task_memory"},
  {"uvloop", asyncio_micro .. "uvloop ",
    "tasks sleep0 call_soon call_later timers lateness lock queue task_group executor executor_burst"},
  {"asyncio", asyncio_micro .. "asyncio ",
    "tasks sleep0 call_soon call_later timers lateness lock queue task_group executor executor_burst"},
  {"node", "node " .. quote(here .. "peers/node_micro.js") .. " ", "tasks sleep0 call_soon timers"},
  {"luv", in_lua("peers/luv_micro.lua"), "timers call_later executor executor_burst"},
  {"cqueues", in_lua("peers/cqueues_micro.lua"), "tasks sleep0 lateness"},
}

-- Which loads a server takes part in. The slowest peers get the small one only, where they are at
-- their best: what they do with 10,000 connections or large messages judges nothing here.
local small = {["10x1024"] = true}
local any = setmetatable({}, {__index = function() return true end})

local echo = {
  {"Saros protocol", "Saros", in_saros("echo_protocol.lua"), any},
  {"Saros streams", "Saros", in_saros("echo_streams.lua"), any},
  {"raw libuv", "raw libuv", in_c("uv_echo"), any},
  {"uvloop protocol", "uvloop", asyncio_echo .. "uvloop protocol ", any},
  {"uvloop streams", "uvloop", asyncio_echo .. "uvloop streams ", any},
  {"asyncio protocol", "asyncio", asyncio_echo .. "asyncio protocol ", small},
  {"asyncio streams", "asyncio", asyncio_echo .. "asyncio streams ", small},
  {"node", "node", "node " .. quote(here .. "peers/echo_node.js") .. " ", any},
  {"luv", "luv", in_lua("peers/echo_luv.lua"), any},
  {"cqueues", "cqueues", in_lua("peers/echo_cqueues.lua"), small},
}

local function program(name, peer, command)
  return {name = name, command = command, check = peers[peer][1], package = peers[peer][2], peer = peer}
end

local special = {
  connection_memory = {
    program("Saros", "Saros", in_saros("idle_streams.lua") .. quote(in_c("idle_clients") .. "127.0.0.1")),
  },
  million = {
    program("at 10,000", "Saros", in_saros("many_tasks.lua") .. "10000 stop"),
    program("at 1,000,000", "Saros", in_saros("many_tasks.lua") .. "1000000 stop"),
    program("at 1,000,000 with the collector", "Saros", in_saros("many_tasks.lua") .. "1000000"),
  },
  scheduler = {
    program("with 100 jobs", "Saros", in_saros("scheduled_jobs.lua") .. "100 stop"),
    program("with 100,000 jobs", "Saros", in_saros("scheduled_jobs.lua") .. "100000 stop"),
    program("with 100,000 jobs and the collector", "Saros", in_saros("scheduled_jobs.lua") .. "100000"),
  },
  require = {program("Saros", "Saros", in_lua("require_time.lua"))},
}

local function echo_group(load)
  local list = {}
  local connections, bytes = load:match("^(%d+)x(%d+)$")
  local once = ("%s %s %s %s "):format(quote(here .. "echo_once"), in_c("echo_load"), connections, bytes)
  for _, entry in ipairs(echo) do
    if entry[4][load] then
      list[#list + 1] = program(entry[1], entry[2], once .. entry[3])
    end
  end
  return list
end

local function micro_group(section)
  local list = {}
  for _, entry in ipairs(micro) do
    if (" " .. entry[3] .. " "):find(" " .. section .. " ", 1, true) then
      list[#list + 1] = program(entry[1], entry[1], entry[2] .. section)
    end
  end
  return list
end

local programs = {}

--- The programs of a group, present or not.
-- @tparam string name `CONNECTIONSxBYTES` for echo servers, else a section of the micro programs or one
-- of `connection_memory`, `million`, `scheduler` and `require`
-- @treturn {table,...} `{name=, command=, check=, package=, peer=}` each
function programs.group(name)
  if name:find("^%d+x%d+$") then
    return echo_group(name)
  end
  return special[name] or micro_group(name)
end

--- Whether the machine can run a program.
-- @tparam table entry one of a group's programs
-- @treturn boolean
function programs.present(entry)
  local peer = peers[entry.peer]
  if peer.found == nil then
    peer.found = succeeds(entry.check) or false
  end
  return peer.found
end

return programs
