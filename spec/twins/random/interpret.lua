-- Runs the random programs of generate.lua, whose text is in the file named, and prints traces.

local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

-- Iterations after which whatever still runs is cancelled, every few iterations anew.
local PATIENCE = 40
local AGAIN = 4

-- Calls of callbacks that a program gets: one that schedules itself twice would double for ever.
local CALLS = 60

local Program = {}
Program.__index = Program

local function new_program(seed, kind)
  twin.untimed = kind == "untimed"
  return setmetatable({
    seed = seed,
    loop = twin.new_loop(),
    objects = {},
    bodies = {},
    agenda = {},
    callbacks = {},
    spawned = {},
    timers = 0,
    calls = 0,
    finished = false,
  }, Program)
end

-- Distinct for every timer, because equal deadlines have no order in asyncio.
function Program:delay(text)
  self.timers = self.timers + 1
  return tonumber(text) + self.timers / 4096
end

function Program:spawn(name)
  if self.objects[name] or self.finished then
    trace("no more", name)
    return
  end
  self.objects[name] = self.loop:create_task(self.body, self, name)
  self.spawned[#self.spawned + 1] = name
end

function Program:body(name)
  trace(name, "starts")
  local ok, result = pcall(self.run_block, self, name, self.bodies[name])
  if not ok then
    trace(name, "raises", result, saros.is_error(result, saros.ValueError) and result.message or nil)
    error(result, 0)
  end
  local value = result and result[1]
  trace(name, "returns", value)
  return value
end

function Program:callback(name)
  -- One function for each name, so that it can be removed again.
  self.callbacks[name] = self.callbacks[name] or function()
    self.calls = self.calls + 1
    if self.calls > CALLS then return end
    trace(name, "called")
    for _, line in ipairs(self.bodies[name]) do self:quick(name, line) end
  end
  return self.callbacks[name]
end

function Program:state(name)
  local thing = self.objects[name]
  if thing == nil then
    trace(name, "is nothing yet")
  elseif not thing:done() then
    trace(name, "pending")
  elseif thing:cancelled() then
    trace(name, "cancelled")
  else
    local err = thing:exception()
    if err == nil then err = thing:result() end
    trace(name, "done", err)
  end
end

local QUICK = {
  cancel = function(_, thing) return thing:cancel() end,
  result = function(_, thing, value) return thing:set_result(value) end,
  fail = function(_, thing, value) return thing:set_exception(saros.ValueError(value)) end,
  callback = function(self, thing, name) return thing:add_done_callback(self:callback(name)) end,
  remove = function(self, thing, name) return thing:remove_done_callback(self:callback(name)) end,
  drop = function(_, thing) return thing:cancel() end,
  set = function(_, thing) return thing:set() end,
  clear = function(_, thing) return thing:clear() end,
  put_nowait = function(_, thing, value) return thing:put_nowait(value) end,
  get_nowait = function(_, thing) return thing:get_nowait() end,
  counts = function(_, thing) return thing:cancelling() end,
}

-- Runs an operation that does not wait; false if it is none of these.
function Program:quick(who, line)
  local operation, name = line[1], line[2]
  local thing = name and self.objects[name]
  if operation == "spawn" then
    self:spawn(name)
  elseif operation == "state" then
    self:state(name)
  elseif operation == "gather" then
    self:gather(name, line[3], { table.unpack(line, 4) })
  elseif operation == "soon" then
    self.objects[name] = self.loop:call_soon(self:callback(line[3]))
  elseif operation == "later" then
    self.objects[name] = self.loop:call_later(self:delay(line[3]), self:callback(line[4]))
  elseif operation == "stop" then
    self.loop:stop()
  elseif operation == "raise" then
    error(saros.ValueError(name))
  elseif not QUICK[operation] then
    return false
  elseif thing == nil then
    trace(who, operation, name, "is nothing yet")
  else
    local label = who .. " " .. table.concat(line, " ")
    twin.attempt(label, QUICK[operation], self, thing, table.unpack(line, 3))
  end
  return true
end

function Program:gather(name, mode, names)
  local children = {}
  for _, child in ipairs(names) do children[#children + 1] = self.objects[child] end
  if not self.objects[name] then
    self.objects[name] = saros.gather(children, { return_exceptions = mode == "keep" })
  end
end

-- Runs operations in order; a table of one value when one of them returned.
function Program:run_block(who, block)
  for _, line in ipairs(block) do
    local result = self:run_operation(who, line)
    if result then return result end
  end
end

local SLOW, TRY = {}, {}

function Program:run_operation(who, line)
  local operation = line[1]
  if operation == "return" then
    return { line[2] }
  elseif operation == "timeout" then
    return self:timeout(who, table.unpack(line, 2))
  elseif operation == "try" then
    return TRY[line[2]](self, who, table.unpack(line, 3))
  elseif not self:quick(who, line) then
    SLOW[operation](self, who, table.unpack(line, 2))
  end
end

function Program:timeout(who, delay, block)
  local seconds = tonumber(delay)
  if seconds and seconds > 0 then seconds = self:delay(delay) end
  local _ <close> = saros.timeout(seconds)
  return (self:run_block(who, block))
end

function TRY.any(self, who, block, handler)
  local ok, result = pcall(self.run_block, self, who, block)
  if ok then return result end
  trace(who, "caught", result)
  return self:run_block(who, handler)
end

function TRY.cancel(self, who, block, handler)
  local ok, result = pcall(self.run_block, self, who, block)
  if ok then return result end
  if not saros.is_error(result, saros.CancelledError) then error(result, 0) end
  trace(who, "caught", result)
  return self:run_block(who, handler)
end

function TRY.reraise(self, who, block, handler)
  local ok, result = pcall(self.run_block, self, who, block)
  if ok then return result end
  trace(who, "caught", result)
  self:run_block(who, handler)
  error(result, 0)
end

function TRY.finally(self, who, block, handler)
  local _ <close> = setmetatable({}, {
    __close = function()
      trace(who, "finally")
      self:run_block(who, handler)
    end,
  })
  return (self:run_block(who, block))
end

function SLOW.await(self, who, name, wait, ...)
  local thing = self.objects[name]
  if thing == nil then
    trace(who, name, "is nothing yet")
    return
  end
  trace(who, "awaits", name)
  trace(who, "got", ((wait or saros.await)(thing, ...)))
end

function SLOW.wait_for(self, who, name, delay)
  local seconds = tonumber(delay)
  if seconds > 0 then seconds = self:delay(delay) end
  SLOW.await(self, who, name, saros.wait_for, seconds)
end

function SLOW.sleep(self, who, delay)
  saros.sleep(tonumber(delay) > 0 and self:delay(delay) or tonumber(delay))
  trace(who, "slept", delay)
end

function SLOW.wait(self, who, name)
  trace(who, "waits for", name)
  self.objects[name]:wait()
  trace(who, "saw", name)
end

function SLOW.put(self, who, name, value)
  self.objects[name]:put(value)
  trace(who, "put", value)
end

function SLOW.get(self, who, name)
  trace(who, "gets from", name)
  trace(who, "got", (self.objects[name]:get()))
end

function SLOW.await_self()
  saros.current_task():await()
end

function SLOW.cancel_self(_, who)
  trace(who, "cancels itself", saros.current_task():cancel())
end

function SLOW.uncancel(_, who)
  trace(who, "uncancel", saros.current_task():uncancel())
end

function Program:running()
  local names = {}
  for _, name in ipairs(self.spawned) do
    if not self.objects[name]:done() then names[#names + 1] = name end
  end
  return names
end

-- Runs in every iteration, what is on the agenda for it too; in the end it cancels what still runs.
function Program:drive()
  -- Back in the queue first, because the agenda may raise.
  self.driving = self.loop:call_soon(self.drive, self)
  if twin.iteration() >= PATIENCE then
    local running = self:running()
    if #running == 0 then
      self.finished = true
      self.driving:cancel()
      self.loop:stop()
      return
    end
    if twin.iteration() % AGAIN == 0 then
      for _, name in ipairs(running) do trace("cancelling", name, self.objects[name]:cancel()) end
    end
  end
  for _, line in ipairs(self.agenda[twin.iteration()] or {}) do self:quick("agenda", line) end
end

function Program:run()
  print("program " .. self.seed)
  self.loop:call_soon(self.drive, self)
  self.loop:call_soon(function()
    for _, line in ipairs(self.bodies.main) do self:quick("main", line) end
  end)
  while not self.finished do
    self.loop:run_forever()
    trace("stopped")
  end
  local names = {}
  for name, object in pairs(self.objects) do
    if saros.isfuture(object) then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do self:state(name) end
  twin.close(self.loop)
end

-- The operations up to the `end` or `except` of this block.
local function read_block(lines)
  local block = {}
  for line in lines do
    local words = {}
    for word in line:gmatch("%S+") do words[#words + 1] = word end
    if words[1] == "end" or words[1] == "except" then return block end
    if words[1] == "timeout" then
      words[#words + 1] = read_block(lines)
    elseif words[1] == "try" then
      words[#words + 1] = read_block(lines)
      words[#words + 1] = read_block(lines)
    end
    block[#block + 1] = words
  end
  error("a block has no end")
end

local function declare(program, kind, name, rest, lines)
  if kind == "future" then
    program.objects[name] = program.loop:create_future()
  elseif kind == "event" then
    program.objects[name] = saros.Event()
  elseif kind == "queue" then
    program.objects[name] = saros.Queue(tonumber(rest))
  elseif kind == "at" then
    program.agenda[tonumber(name)] = read_block(lines)
  else
    program.bodies[name] = read_block(lines)
  end
end

local program
local lines = io.lines((assert(arg[1], "the file of programs is missing")))
for line in lines do
  local kind, name, rest = line:match("^(%S+)%s*(%S*)%s*(%S*)")
  if kind == "program" then
    program = new_program(name, rest)
  elseif kind == "run" then
    program:run()
  else
    declare(program, kind, name, rest, lines)
  end
end
