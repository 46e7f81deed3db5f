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

--- How many more there are than before, once those are gone that have ended: one that was waited for is listed a
-- little longer. There may be fewer, as somebody else's may have ended meanwhile.
-- @tparam integer before
-- @treturn integer
function threads.left(before)
  local deadline = system.monotime() + LIMIT
  while threads.count() > before and system.monotime() < deadline do system.sleep(0.001) end
  return math.max(0, threads.count() - before)
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
