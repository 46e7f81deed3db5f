--- Threads, as the system sees those of this process.

local lfs = require "lfs"
local system = require "system"

local LIMIT = 10 -- seconds

local threads = {}

local function each()
  local list = {}
  for id in lfs.dir("/proc/self/task") do
    if id:find("^%d+$") then list[#list + 1] = id end
  end
  return list
end

--- How many there are. Under ThreadSanitizer there is one more, its own.
function threads.count()
  return #each()
end

--- How many there are once there are as many as expected: one that has ended, and was waited for, is listed a
-- little longer.
function threads.settle(expected)
  local deadline = system.monotime() + LIMIT
  while threads.count() ~= expected and system.monotime() < deadline do system.sleep(0.001) end
  return threads.count()
end

--- Their names, as a set.
function threads.names()
  local names = {}
  for _, id in ipairs(each()) do
    local file = io.open("/proc/self/task/" .. id .. "/comm")
    if file then
      names[file:read("l")] = true
      file:close()
    end
  end
  return names
end

-- ThreadSanitizer delivers signals when the program calls something that it knows. So a function that is to be
-- stopped allocates.
function threads.busy()
  while true do local _ = {} end
end

return threads
