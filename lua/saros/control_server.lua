--- The control socket of a scheduler's service: who may open it can ask how jobs do, and change that.
--
-- A request is a line of JSON, `{"command":"pause","name":"report"}`, and so is the answer,
-- `{"ok":true,"result":{...}}` or `{"ok":false,"error":"there is no job 'report'"}`. A connection may send
-- any number of requests; each is answered before the next is read. A request has at most 64 KiB and a
-- minute to come, and so does who reads the answer: then the connection is closed.
-- @module saros.control_server
-- @local

local core = require "saros.core"
local control_commands = require "saros.control_commands"
local Event = require "saros.event".Event
local failure_text = require "saros.failure_text"
local json = require "saros.json"
local streams = require "saros.streams"
local wait_for = require "saros.wait_for".wait_for

local errors, is_error = core.errors, core.is_error

local LIMIT = 64 * 1024 -- bytes
local PROBE_TIME_LIMIT = 5
local LOCK_TIME_LIMIT = 10
local LOCK_PAUSE = 0.01

local OWNER_ONLY = 384 -- 0600

-- time_limit: in seconds, how long a request may take to come, and an answer to be read.
local control_server = {time_limit = 60}

local Control = {}
Control.__index = Control

-- ---- listening ----

local function cannot_listen(path, reason)
  error(errors.RuntimeError(("cannot listen at the control socket %s: %s"):format(path, reason)))
end

-- Whoever begins to listen has locked a file beside the path meanwhile: of two that found it free at once, the
-- second would take it from the first.
local Lock = {}

function Lock:__close()
  os.remove(self.path)
  self.file:close()
end

local function lock(path)
  local self = setmetatable({path = path .. ".lock"}, Lock)
  local limit = core.monotonic() + LOCK_TIME_LIMIT
  while true do
    local ok, file = pcall(core.lock_file, self.path)
    if not ok then cannot_listen(path, failure_text(file)) end
    self.file = file
    if file then return self end
    if core.monotonic() > limit then cannot_listen(path, "another service begins to listen there") end
    core.sleep(LOCK_PAUSE)
  end
end

-- Whether a service listens there.
local function is_alive(path)
  local ok, reader, writer = pcall(wait_for, streams.open_unix_connection, PROBE_TIME_LIMIT, path)
  if ok then
    writer:close()
    return reader ~= nil
  end
  if is_error(reader, errors.CancelledError) then error(reader, 0) end
  -- What is refused is left over, or no socket at all.
  local code = is_error(reader, errors.OSError) and reader.code
  if code == "ENOENT" or code == "ECONNREFUSED" then return false end
  cannot_listen(path, failure_text(reader))
end

-- ---- answering ----

local function answer(self, line)
  local is_json, request = json.decode(line)
  if not is_json then return {ok = false, error = "the request is not JSON: " .. failure_text(request)} end
  local ok, result = pcall(control_commands.perform, self.scheduler, self.log, request)
  if ok then return {ok = true, result = result} end
  if is_error(result, errors.CancelledError) then error(result, 0) end
  return {ok = false, error = failure_text(result)}
end

local function send(writer, response)
  writer:write(json.encode(response) .. "\n")
  wait_for(writer.drain, control_server.time_limit, writer)
end

-- Answers until the client is gone, or does what it should not.
local function converse(self, reader, writer)
  while true do
    local ok, line = pcall(wait_for, reader.readline, control_server.time_limit, reader)
    if not ok then
      if not is_error(line, errors.LimitOverrunError) then error(line, 0) end
      return send(writer, {ok = false, error = ("the request has more than %d bytes"):format(LIMIT)})
    end
    -- What has no end was cut off.
    if not line or line:sub(-1) ~= "\n" then return end
    send(writer, answer(self, line))
  end
end

-- That a client hangs, or has gone, is nobody's failure.
local function handle(self, reader, writer)
  self.ready:wait()
  local ok, failure = pcall(converse, self, reader, writer)
  if ok then return end
  if is_error(failure, errors.TimeoutError) then
    writer.transport:abort()
  elseif not is_error(failure, errors.OSError) then
    error(failure, 0)
  end
end

--- Listen, from the beginning for the user alone. Who comes now is answered when it serves.
-- @tparam string path where the socket will be; what a service that is gone has left there is replaced
-- @tparam table log a `saros.service_log`
-- @treturn table for a `<close>` variable
-- @raise `RuntimeError` if another service listens there, or it cannot be made
function control_server.listen(path, log)
  json.prepare()
  if path == "" then cannot_listen(path, "the path is empty") end
  local _ <close> = lock(path)
  if is_alive(path) then cannot_listen(path, "another service listens there") end
  local self = setmetatable({log = log, ready = Event()}, Control)
  local function on_client(...) return handle(self, ...) end
  local ok, server = pcall(streams.start_unix_server, on_client, path, {limit = LIMIT, mode = OWNER_ONLY})
  if not ok then
    if not is_error(server, errors.OSError) then error(server, 0) end
    cannot_listen(path, server.message)
  end
  self.server = server
  return self
end

--- Answer from now on.
-- @tparam Scheduler scheduler
function Control:serve(scheduler)
  self.scheduler = scheduler
  self.ready:set()
end

--- Remove the socket, and end all conversations.
function Control:__close()
  self.server:shutdown()
end

return control_server
