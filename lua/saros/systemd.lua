--- Telling systemd how a service does, as `sd_notify(3)` does: it is ready, reloads, stops, and its loop
-- turns still.
--
-- Where `NOTIFY_SOCKET` is not set, nobody wants to know, and nothing is sent. Like systemd's other
-- clients it gives up on what cannot be sent; the log says so once.
-- @module saros.systemd
-- @local

local core = require "saros.core"
local logger = require "saros.logger"

-- What passes: systemd does not keep up, or the process, or the system, is out of what a socket takes.
local PASSES = {EAGAIN = true, EMFILE = true, ENFILE = true, ENOBUFS = true, ENOMEM = true}

-- Seconds until the next attempt then.
local RETRY_DELAY = 0.1

local MICROSECONDS = 1e6

-- queue: messages that are to be sent still, in order. `interval`: seconds between two signs of life, if
-- they are wanted.
local Notifier = {}
Notifier.__index = Notifier

local systemd = {}

-- Half of what systemd waits for; nil if it does not wait for this process.
local function watchdog_interval(environment)
  local micros = tonumber(environment("WATCHDOG_USEC"))
  local pid = environment("WATCHDOG_PID")
  if not micros or micros <= 0 then return nil end
  if pid and pid ~= "" and tonumber(pid) ~= core.process_id() then return nil end
  return micros / MICROSECONDS / 2
end

--- Make one.
-- @tparam EventLoop loop
-- @tparam ?fun(name:string):?string environment instead of the process's
-- @treturn table for a `<close>` variable
function systemd.new(loop, environment)
  environment = environment or os.getenv
  local address = environment("NOTIFY_SOCKET")
  if address == "" then address = nil end
  return setmetatable({
    loop = loop,
    address = address,
    interval = address and watchdog_interval(environment),
    queue = {},
  }, Notifier)
end

local function complain(self, failure)
  if self.has_complained then return end
  self.has_complained = true
  logger.warn("%s", "systemd cannot be told how the service does: " .. tostring(failure))
end

local function passes(failure)
  return core.is_error(failure, core.errors.OSError) and PASSES[failure.code]
end

local function flush(self)
  self.retry = nil
  while self.queue[1] do
    local ok, failure = pcall(core.notify, self.address, self.queue[1])
    if not ok and passes(failure) and not self.closed then
      self.retry = self.loop:call_later(RETRY_DELAY, flush, self)
      return
    end
    table.remove(self.queue, 1)
    if not ok then complain(self, failure) end
  end
end

local function send(self, ...)
  if not self.address then return end
  table.insert(self.queue, table.concat({...}, "\n"))
  if not self.retry then flush(self) end
end

-- A message has a line for each thing that it tells.
local function status_line(text)
  return "STATUS=" .. text:gsub("%c+", " ")
end

--- The service works from now on, or again.
-- @tparam string text what `systemctl status` is to show
function Notifier:ready(text)
  send(self, "READY=1", status_line(text))
end

--- The service reads its settings, until it is ready again.
function Notifier:reloading()
  send(self, "RELOADING=1", ("MONOTONIC_USEC=%.0f"):format(core.monotonic() * MICROSECONDS), "STATUS=reloading")
end

--- The service ends.
-- @tparam string text what `systemctl status` is to show
function Notifier:stopping(text)
  send(self, "STOPPING=1", status_line(text))
end

local function sign_of_life(self)
  -- What waits to be sent is one already.
  if not self.queue[1] then send(self, "WATCHDOG=1") end
  self.timer = self.loop:call_later(self.interval, sign_of_life, self)
end

--- From now on tell that the loop turns, if systemd wants to know. It does not when a callback or a task
-- holds it.
function Notifier:start_watchdog()
  if self.interval and not self.timer then sign_of_life(self) end
end

--- Tell nothing more.
function Notifier:close()
  self.closed = true
  if self.timer then self.timer:cancel() end
  if self.retry then self.retry:cancel() end
  flush(self)
  self.interval = nil
end

Notifier.__close = Notifier.close

return systemd
