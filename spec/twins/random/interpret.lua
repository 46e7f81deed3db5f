-- Runs the random programs of generate.lua, whose text is in the file named, and prints traces.

local operations = require "spec.twins.random.operations"
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

-- Iterations after which whatever still runs is cancelled, every few iterations anew.
local PATIENCE = 40
local AGAIN = 4

-- Calls of callbacks that a program gets: one that schedules itself twice would double for ever.
local CALLS = 60

-- The blocks of operations in a block, up to its `end`.
local PARTS = { timeout = 1, group = 1, hold = 1, try = 2 }

local Program = {}
Program.__index = Program

local function new_program(seed, kind)
  twin.untimed = kind == "untimed"
  return setmetatable({
    seed = seed,
    loop = twin.new_loop(),
    objects = {},
    locks = {},
    variables = {},
    bodies = {},
    agenda = {},
    callbacks = {},
    waits = {},
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

-- For what sets no timer when the time is up already: no seconds and less stay what they are.
function Program:limit(text)
  local seconds = tonumber(text)
  return seconds and seconds > 0 and self:delay(text) or seconds
end

function Program:spawn(name, create, owner)
  if self.objects[name] or self.finished then
    trace("no more", name)
    return
  end
  create = create or self.loop.create_task
  self.objects[name] = create(owner or self.loop, self.body, self, name)
  self.spawned[#self.spawned + 1] = name
end

function Program:body(name)
  trace(name, "starts", self:values())
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
    trace(name, "called", self:values())
    self:run_quick(name, self.bodies[name])
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

-- What the variables are in the current context.
function Program:values()
  local values = { n = #self.variables }
  for i, name in ipairs(self.variables) do values[i] = self.objects[name]:get() end
  return values
end

-- The names of futures, in their order.
function Program:names(futures)
  local by_future = {}
  for name, object in pairs(self.objects) do
    -- A shield of what is done is the same future: it goes by the name that comes first.
    local other = by_future[object]
    by_future[object] = other and other < name and other or name
  end
  local list = {}
  for i, future in ipairs(futures) do list[i] = by_future[future] end
  return list
end

-- Who waits for what, to cancel it in the very iteration in which it is woken.
local Waiting = {}
Waiting.__index = Waiting

function Program:waiting(who, name)
  local waiting = setmetatable({ program = self, who = who, name = name }, Waiting)
  table.insert(self.waits, waiting)
  return waiting
end

function Waiting:finish()
  local waits = self.program.waits
  for i, each in ipairs(waits) do
    if each == self then table.remove(waits, i) end
  end
end

Waiting.__close = Waiting.finish

function Program:first_waiter(name)
  for _, waiting in ipairs(self.waits) do
    if waiting.name == name then return waiting.who end
  end
end

-- Runs operations in order; a table of one value when one of them returned.
function Program:run_block(who, block)
  for _, line in ipairs(block) do
    local operation = line[1]
    local run = operations.quick[operation] or operations.slow[operation] or operations.blocks[operation]
    local result = run(self, who, table.unpack(line, 2))
    if result then return result end
  end
end

-- Runs operations that do not wait.
function Program:run_quick(who, block)
  for _, line in ipairs(block) do
    operations.quick[line[1]](self, who, table.unpack(line, 2))
  end
end

-- Cancels what still runs; false if nothing does.
function Program:cancel_running()
  local any = false
  for _, name in ipairs(self.spawned) do
    local task = self.objects[name]
    if not task:done() then
      any = true
      if twin.iteration() % AGAIN == 0 then trace("cancelling", name, task:cancel()) end
    end
  end
  -- A cancelled wait for a condition ends when it has the lock, which may never be released otherwise.
  for _, name in ipairs(self.locks) do
    if any and twin.iteration() % AGAIN == 0 and self.objects[name]:locked() then
      operations.quick.release(self, "agenda", name)
    end
  end
  return any
end

-- Runs in every iteration, what is on the agenda for it too; in the end it cancels what still runs.
function Program:drive()
  -- Back in the queue first, because the agenda may raise.
  self.driving = self.loop:call_soon(self.drive, self)
  if twin.iteration() >= PATIENCE and not self:cancel_running() then
    self.finished = true
    self.driving:cancel()
    self.loop:stop()
  end
  self:run_quick("agenda", self.agenda[twin.iteration()] or {})
end

function Program:run()
  print("program " .. self.seed)
  self.loop:call_soon(self.drive, self)
  self.loop:call_soon(self.run_quick, self, "main", self.bodies.main)
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
    for _ = 1, PARTS[words[1]] or 0 do words[#words + 1] = read_block(lines) end
    block[#block + 1] = words
  end
  error("a block has no end")
end

local function declare(program, kind, name, words, lines)
  local make = operations.make[kind]
  if make then
    program.objects[name] = make(program, table.unpack(words))
    if kind == "lock" or kind == "condition" then table.insert(program.locks, name) end
    if kind == "variable" then table.insert(program.variables, name) end
  elseif kind == "at" then
    program.agenda[tonumber(name)] = read_block(lines)
  else
    program.bodies[name] = read_block(lines)
  end
end

local program
local lines = io.lines((assert(arg[1], "the file of programs is missing")))
for line in lines do
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  local kind, name = words[1], words[2]
  if kind == "program" then
    program = new_program(name, words[3])
  elseif kind == "run" then
    program:run()
  else
    declare(program, kind, name, { table.unpack(words, 3) }, lines)
  end
end
