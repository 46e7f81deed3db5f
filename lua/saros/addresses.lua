--- Hosts and ports to addresses.
--
-- An address is `{host=, port=, family="inet"|"inet6"}`, or `{path=}` for a Unix socket.
-- A numeric host never touches the resolver; a name is looked up on a thread, and the
-- task waits.
-- @module saros.addresses

local core = require "saros.core"
local check = require "saros.check"

local EventLoop = core.EventLoop
local ValueError = core.errors.ValueError

local addresses = {}

--- Where something listens, or is connected to: a host and a port, or the path of a Unix
-- socket.
-- @table Address
-- @tfield ?string host numeric: `"127.0.0.1"`, `"fe80::1%eth0"`
-- @tfield ?integer port from 0 to 65535
-- @tfield ?string family `"inet"` or `"inet6"`
-- @tfield ?string path of a Unix socket

local FAMILIES = {any = true, inet = true, inet6 = true}

--- Check the option `family`.
-- @local
-- @tparam ?string family
-- @raise `ValueError` for an unknown one
function addresses.check_family(family)
  if family ~= nil and not FAMILIES[family] then
    error(ValueError(("unknown family '%s' (known: any, inet, inet6)"):format(tostring(family))))
  end
end

--- Check a port.
-- @local
-- @param port a number, a numeric string, or the name of a service as in `"http"`
-- @tparam integer n the argument's position
-- @tparam string name the public function's name
-- @tparam ?string where it came from inside the argument, see `check.fail`
-- @return an integer, or a service's name
-- @raise `bad argument`; `ValueError` for a number that is no port
function addresses.check_port(port, n, name, where)
  local number = tonumber(port)
  if number == nil then
    if type(port) ~= "string" or port == "" then check.fail(n, name, "port number", port, where) end
    return port
  end
  local integer = math.tointeger(number)
  if not integer or integer < 0 or integer > 65535 then
    error(ValueError(("port %s is not an integer between 0 and 65535"):format(tostring(port))))
  end
  return integer
end

-- One host; nil is what the resolver makes of it: every interface or the loopback.
local function resolve_one(loop, host, port, options)
  if host and math.type(port) == "integer" then
    local address = core.parse_address(host, port, options.family)
    if address then return {address} end
  end
  local service = tostring(port)
  return core.look_up_host(loop, host, service, options.family, options.datagram, options.passive)
end

local function key_of(address)
  return address.host .. "\0" .. address.port
end

--- All addresses of a host, or of a list of hosts, each once, in order.
-- @local
-- @tparam EventLoop loop the running one
-- @param host a name, a numeric host, a list of them, or nil: the loopback, or every
-- interface with `passive`
-- @param port as of `check_port`
-- @tparam table options `family`: `"any"` `"inet"` `"inet6"`; `passive`: true for addresses
-- to listen on; `datagram`
-- @treturn {table,...} at least one address
-- @raise `OSError` with a code such as `"EAI_NONAME"`; `CancelledError`
function addresses.resolve(loop, host, port, options)
  if type(host) ~= "table" then return resolve_one(loop, host, port, options) end
  local list, seen = {}, {}
  for _, each in ipairs(host) do
    for _, address in ipairs(resolve_one(loop, each, port, options)) do
      local key = key_of(address)
      if not seen[key] then list[#list + 1] = address end
      seen[key] = true
    end
  end
  return list
end

--- Check the argument `host`.
-- @local
-- @param host a string, a list of strings, or nil where `optional`
-- @tparam integer n the argument's position
-- @tparam string name the public function's name
-- @tparam ?boolean optional whether it may be nil
-- @tparam ?string where it came from inside the argument, see `check.fail`
-- @return the host; nil for `""`, where it is optional
-- @raise `bad argument`; `ValueError` for an empty list
function addresses.check_host(host, n, name, optional, where)
  if optional and (host == nil or host == "") then return nil end
  if type(host) == "string" then return host end
  if type(host) ~= "table" then check.fail(n, name, "host", host, where) end
  for _, each in ipairs(host) do
    if type(each) ~= "string" then check.fail(n, name, "list of hosts", each, where) end
  end
  if #host == 0 then error(ValueError(("argument #%d to '%s' is an empty list"):format(n, name))) end
  return host
end

local GETADDRINFO = {family = "string", type = "string", passive = "boolean"}
local TYPES = {stream = true, dgram = true}

--- Look up the addresses of a host; mirrors `loop.getaddrinfo`.
-- @function EventLoop:getaddrinfo
-- @tparam ?string host a name or a numeric host; nil for the loopback, or for every
-- interface with `passive`
-- @tparam[opt=0] integer|string port a number or the name of a service
-- @tparam ?table options what to look for
-- @tparam[opt="any"] string options.family `"any"`, `"inet"` or `"inet6"`
-- @tparam[opt="stream"] string options.type `"stream"` or `"dgram"`
-- @tparam[opt=false] boolean options.passive true for addresses to listen on
-- @treturn {Address,...} addresses, the preferred one first
-- @raise `OSError` with a code such as `"EAI_NONAME"`; `ValueError`; `bad argument`;
-- `CancelledError`; `RuntimeError` outside a task
function EventLoop:getaddrinfo(host, port, options)
  if options == nil and type(port) == "table" then port, options = nil, port end
  options = check.options(options, GETADDRINFO, 3, "getaddrinfo")
  if host ~= nil and type(host) ~= "string" then check.fail(1, "getaddrinfo", "string", host) end
  addresses.check_family(options.family)
  local kind = options.type or "stream"
  if not TYPES[kind] then
    error(ValueError(("unknown type '%s' (known: dgram, stream)"):format(kind)))
  end
  port = addresses.check_port(port or 0, 2, "getaddrinfo")
  return resolve_one(self, host, port, {
    family = options.family,
    datagram = kind == "dgram",
    passive = options.passive,
  })
end

local GETNAMEINFO = {numeric_host = "boolean", numeric_service = "boolean", datagram = "boolean"}

--- Look up the name of an address; mirrors `loop.getnameinfo`.
-- @function EventLoop:getnameinfo
-- @tparam Address address its host is numeric
-- @tparam ?table options how to look
-- @tparam[opt=false] boolean options.numeric_host true for the host's number, not its name
-- @tparam[opt=false] boolean options.numeric_service true for the port, not its name
-- @tparam[opt=false] boolean options.datagram true if the service is one of UDP
-- @treturn string the host's name, or its number if it has none
-- @treturn string the service's name, or the port
-- @raise `OSError`; `ValueError`; `bad argument`; `CancelledError`; `RuntimeError` outside
-- a task
function EventLoop:getnameinfo(address, options)
  if type(address) ~= "table" then check.fail(1, "getnameinfo", "table", address) end
  options = check.options(options, GETNAMEINFO, 2, "getnameinfo")
  local names = core.look_up_address(self, address, options.numeric_host, options.numeric_service,
    options.datagram)
  return names[1], names[2]
end

return addresses
