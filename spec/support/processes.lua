--- The worker processes of a ProcessPoolExecutor, as the system sees them, and jobs for them.

local assert = require "luassert"
local saros = require "saros"
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
    local is_worker = arguments and (arguments:find("serve_parent", 1, true) or arguments:find("^%[lua.*<defunct>"))
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

--- A Lua function that runs `fn` in a task with a new executor, which is shut down afterwards.
function processes.with_executor(options, fn)
  return function()
    saros.run(function()
      local executor <close> = saros.ProcessPoolExecutor(options)
      fn(executor)
    end)
  end
end

--- What a future fails with; a failure of the spec if it does not.
function processes.failure_of(future)
  local ok, failure = pcall(future.await, future)
  assert.is_false(ok)
  return failure
end

--- A job that never ends by itself.
function processes.compute()
  while true do end
end

--- A job that writes its process's number into a file, and never ends by itself.
function processes.begin_and_compute(path)
  local pipe <close> = io.popen("echo $PPID")
  local file <close> = io.open(path, "w")
  file:write(pipe:read("n"), "\n")
  file:close()
  while true do end
end

--- Awaits what begin_and_compute writes.
function processes.await_begin(path)
  while true do
    local file <close> = io.open(path)
    local pid, rest = file:read("n", "L")
    if rest then return pid end -- with the end of its line: all of it
    saros.sleep(0.01)
  end
end

--- An empty file, which goes when its scope is left; its name is in `path`.
function processes.temporary()
  local path = os.tmpname()
  return setmetatable({path = path}, {__close = function() os.remove(path) end})
end

return processes
