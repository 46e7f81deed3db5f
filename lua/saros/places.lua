--- Where tasks are, for messages: the line of the program, not that of the library's
-- function which suspends there.
-- @module saros.places
-- @local

local LIBRARY = debug.getinfo(1, "S").source:match("^(.*)places%.lua$") or "=?"

local places = {}

-- The innermost line of a coroutine outside of the library; nil where there is none.
local function find_line(coroutine)
  local level = 0
  local info = debug.getinfo(coroutine, level, "Sl")
  while info do
    if info.currentline > 0 and info.source:sub(1, #LIBRARY) ~= LIBRARY then
      return ("%s:%d"):format(info.short_src, info.currentline)
    end
    level = level + 1
    info = debug.getinfo(coroutine, level, "Sl")
  end
  return nil
end

--- Tell a task that is not done.
-- @tparam Task task
-- @treturn string its name, and where it waits or begins if it is anywhere in Lua code
function places.describe(task)
  local coroutine = task:get_coro()
  local line = coroutine and find_line(coroutine)
  if line then return ("%s at %s"):format(task:get_name(), line) end
  -- One that has not begun has no line yet, but the core knows its function.
  return (tostring(task):gsub("^Task: ", ""):gsub(" %a+$", ""))
end

return places
