--- The worker processes of a ProcessPoolExecutor, as the system sees them.

local system = require "system"

local LIMIT = 20 -- seconds

local processes = {}

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  return lines
end

--- The number of the process that calls this; it may travel to a worker.
function processes.own_pid()
  local pipe <close> = assert(io.popen("echo $PPID"))
  return pipe:read("n")
end

--- How many worker processes this process has, zombies among them.
function processes.count()
  local own, count = processes.own_pid(), 0
  for _, line in ipairs(lines_of("ps -A -o ppid=,args=")) do
    local parent, arguments = line:match("^%s*(%d+)%s+(.*)$")
    local is_worker = arguments and (arguments:find("serve_parent", 1, true) or arguments:find("<defunct>", 1, true))
    if tonumber(parent) == own and is_worker then count = count + 1 end
  end
  return count
end

--- Whether a process is there, which is no zombie.
function processes.is_alive(pid)
  local state = lines_of(("ps -o stat= -p %d"):format(pid))[1]
  return state ~= nil and state:sub(1, 1) ~= "Z"
end

--- Waits until a process is gone; false when it is there for too long.
function processes.ends(pid)
  local deadline = system.monotime() + LIMIT
  while processes.is_alive(pid) do
    if system.monotime() > deadline then return false end
    system.sleep(0.02)
  end
  return true
end

return processes
