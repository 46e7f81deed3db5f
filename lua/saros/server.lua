--- Servers: what `start_server` and `loop:create_server` return.
--
-- A server owns its listening sockets and knows its connections. Leaving its scope, or
-- cancelling `serve_forever`, ends all of it:
--
--     local server <close> = saros.start_server(handler, "127.0.0.1", 8080)
--     server:serve_forever()
--
-- Mirrors `asyncio.Server`: `wait_closed` is that of Python 3.12, `close_clients` and
-- `abort_clients` those of 3.13; leaving its scope and `shutdown` go further.
-- @module saros.server

local core = require "saros.core"
local Class = require "saros.class"
local check = require "saros.check"
local task_on = require "saros.task_on"
local timeout = require "saros.timeout"

local park, wake = core.wait_queue.park, core.wait_queue.wake
local errors = core.errors

-- Seconds that a client has, when the server ends, to take what was written to it.
local FLUSH_TIME = 1

-- clients[transport] = true while a connection is open and no handler is at work on it,
-- handlers[task] = transport while one is.
local Server = Class.new("Server")

function Server:init(loop, listeners, backlog)
  self.loop = loop
  self.listeners = listeners
  self.backlog = backlog
  self.accept = nil
  self.serving = false
  self.clients, self.handlers = {}, {}
  self.open, self.handling = 0, 0
  self.changes = core.WaitQueue("Server")
end

-- ---- bookkeeping ----

local function wait_until(self, condition)
  while not condition(self) do
    local ok, failure = park(self.changes)
    if not ok then error(failure, 0) end
  end
end

local function is_closed(self)
  return self.listeners == nil and self.open == 0
end

local function is_handled(self)
  return self.handling == 0
end

local function changed(self)
  if self.open == 0 or self.handling == 0 then wake(self.changes, math.huge) end
end

-- A connection has come; `_detach` will be called once when it is lost.
function Server:_attach(transport)
  self.clients[transport] = true
  self.open = self.open + 1
end

-- Called by the core.
function Server:_detach(transport)
  self.clients[transport] = nil
  self.open = self.open - 1
  changed(self)
end

local function report_failed_handler(self, task, transport)
  local failure = task:exception()
  if failure == nil then return end
  self.loop:call_exception_handler {
    message = "Unhandled exception in client_connected_cb",
    exception = failure,
    traceback = task:traceback(),
    task = task,
    transport = transport,
  }
end

local function on_handler_done(self, task)
  local transport = self.handlers[task]
  self.handlers[task] = nil
  self.handling = self.handling - 1
  if transport:get_protocol() then self.clients[transport] = true end
  transport:close()
  changed(self)
  if not task:cancelled() then report_failed_handler(self, task, transport) end
end

-- Runs a handler in a task of its own.
function Server:_handle(transport, handler, ...)
  local task = self.loop:create_task(handler, ...)
  self.handlers[task] = transport
  self.clients[transport] = nil
  self.handling = self.handling + 1
  self.on_done = self.on_done or function(done) on_handler_done(self, done) end
  task:add_done_callback(self.on_done)
end

-- ---- ending ----

local function each_transport(self, fn)
  -- A list first: a method may change the tables.
  local list = {}
  for transport in pairs(self.clients) do list[#list + 1] = transport end
  for _, transport in pairs(self.handlers) do list[#list + 1] = transport end
  for _, transport in ipairs(list) do fn(transport) end
end

local function cancel_handlers(self)
  local list = {}
  for task in pairs(self.handlers) do list[#list + 1] = task end
  for _, task in ipairs(list) do task:cancel() end
end

-- Closes the connections that no handler is at work on: those belong to their handlers
-- until these have ended.
local function close_idle(self)
  local list = {}
  for transport in pairs(self.clients) do list[#list + 1] = transport end
  for _, transport in ipairs(list) do transport:close() end
end

local function wait_flushed(self)
  local _ <close> = timeout.timeout(FLUSH_TIME)
  wait_until(self, is_closed)
end

-- The orderly end of everything.
local function finish(self)
  self:close()
  cancel_handlers(self)
  close_idle(self)
  wait_until(self, is_handled)
  local ok, failure = pcall(wait_flushed, self)
  if ok then return end
  self:abort_clients()
  if not core.is_error(failure, errors.TimeoutError) then error(failure, 0) end
  wait_until(self, is_closed)
end

--- What listens, and knows its connections; a `<close>` variable ends all of it at the end
-- of its scope. Mirrors `asyncio.Server`.
-- @type Server

--- The loop it runs on.
-- @treturn EventLoop
function Server:get_loop()
  return self.loop
end

--- The addresses it listens on.
-- @treturn {Address,...} addresses; empty once it is closed
function Server:sockets()
  local list = {}
  for i, listener in ipairs(self.listeners or {}) do list[i] = listener:address() end
  return list
end

--- Whether it accepts connections.
-- @treturn boolean
function Server:is_serving()
  return self.serving
end

local function listen(self)
  if not self.listeners then
    error(errors.RuntimeError(("server %s is closed"):format(tostring(self))))
  end
  if self.serving then return end
  self.serving = true
  for _, listener in ipairs(self.listeners) do listener:start(self.backlog, self.accept) end
end

--- Accept connections; only needed with the option `start_serving=false`.
-- @raise `RuntimeError` once it is closed; `OSError`
function Server:start_serving()
  listen(self)
  core.sleep(0)
end

--- Accept connections until the calling task is cancelled, or the server is closed; both
-- raise a CancelledError here. A cancellation first ends all of the server: see `__close`.
-- @raise `CancelledError`; `RuntimeError` if it is closed, or served already, and outside a task
function Server:serve_forever()
  if self.forever then
    error(errors.RuntimeError(("server %s is already being awaited on serve_forever()")
      :format(tostring(self))))
  end
  listen(self)
  self.forever = self.loop:create_future()
  local ok, failure = pcall(self.forever.await, self.forever)
  self.forever = nil
  if ok then return end
  -- Where nothing can be waited for, nothing has come to its end.
  if not task_on(self.loop) then error(failure, 0) end
  if self.listeners then finish(self) else self:wait_closed() end
  error(failure, 0)
end

--- Stop listening. The connections that are open stay open. Ends `serve_forever`.
-- Closing twice is harmless.
function Server:close()
  local listeners = self.listeners
  if not listeners then return end
  self.listeners = nil
  self.serving = false
  for _, listener in ipairs(listeners) do listener:close() end
  if self.forever then self.forever:cancel() end
  changed(self)
end

--- Wait until it is closed and all its connections are lost.
-- @raise `CancelledError`; `RuntimeError` outside a task
function Server:wait_closed()
  wait_until(self, is_closed)
end

--- Close all connections, each after what was written to it is sent.
function Server:close_clients()
  each_transport(self, function(transport) transport:close() end)
end

--- Close all connections at once.
function Server:abort_clients()
  each_transport(self, function(transport) transport:abort() end)
end

local function wait_handled(self, grace)
  local _ <close> = timeout.timeout(grace)
  wait_until(self, is_handled)
end

--- End it in an orderly way: stop listening, give the handlers some time to end by
-- themselves, then end what is left as leaving the scope does. Not in asyncio.
-- @tparam[opt=0] number grace seconds
-- @raise `CancelledError`; `bad argument`; `ValueError` for NaN; `RuntimeError` outside a
-- task
function Server:shutdown(grace)
  grace = check.number(grace or 0, 1, "shutdown")
  self:close()
  if grace > 0 then
    local ok, failure = pcall(wait_handled, self, grace)
    if not ok and not core.is_error(failure, errors.TimeoutError) then error(failure, 0) end
  end
  finish(self)
end

--- Leaving the scope: stop listening, cancel the handlers and wait for them, close the
-- connections. A client that does not take what was written to it within a second is
-- aborted. Outside a task nothing can be waited for: the clients are aborted.
function Server:__close()
  if self.loop:is_closed() then return end
  if task_on(self.loop) then return finish(self) end
  self:close()
  cancel_handlers(self)
  self:abort_clients()
end

function Server:__tostring()
  local texts = {}
  for i, address in ipairs(self:sockets()) do
    texts[i] = address.path or ("%s:%d"):format(address.host, address.port)
  end
  local state = self.listeners and table.concat(texts, ", ") or "closed"
  return ("Server: %s"):format(state)
end

return Server
