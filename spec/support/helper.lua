--- Busted's helper (see .busted): counts the specs in the file that SAROS_PROGRESS names.
-- `scripts/test` reads it. The first line is "passed failed", the second one what runs at the moment,
-- which is how one learns where a run crashed or hung; it is empty when the run came to its end.

local busted = require("busted")

local progress = os.getenv("SAROS_PROGRESS")
if not progress then return end

local passed, failed = 0, 0

local function save(current)
  local file = assert(io.open(progress, "w"))
  file:write(passed, " ", failed, "\n", current, "\n")
  file:close()
end

local function full_name(element)
  local names = {}
  while element and element.descriptor ~= "suite" do
    table.insert(names, 1, element.name or element.descriptor)
    element = busted.parent(element)
  end
  return (table.concat(names, " "):gsub("%s+", " "))
end

local function watch(event, action)
  busted.subscribe(event, function(...)
    action(...)
    return nil, true
  end)
end

watch({ "file", "start" }, function(file) save(full_name(file)) end)
watch({ "test", "start" }, function(test) save(full_name(test)) end)
watch({ "test", "end" }, function(_, _, status)
  if status == "success" then
    passed = passed + 1
  elseif status ~= "pending" then
    failed = failed + 1
  end
end)

-- Errors outside of a spec: a file that does not load, a `setup` or `teardown` that fails.
local function count_outside(element)
  if element.descriptor ~= "it" then failed = failed + 1 end
end
watch({ "error" }, count_outside)
watch({ "failure" }, count_outside)

watch({ "suite", "end" }, function() save("") end)
