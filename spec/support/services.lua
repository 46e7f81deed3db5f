--- Services that specs run, `saros scheduler FILE`: each in a folder of its own, which goes with it.
--
--     local service <close> = services.start [[scheduler:schedule_recurring("beat", beat, 1)]]
--     service:expect_log("serving 1 job ")
--     assert.equal("exit 0", service:stop())
--
-- The calls here block, as those of spec.support.process do.

local assert = require "luassert"
local lfs = require "lfs"
local process = require "spec.support.process"
local scripts = require "spec.support.scripts"
local system = require "system"

local LIMIT = 60 -- seconds, for a machine that has other things to do
local PAUSE = 0.01

-- `note(...)` adds a line to a file that the spec reads, at once; what a job is told about its run is left out.
local PROLOGUE = [[
local saros = require "saros"
local function note(...)
  local words = {...}
  if type(words[#words]) == "table" then table.remove(words) end
  local file <close> = assert(io.open(%q, "a"))
  file:write(table.concat(words, " "), "\n")
end
return function(scheduler)
%s
end
]]

local services = {LIMIT = LIMIT}

local Service = {}
Service.__index = Service

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a") or ""
end

local function make_folder()
  local pipe <close> = assert(io.popen("mktemp -d"))
  return assert(pipe:read("l"), "mktemp makes no folder")
end

--- A folder with a jobs file, without a service yet.
-- @tparam string body of the file's function, which has `saros`, `scheduler` and `note`
function services.prepare(body)
  local folder = make_folder()
  local self = setmetatable({folder = folder, file = folder .. "/jobs.lua", control = folder .. "/control"}, Service)
  self:write(body)
  return self
end

--- The same with a service, its states in memory unless the arguments say otherwise.
-- @tparam string body
-- @tparam string ... further arguments
function services.start(body, ...)
  local self = services.prepare(body)
  self:launch("--store", "memory", "--control", self.control, ...)
  return self
end

--- Start the service.
-- @tparam string ... its arguments after the file
function Service:launch(...)
  self.process = process.saros("scheduler", self.file, ...)
end

--- Start it with variables in its environment.
-- @tparam {string,...} variables `NAME=value`
-- @tparam string ... its arguments after the file
function Service:launch_with(variables, ...)
  local words = table.move(variables, 1, #variables, 2, {"env"})
  for _, word in ipairs {os.getenv("SAROS_LUA") or "lua5.4", "scripts/saros", "scheduler", self.file, ...} do
    words[#words + 1] = word
  end
  self.process = process.start(table.unpack(words))
end

--- Write the jobs file.
-- @tparam string body
function Service:write(body)
  self:write_raw(PROLOGUE:format(self.folder .. "/notes", body))
end

--- Write the jobs file as it is given.
function Service:write_raw(text)
  local file <close> = assert(io.open(self.file, "w"))
  file:write(text)
end

--- Write the jobs file and let the service read it; what it logs about that.
function Service:reload(body)
  local before = #self:log()
  if body then self:write(body) end
  self.process:signal("SIGHUP")
  return services.await(function()
    local log = self:log():sub(before + 1)
    return log:match("[^\n]*reloaded [^\n]*\n") or log:match("[^\n]* is refused[^\n]*\n")
  end, "reload")
end

--- What the jobs have noted, line by line.
function Service:notes()
  local lines = {}
  for line in read(self.folder .. "/notes"):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

--- What it has logged.
function Service:log()
  return self.process:errors()
end

--- Wait until something is so.
-- @tparam fun():any condition
-- @return what it gives
function services.await(condition, what)
  local limit = system.monotime() + LIMIT
  while true do
    local result = condition()
    if result then return result end
    if system.monotime() > limit then error("nothing happened in time: " .. (what or "?"), 2) end
    system.sleep(PAUSE)
  end
end

--- Wait until the log matches, from some place on.
-- @return the match
function Service:expect_log(pattern, from)
  return services.await(function()
    local log = self:log()
    if self.process.outcome and not log:find(pattern, (from or 0) + 1) then
      error(("it ended without logging %s: %s\n%s"):format(pattern, self.process.outcome, log), 0)
    end
    return log:match(pattern, (from or 0) + 1)
  end, pattern)
end

--- Wait until it serves.
function Service:ready()
  self:expect_log("serving %d+ jobs? ")
  return self
end

--- Wait until a job has noted a line, a number of times.
function Service:await_note(line, count)
  services.await(function()
    local found = 0
    for _, other in ipairs(self:notes()) do
      if other == line then found = found + 1 end
    end
    return found >= (count or 1)
  end, "note " .. line)
end

--- Run a command that talks to it: how it ended, its output, its errors.
function Service:run(...)
  local words = {...}
  words[#words + 1] = "--control"
  words[#words + 1] = self.control
  return scripts.launch("scheduler", table.unpack(words))
end

--- Run such a command, which is to succeed; its output.
function Service:output_of(...)
  local outcome, output, errors = self:run(...)
  assert.equal("", errors)
  assert.equal("exit 0", outcome)
  return output
end

--- Stop it; how it ended.
function Service:stop()
  self.process:signal("SIGTERM")
  return self.process:wait(LIMIT)
end

function Service:__close()
  if self.process then self.process:close() end
  for name in lfs.dir(self.folder) do
    if name ~= "." and name ~= ".." then os.remove(self.folder .. "/" .. name) end
  end
  lfs.rmdir(self.folder)
end

return services
