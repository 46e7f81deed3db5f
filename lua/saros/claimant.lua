--- The process that claims runs in a database: a text that no other one has, and that tells the
-- processes of the same machine whether it is still there.
--
-- Where the system has no `/proc`, a claimant is only unique.
-- @module saros.claimant
-- @local

-- Where the start time is among the fields that follow the program's name in `/proc/PID/stat`.
local START_TIME = 20

local claimant = {}

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

-- A process by its id or `self`: its id, when it started, and whether it runs.
local function look_up(id)
  local stat = read(("/proc/%s/stat"):format(id))
  if not stat then return nil end
  -- The name is in parentheses, and may have some of its own.
  local pid, rest = stat:match("^(%d+) .*%) (.*)$")
  local fields = {}
  for field in (rest or ""):gmatch("%S+") do fields[#fields + 1] = field end
  return pid, fields[START_TIME], fields[1] ~= "Z"
end

-- Where processes have their numbers from: a machine, or a container, which may have the name of its host. The
-- first process of each has started at another time.
local function place()
  local name = read("/proc/sys/kernel/hostname")
  local _, start = look_up("1")
  return name and start and ("%s@%s"):format(name:match("^[^\n]+"), start)
end

-- Not from a generator that a program may have given a seed.
local function random()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file and file:read(8)
  if file then file:close() end
  return bytes and ("<I8"):unpack(bytes) or os.time() ~ math.random(0)
end

--- Make one for this process.
-- @treturn string
function claimant.new()
  local pid, start = look_up("self")
  local where = place()
  local process = pid and start and where and ("%s/%s/%s"):format(where, pid, start) or "?/?/?"
  return ("%s/%016x"):format(process, random())
end

--- Whether the process is one of this machine or container that has ended.
-- @tparam string text
-- @treturn boolean false also if nobody can tell
function claimant.is_gone(text)
  local where, pid, start = text:match("^(.*)/(%d+)/(%d+)/%x+$")
  if not pid or where ~= place() or not look_up("self") then return false end
  local _, its_start, is_running = look_up(pid)
  return its_start ~= start or not is_running
end

return claimant
