--- Connections to elsewhere: `loop:create_connection` and `loop:create_unix_connection`.
--
-- A host with several addresses is tried by RFC 8305 ("happy eyeballs"): the families take
-- turns, and the next address is tried when the one before has failed, or has not answered
-- for a quarter of a second. The first to connect wins.
-- @module saros.connect
-- @local

local core = require "saros.core"
local addresses = require "saros.addresses"
local check = require "saros.check"
local release = require "saros.waiter".release

local EventLoop = core.EventLoop
local errors = core.errors

local HAPPY_EYEBALLS_DELAY = 0.25 -- seconds, as RFC 8305 recommends

-- Seconds between attempts when a Unix server's queue is full, which cannot be waited for.
local FIRST_RETRY_DELAY, LAST_RETRY_DELAY = 0.001, 0.1

local connect = {}

--- The options that say how to connect.
connect.OPTIONS = {
  family = "string",
  local_addr = "table",
  happy_eyeballs_delay = "number",
}

local LOCAL_FIELDS = {host = true, port = true, family = true}

-- ---- one address ----

-- Runs fn(transport, ...); a transport that it fails with is of no use to anybody.
local function attempt(transport, fn, ...)
  local ok, failure = pcall(fn, transport, ...)
  if ok then return transport end
  transport:abort()
  error(failure, 0)
end

-- Binds to the first of the local addresses that has the right family and is free.
local function bind(transport, address, local_addresses)
  local failure
  for _, each in ipairs(local_addresses) do
    if each.family == address.family then
      local ok
      ok, failure = pcall(core.bind_socket, transport, each)
      if ok then return end
    end
  end
  error(failure or errors.OSError {
    code = "EADDRNOTAVAIL",
    message = ("no local address of the family '%s'"):format(address.family),
  }, 0)
end

local function bind_and_connect(transport, address, local_addresses)
  if local_addresses then bind(transport, address, local_addresses) end
  core.connect_socket(transport, address)
end

local function connect_to(loop, address, local_addresses)
  return attempt(core.open_socket(loop, address), bind_and_connect, address, local_addresses)
end

-- ---- several addresses ----

-- Families take turns, the first one's first address first.
local function interleave(list)
  local by_family, families, result = {}, {}, {}
  for _, address in ipairs(list) do
    local same = by_family[address.family]
    if not same then
      same = {}
      by_family[address.family] = same
      families[#families + 1] = same
    end
    same[#same + 1] = address
  end
  for i = 1, #list do
    for _, same in ipairs(families) do result[#result + 1] = same[i] end
  end
  return result
end

-- The one error that stands for all of them.
local function combine(failures)
  local first, texts, same = failures[1], {}, true
  for i, failure in ipairs(failures) do
    texts[i] = tostring(failure)
    same = same and texts[i] == texts[1]
  end
  if same then return first end
  return errors.OSError {
    code = first.code,
    errno = first.errno,
    message = "Multiple exceptions: " .. table.concat(texts, ", "),
    errors = failures,
  }
end

-- The state of a race: `winner` is the first transport that connected.
local Race = {}
Race.__index = Race

function Race:on_done(task)
  self.running[task] = nil
  -- Only the race itself cancels its tasks, when it is over.
  local failure = not task:cancelled() and task:exception()
  if failure then
    self.failures[#self.failures + 1] = failure
  elseif not task:cancelled() then
    if self.winner or self.over then
      task:result():abort()
    else
      self.winner = task:result()
    end
  end
  if self.changed then release(self.changed) end
end

function Race:start(address)
  local task = self.loop:create_task(connect_to, self.loop, address, self.local_addresses)
  self.running[task] = true
  task:add_done_callback(function() self:on_done(task) end)
end

-- Until something has changed, or a delay is over.
function Race:wait(delay)
  self.changed = self.loop:create_future()
  local timer = delay and self.loop:call_later(delay, release, self.changed)
  local ok, failure = pcall(self.changed.await, self.changed)
  if timer then timer:cancel() end
  if not ok then error(failure, 0) end
end

function Race:run(list, delay)
  local tried = 0
  repeat
    if tried < #list then
      tried = tried + 1
      self:start(list[tried])
    end
    self:wait(tried < #list and delay or nil)
  until self.winner or (tried == #list and next(self.running) == nil)
end

function Race:stop()
  self.over = true
  for task in pairs(self.running) do task:cancel() end
end

local function race(loop, list, delay, local_addresses)
  local self = setmetatable({
    loop = loop,
    local_addresses = local_addresses,
    running = {},
    failures = {},
  }, Race)
  local ok, failure = pcall(self.run, self, interleave(list), delay)
  self:stop()
  if not ok then
    if self.winner then self.winner:abort() end
    error(failure, 0)
  end
  if self.winner then return self.winner end
  error(combine(self.failures), 0)
end

-- ---- for streams as well ----

-- A list as Python's tuple, a path or a misspelt name would else stand for any address.
local function check_fields(address)
  for field in pairs(address) do
    if not LOCAL_FIELDS[field] then
      error(errors.ValueError(("unknown field '%s' of the option 'local_addr' (known: %s)")
        :format(tostring(field), check.names(LOCAL_FIELDS))))
    end
  end
end

local function resolve_local(loop, options, n, name)
  local address = options.local_addr
  if not address then return nil end
  check_fields(address)
  local where = " in the option 'local_addr'"
  local host = addresses.check_host(address.host, n, name, true, where)
  local port = addresses.check_port(address.port or 0, n, name, where)
  addresses.check_family(address.family)
  return addresses.resolve(loop, host, port, {family = address.family or options.family, passive = true})
end

--- Connect to a host.
-- @tparam EventLoop loop the running one
-- @param host a name, a numeric host, or a list of them
-- @param port a number or the name of a service
-- @tparam table options checked ones of `connect.OPTIONS`
-- @tparam integer n the position of the argument `host`
-- @tparam string name the public function's name
-- @treturn Transport one that is not started
-- @raise `OSError`; `CancelledError`; `ValueError`; `bad argument`
function connect.tcp(loop, host, port, options, n, name)
  host = addresses.check_host(host, n, name, true)
  port = addresses.check_port(port, n + 1, name)
  addresses.check_family(options.family)
  local local_addresses = resolve_local(loop, options, n + 2, name)
  local list = addresses.resolve(loop, host, port, {family = options.family})
  if #list == 1 then return connect_to(loop, list[1], local_addresses) end
  return race(loop, list, options.happy_eyeballs_delay or HAPPY_EYEBALLS_DELAY, local_addresses)
end

local function connect_patiently(transport, address)
  local delay = FIRST_RETRY_DELAY
  while true do
    local ok, failure = pcall(core.connect_socket, transport, address)
    if ok then return end
    if not core.is_error(failure, errors.OSError) or failure.code ~= "EAGAIN" then
      error(failure, 0)
    end
    core.sleep(delay)
    delay = math.min(2 * delay, LAST_RETRY_DELAY)
  end
end

--- Connect to a Unix socket.
-- @tparam EventLoop loop the running one
-- @tparam string path
-- @tparam integer n the position of the argument `path`
-- @tparam string name the public function's name
-- @treturn Transport one that is not started
-- @raise `OSError`; `CancelledError`; `ValueError`; `bad argument`
function connect.unix(loop, path, n, name)
  if type(path) ~= "string" then check.fail(n, name, "string", path) end
  local address = {path = path}
  return attempt(core.open_socket(loop, address), connect_patiently, address)
end

--- Check what a protocol factory has made.
-- @param protocol a table or userdata
-- @return the protocol
function connect.check_protocol(protocol)
  local kind = type(protocol)
  if kind ~= "table" and kind ~= "userdata" then
    error(errors.RuntimeError(("the protocol factory returned a %s, not a protocol"):format(kind)))
  end
  return protocol
end

-- Starts the transport, and waits until its protocol has heard of it.
local function start(transport, factory)
  local protocol = connect.check_protocol(factory())
  core.start_transport(transport, protocol)
  core.sleep(0)
  return protocol
end

local function start_or_abort(transport, factory)
  local ok, protocol = pcall(start, transport, factory)
  if ok then return transport, protocol end
  transport:abort()
  error(protocol, 0)
end

-- ---- the loop's methods ----

--- Connect to a host, callback style. Mirrors `loop.create_connection`.
-- @function EventLoop:create_connection
-- @tparam fun():table factory returns the protocol: any table. A class will do
-- @tparam ?string|{string,...} host a name, a numeric host ("127.0.0.1", "fe80::1%eth0"), a
-- list of them, or nil for the loopback
-- @tparam integer|string port a number or the name of a service
-- @tparam ?table options how to connect
-- @tparam[opt="any"] string options.family `"any"`, `"inet"` or `"inet6"`
-- @tparam ?Address options.local_addr the address to connect from
-- @tparam[opt=0.25] number options.happy_eyeballs_delay seconds until the next address is
-- tried beside the one before
-- @treturn Transport the connection
-- @treturn table the protocol, whose `connection_made` was called
-- @raise `OSError` with a code such as `"ECONNREFUSED"` or `"EAI_NONAME"`; what the factory
-- raises; `ValueError`; `bad argument`; `CancelledError`; `RuntimeError` outside a task
function EventLoop:create_connection(factory, host, port, options)
  check.callable(factory, 1, "create_connection")
  options = check.options(options, connect.OPTIONS, 4, "create_connection")
  return start_or_abort(connect.tcp(self, host, port, options, 2, "create_connection"), factory)
end

--- Connect to a Unix socket, callback style. Mirrors `loop.create_unix_connection`.
-- @function EventLoop:create_unix_connection
-- @tparam fun():table factory returns the protocol
-- @tparam string path the socket's; one that begins with a zero byte is Linux's abstract kind
-- @tparam ?table options there are none yet
-- @treturn Transport the connection
-- @treturn table the protocol, whose `connection_made` was called
-- @raise as `create_connection`
function EventLoop:create_unix_connection(factory, path, options)
  check.callable(factory, 1, "create_unix_connection")
  check.options(options, {}, 3, "create_unix_connection")
  return start_or_abort(connect.unix(self, path, 2, "create_unix_connection"), factory)
end

return connect
