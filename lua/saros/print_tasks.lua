--- Printing who awaits whom.
-- Python 3.14 has `asyncio.print_call_graph` and `python -m asyncio pstree` for this.
-- @module saros.print_tasks

local core = require "saros.core"
local check = require "saros.check"
local place = require "saros.place"

local errors = core.errors

local OPTIONS = {file = "any", loop = "any"}

-- Deeper lines are not indented further, and begin with their depth: a chain of ten thousand tasks is
-- to be as many lines, not a square of them.
local MAX_INDENT = 20

-- Futures that no list of children says more about.
local WAITS_FOR_ANY = {["Future:await"] = true, ["Task:await"] = true, await = true}

local function is_task(future)
  return check.type_name(future) == "Task"
end

-- What an object of the library waits for, in whose method the task is: its metamethod `__awaited` tells.
local function awaited_inside(task)
  local _, _, object = place.of_coroutine(task:get_coro())
  local metatable = debug.getmetatable(object)
  local list = metatable and rawget(metatable, "__awaited")
  return list and list(object) or {}
end

-- The futures that a future, pending, depends on, in order.
local function awaited_by(future)
  local state, on = core.look(future)
  if state == "waiting" then return on ~= nil and {on} or awaited_inside(future) end
  if type(on) == "table" then return on end
  return {}
end

-- Tasks that someone awaits: they have a place under that one.
local function find_awaited(tasks)
  local awaited, left = {}, table.move(tasks, 1, #tasks, 1, {})
  while #left > 0 do
    for _, future in ipairs(awaited_by(table.remove(left))) do
      local known = awaited[future]
      awaited[future] = true
      -- Tasks are in the list already.
      if not known and not is_task(future) then left[#left + 1] = future end
    end
  end
  return awaited
end

-- " for NAME", or an empty string where the wait says it all.
local function describe_awaited(self, future, name)
  if future == nil then return "" end
  if is_task(future) then return " for " .. future:get_name() end
  local _, _, kind = core.look(future)
  if kind then return (" for a %s%s"):format(kind, self.seen[future] and " (see above)" or "") end
  return (name == nil or WAITS_FOR_ANY[name]) and " for a future" or ""
end

-- What a pending task does, as it follows its name.
local function describe_activity(self, task)
  local state, on = core.look(task)
  local here, name = on, nil
  if state ~= "not started" then here, name = place.of_coroutine(task:get_coro()) end
  local text = here and ("%s at %s"):format(state, here) or state
  if state == "sleeping" then
    return ("%s, %.3f s left"):format(text, math.max(0, on - self.loop:time()))
  elseif state == "waiting" then
    local inside = name and not WAITS_FOR_ANY[name] and " in " .. name or ""
    return text .. inside .. describe_awaited(self, on, name)
  end
  return text
end

local function describe_task(self, task)
  local marks = {}
  if core.is_main_task(task) then marks[#marks + 1] = "main" end
  if task == self.current then marks[#marks + 1] = "current" end
  if task:cancelling() > 0 and not task:done() then marks[#marks + 1] = "cancelling" end
  local name = task:get_name()
  if #marks > 0 then name = ("%s (%s)"):format(name, table.concat(marks, ", ")) end
  if task:done() then return name .. ": " .. core.look(task) end
  return name .. ": " .. describe_activity(self, task)
end

local function add_line(self, depth, text)
  local indent = ("  "):rep(math.min(depth, MAX_INDENT))
  local prefix = depth > MAX_INDENT and ("[%d] "):format(depth) or ""
  self.lines[#self.lines + 1] = indent .. prefix .. text .. "\n"
end

-- The line of a future; returns whether those that it awaits are to follow.
local function add_future(self, future, depth)
  local known = self.seen[future]
  if is_task(future) then
    add_line(self, depth, known and future:get_name() .. " (see above)" or describe_task(self, future))
  else
    local state, _, kind = core.look(future)
    local what = kind and "a " .. kind or "a future: " .. state
    add_line(self, depth, known and what .. " (see above)" or what)
  end
  self.seen[future] = true
  return not known
end

-- What is printed under the line of a future. The line of a task names a plain future or a gather that it
-- awaits itself.
local function lines_below(self, future)
  local below = awaited_by(future)
  local only = #below == 1 and is_task(future) and below[1]
  if not only or is_task(only) then return below end
  if self.seen[only] then return {} end
  self.seen[only] = true
  return awaited_by(only)
end

-- A future and all that it awaits, depth first. The stack is a table, as chains may be long.
local function add_tree(self, root)
  local stack = {{root, 0}}
  while #stack > 0 do
    local future, depth = table.unpack(table.remove(stack))
    if add_future(self, future, depth) then
      local below = lines_below(self, future)
      for i = #below, 1, -1 do stack[#stack + 1] = {below[i], depth + 1} end
    end
  end
end

-- The whole text.
local function draw(loop)
  local tasks = core.all_tasks(loop)
  if #tasks == 0 then return "no tasks\n" end
  local running = core.running_loop_or_nil()
  local self = {
    loop = loop,
    current = running == loop and core.current_task() or nil,
    seen = {}, -- what was printed already
    lines = {},
  }
  local awaited = find_awaited(tasks)
  for _, task in ipairs(tasks) do
    if not awaited[task] then add_tree(self, task) end
  end
  -- Tasks that await each other in a circle are all awaited.
  for _, task in ipairs(tasks) do
    if not self.seen[task] then add_tree(self, task) end
  end
  return table.concat(self.lines)
end

-- Whether something can be written to.
local function is_file(value)
  local metatable = debug.getmetatable(value)
  return type(value) ~= "string" and (type(value) == "table" or metatable ~= nil) and value.write ~= nil
end

local function read_arguments(file, options)
  if options == nil and type(file) == "table" and not is_file(file) then
    file, options = nil, file
  end
  options = check.options(options, OPTIONS, file == nil and 1 or 2, "print_tasks")
  file = file or options.file or io.stderr
  if not is_file(file) then check.fail(1, "print_tasks", "file", file) end
  local loop = options.loop
  if loop ~= nil and not check.is_loop(loop) then
    check.fail(1, "print_tasks", "EventLoop", loop)
  end
  return file, loop or core.get_running_loop()
end

local print_tasks = {}

--- Print the tree of a loop's tasks that are not done: each task under the one that awaits it, with its
-- state, the line where it is, and what it waits for. Tasks that nobody awaits begin at the left, in order of
-- creation; one that several await is printed in full once.
--
--     main (main): waiting at app.lua:12 for a gather
--       fetch: sleeping at app.lua:4, 0.250 s left
--       store: waiting at app.lua:8 in Queue:get
--
-- It may be called anywhere: in a task, in a callback, in a signal handler. The library's own functions
-- are passed over: a place is one of the program's as long as there is one.
-- @tparam[opt] file file something with a method `write`, which is called once with all the text;
-- standard error by default
-- @tparam ?table options `loop`: the loop, the running one by default; `file`, in place of the argument
-- @raise `RuntimeError` if no loop is running and none is given; `OSError` if the file cannot be written;
-- `bad argument`; `ValueError` for an unknown option
function print_tasks.print_tasks(file, options)
  local loop
  file, loop = read_arguments(file, options)
  local written, problem = file:write(draw(loop))
  if not written and problem then error(errors.OSError(problem)) end
end

return print_tasks
