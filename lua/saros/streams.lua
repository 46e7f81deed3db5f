--- Streams: connections that tasks read and write.
--
--     local reader, writer = saros.open_connection("127.0.0.1", 8080)
--     writer:write("hello\n")
--     writer:drain()
--     print(reader:read("l"))
--     writer:close()
--
-- A `StreamReader` and a `StreamWriter` are made by the core; this is how to get them.
-- @module saros.streams

local core = require "saros.core"
local check = require "saros.check"
local connect = require "saros.connect"
local listen = require "saros.listen"

local ValueError = core.errors.ValueError

local LIMIT = 64 * 1024 -- bytes; asyncio's

local streams = {}

-- Known options and `limit`.
local function with_limit(known)
  local result = {limit = "integer"}
  for option, kind in pairs(known) do result[option] = kind end
  return result
end

local CONNECT_OPTIONS = with_limit(connect.OPTIONS)
local SERVER_OPTIONS = with_limit(listen.OPTIONS)
local UNIX_CONNECT_OPTIONS = with_limit {}
local UNIX_SERVER_OPTIONS = with_limit(listen.UNIX_OPTIONS)

local function check_limit(options)
  local limit = options.limit or LIMIT
  if limit <= 0 then error(ValueError(("limit (%d) must be above 0"):format(limit))) end
  return limit
end

--- Connect to a host. Mirrors `asyncio.open_connection`.
-- @tparam ?string|{string,...} host a name, a numeric host ("127.0.0.1", "fe80::1%eth0"), a
-- list of them, or nil for the loopback
-- @tparam integer|string port a number or the name of a service
-- @tparam ?table options how to connect
-- @tparam[opt=65536] integer options.limit how many bytes a line may have, and half of what is
-- read ahead
-- @tparam[opt="any"] string options.family `"any"`, `"inet"` or `"inet6"`
-- @tparam ?Address options.local_addr the address to connect from
-- @tparam[opt=0.25] number options.happy_eyeballs_delay seconds until the next address is
-- tried beside the one before
-- @treturn StreamReader
-- @treturn StreamWriter
-- @raise `OSError` with a code such as `"ECONNREFUSED"` or `"EAI_NONAME"`; `ValueError`;
-- `bad argument`; `CancelledError`; `RuntimeError` outside a task
function streams.open_connection(host, port, options)
  options = check.options(options, CONNECT_OPTIONS, 3, "open_connection")
  local limit = check_limit(options)
  local loop = core.need_loop()
  return core.open_stream(connect.tcp(loop, host, port, options, 1, "open_connection"), limit)
end

--- Connect to a Unix socket. Mirrors `asyncio.open_unix_connection`.
-- @tparam string path the socket's; one that begins with a zero byte is Linux's abstract kind
-- @tparam ?table options how to connect
-- @tparam[opt=65536] integer options.limit how many bytes a line may have, and half of what is
-- read ahead
-- @treturn StreamReader
-- @treturn StreamWriter
-- @raise as `open_connection`
function streams.open_unix_connection(path, options)
  options = check.options(options, UNIX_CONNECT_OPTIONS, 2, "open_unix_connection")
  local limit = check_limit(options)
  local loop = core.need_loop()
  return core.open_stream(connect.unix(loop, path, 1, "open_unix_connection"), limit)
end

-- What a server does with a connection: it runs the handler in a task.
local function serve_streams(handler, limit)
  return function(server)
    return function(transport)
      server:_attach(transport)
      server:_handle(transport, handler, core.open_stream(transport, limit, server))
    end
  end
end

--- Listen on TCP. Mirrors `asyncio.start_server`.
--
-- Each connection's handler is a task of its own. When it returns, the connection is
-- closed, after what was written is sent; when it fails, the exception handler is told as
-- well.
-- @tparam fun(reader:StreamReader,writer:StreamWriter) handler called for each connection
-- @tparam[opt] string|{string,...} host where to listen: a name, a numeric host, a list of
-- them; nil or `""` for every interface
-- @tparam[opt=0] integer|string port a number or the name of a service; 0 for any free one
-- @tparam ?table options how to listen
-- @tparam[opt=65536] integer options.limit how many bytes a line may have, and half of what is
-- read ahead
-- @tparam[opt=100] integer options.backlog how many connections may wait
-- @tparam[opt="any"] string options.family `"any"`, `"inet"` or `"inet6"`
-- @tparam[opt=false] boolean options.reuse_port true lets several processes listen on one port
-- @tparam[opt=true] boolean options.start_serving false to call `server:start_serving()` later
-- @treturn Server
-- @raise `OSError` with a code such as `"EADDRINUSE"`, the message names the address;
-- `ValueError`; `bad argument`; `CancelledError`; `RuntimeError` outside a task
function streams.start_server(handler, host, port, options)
  check.callable(handler, 1, "start_server")
  host, port, options = listen.shift(host, port, options)
  options = check.options(options, SERVER_OPTIONS, 4, "start_server")
  local accept = serve_streams(handler, check_limit(options))
  return listen.tcp(core.need_loop(), accept, host, port, options, "start_server")
end

--- Listen on a Unix socket. Mirrors `asyncio.start_unix_server`. A socket that a former
-- server left at the path is replaced; closing removes it.
-- @tparam fun(reader:StreamReader,writer:StreamWriter) handler called for each connection, in
-- a task of its own
-- @tparam string path where the socket will be
-- @tparam ?table options how to listen
-- @tparam[opt=65536] integer options.limit how many bytes a line may have, and half of what is
-- read ahead
-- @tparam[opt=100] integer options.backlog how many connections may wait
-- @tparam ?integer options.mode the most permissions that the socket's file has, from its first
-- moment: 384, which is 0600, keeps other users out; without it the umask decides
-- @tparam[opt=true] boolean options.start_serving false to call `server:start_serving()` later
-- @treturn Server
-- @raise as `start_server`
function streams.start_unix_server(handler, path, options)
  check.callable(handler, 1, "start_unix_server")
  options = check.options(options, UNIX_SERVER_OPTIONS, 3, "start_unix_server")
  local accept = serve_streams(handler, check_limit(options))
  return listen.unix(core.need_loop(), accept, path, options, "start_unix_server")
end

return streams
