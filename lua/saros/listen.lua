--- Making servers: `loop:create_server` and `loop:create_unix_server`.
-- @module saros.listen
-- @local

local core = require "saros.core"
local Server = require "saros.server"
local addresses = require "saros.addresses"
local check = require "saros.check"
local connect = require "saros.connect"

local EventLoop = core.EventLoop
local errors = core.errors

local BACKLOG = 100 -- asyncio's
local MOST_BACKLOG = 0x7fffffff -- an int of C

-- Codes with which a system says that it does not have a family at all.
local UNSUPPORTED = {EAFNOSUPPORT = true, EADDRNOTAVAIL = true}

local listen = {}

--- The options of servers.
listen.OPTIONS = {
  backlog = "integer",
  family = "string",
  reuse_port = "boolean",
  start_serving = "boolean",
}

listen.UNIX_OPTIONS = {backlog = "integer", mode = "integer", start_serving = "boolean"}

local MOST_MODE = 511 -- 0777

local function check_backlog(backlog)
  if backlog and (backlog < 1 or backlog > MOST_BACKLOG) then
    error(errors.ValueError(("backlog (%d) must be from 1 to %d"):format(backlog, MOST_BACKLOG)))
  end
  return backlog or BACKLOG
end

local function check_mode(mode)
  if mode and (mode < 0 or mode > MOST_MODE) then
    error(errors.ValueError(("mode (%d) must be from 0 to %d, which is 0777"):format(mode, MOST_MODE)))
  end
  return mode
end

-- A machine without IPv6 still resolves names to it; only if nothing can be bound is that
-- an error.
local function bind_all(loop, list, reuse_port)
  local listeners, unsupported = {}, nil
  for _, address in ipairs(list) do
    local ok, result = pcall(core.bind_listener, loop, address, reuse_port)
    if ok then
      listeners[#listeners + 1] = result
    elseif #list > 1 and core.is_error(result, errors.OSError) and UNSUPPORTED[result.code] then
      unsupported = result
    else
      for _, listener in ipairs(listeners) do listener:close() end
      error(result, 0)
    end
  end
  if #listeners == 0 then error(unsupported, 0) end
  return listeners
end

local function start(loop, listeners, options, make_accept)
  local server = Server(loop, listeners, options.backlog or BACKLOG)
  server.accept = core.bind_context(make_accept(server))
  if options.start_serving ~= false then
    local ok, failure = pcall(server.start_serving, server)
    if not ok then
      server:close()
      error(failure, 0)
    end
  end
  return server
end

--- Make a server on TCP.
-- @tparam EventLoop loop the running one
-- @tparam function make_accept called with the server, returns what is called with the
-- transport of each connection
-- @param host where to listen
-- @param port what port
-- @tparam table options checked ones of `listen.OPTIONS`
-- @tparam string name the public function's name
-- @treturn Server
function listen.tcp(loop, make_accept, host, port, options, name)
  host = addresses.check_host(host, 2, name, true)
  port = addresses.check_port(port or 0, 3, name)
  addresses.check_family(options.family)
  check_backlog(options.backlog)
  local list = addresses.resolve(loop, host, port, {family = options.family, passive = true})
  return start(loop, bind_all(loop, list, options.reuse_port), options, make_accept)
end

--- Make a server on a Unix socket.
-- @tparam EventLoop loop the running one
-- @tparam function make_accept as for `listen.tcp`
-- @tparam string path
-- @tparam table options checked ones of `listen.UNIX_OPTIONS`
-- @tparam string name the public function's name
-- @treturn Server
function listen.unix(loop, make_accept, path, options, name)
  if type(path) ~= "string" then check.fail(2, name, "string", path) end
  check_backlog(options.backlog)
  local listener = core.bind_listener(loop, {path = path}, false, check_mode(options.mode))
  return start(loop, {listener}, options, make_accept)
end

--- Sort out a host, a port and options, of which the former two may be left out.
-- A table with a first element is a list of hosts, any other is one of options.
-- @return host
-- @return port
-- @treturn ?table options
function listen.shift(host, port, options)
  if options == nil and type(port) == "table" then port, options = nil, port end
  if options == nil and port == nil and type(host) == "table" and host[1] == nil then
    host, options = nil, host
  end
  return host, port, options
end

-- What a server does with a connection: it makes a protocol.
local function serve_protocols(factory)
  return function(server)
    return function(transport)
      local protocol = connect.check_protocol(factory())
      server:_attach(transport)
      core.start_transport(transport, protocol, server)
    end
  end
end

--- Listen on TCP, callback style. Mirrors `loop.create_server`.
-- @function EventLoop:create_server
-- @tparam fun():table factory called for each connection, returns its protocol: any table.
-- A class will do
-- @tparam[opt] string|{string,...} host where to listen: a name, a numeric host, a list of
-- them; nil or `""` for every interface
-- @tparam[opt=0] integer|string port a number or the name of a service; 0 for any free one
-- @tparam ?table options how to listen
-- @tparam[opt=100] integer options.backlog how many connections may wait
-- @tparam[opt="any"] string options.family `"any"`, `"inet"` or `"inet6"`
-- @tparam[opt=false] boolean options.reuse_port true lets several processes listen on one port
-- @tparam[opt=true] boolean options.start_serving false to call `server:start_serving()` later
-- @treturn Server
-- @raise `OSError` with a code such as `"EADDRINUSE"`, the message names the address;
-- `ValueError`; `bad argument`; `CancelledError`; `RuntimeError` outside a task
function EventLoop:create_server(factory, host, port, options)
  check.callable(factory, 1, "create_server")
  host, port, options = listen.shift(host, port, options)
  options = check.options(options, listen.OPTIONS, 4, "create_server")
  return listen.tcp(self, serve_protocols(factory), host, port, options, "create_server")
end

--- Listen on a Unix socket, callback style. Mirrors `loop.create_unix_server`. A socket
-- that a former server left at the path is replaced; closing removes it.
-- @function EventLoop:create_unix_server
-- @tparam fun():table factory called for each connection, returns its protocol
-- @tparam string path where the socket will be; one that begins with a zero byte is Linux's
-- abstract kind
-- @tparam ?table options how to listen
-- @tparam[opt=100] integer options.backlog how many connections may wait
-- @tparam ?integer options.mode the most permissions that the socket's file has, from its first
-- moment: 384, which is 0600, keeps other users out; without it the umask decides
-- @tparam[opt=true] boolean options.start_serving false to call `server:start_serving()` later
-- @treturn Server
-- @raise as `create_server`
function EventLoop:create_unix_server(factory, path, options)
  check.callable(factory, 1, "create_unix_server")
  options = check.options(options, listen.UNIX_OPTIONS, 3, "create_unix_server")
  return listen.unix(self, serve_protocols(factory), path, options, "create_unix_server")
end

return listen
