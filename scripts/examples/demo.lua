-- The demo service: what `scripts/run` runs when it is given no program.
--
-- In one thread: a server that speaks the protocol of Redis, two periodic jobs that work on its
-- data, and a status line. Ctrl-C or SIGTERM stop it.
--
--   scripts/run [scripts/examples/demo.lua [HOST [PORT]]]            (127.0.0.1, 6380)
--   redis-cli -p 6380 GET demo:time
--   redis-benchmark -p 6380 -t set,get -P 16 -q                      and watch the status line
--
-- When nobody asked for a port and 6380 is taken, it takes any free one. The first line of output
-- tells which.

local here = arg[0]:match("^(.*[/\\])") or "./"
package.path = here .. "?.lua;" .. package.path

local saros = require "saros"

local redis = require "redis.server"

local DEFAULT_PORT = 6380
local STATUS_INTERVAL = 1 -- seconds, on a terminal; elsewhere it is a line now and then
local QUIET_INTERVAL = 10

local host, port = arg[1] or "127.0.0.1", tonumber(arg[2]) or arg[2] or DEFAULT_PORT

-- Whether the output is a terminal. Lua cannot tell, the shell can.
local interactive = os.execute("test -t 1") == true

local function start(service)
  local ok, server, sweeper = pcall(service.start, service, host, port)
  if ok then return server, sweeper end
  if arg[2] or not (saros.is_error(server, saros.OSError) and server.code == "EADDRINUSE") then
    error(server, 0)
  end
  return service:start(host, 0)
end

-- A job: keeps a key up to date.
local function tell_time(service)
  service.databases[0]:set("demo:time", os.date("!%Y-%m-%dT%H:%M:%SZ"))
end

-- A job: leaves keys that expire on their own after a few seconds.
local function leave_trace(service)
  local now, store = service:now(), service.databases[0]
  local key = "demo:trace:" .. now
  store:set(key, "gone soon")
  store:expire(key, now + 5000)
end

-- A job: tells how the service does.
local function status_teller(service)
  local loop = service.loop
  local began, last, served = loop:time(), loop:time(), service.served
  return function()
    local now = loop:time()
    local rate = now > last and (service.served - served) / (now - last) or 0
    last, served = now, service.served
    local line = ("%.0f s up, %d clients, %d keys, %.0f commands/s, %d in all, %.1f MiB")
      :format(now - began, service.clients, service:size(), rate, served, collectgarbage("count") / 1024)
    io.stdout:write(interactive and "\r\27[K" .. line or line .. "\n")
    io.stdout:flush()
  end
end

saros.run(function()
  local loop = saros.get_running_loop()
  local stop = saros.Event()
  for _, name in ipairs({ "SIGINT", "SIGTERM" }) do
    loop:add_signal_handler(name, function() stop:set() end)
  end

  local service = redis.new(loop)
  local server <close> = start(service)
  local address = server:sockets()[1]
  print(("listening on %s:%d"):format(address.host, address.port))
  print(("Try: redis-cli -h %s -p %d GET demo:time. Ctrl-C stops."):format(address.host, address.port))
  io.stdout:flush()

  saros.create_task(saros.periodic, 1, tell_time, service)
  saros.create_task(saros.periodic, 2, leave_trace, service)
  local interval = interactive and STATUS_INTERVAL or QUIET_INTERVAL
  saros.create_task(saros.periodic, interval, status_teller(service))

  stop:wait()
  io.stdout:write(interactive and "\n" or "", ("stopped after %d commands\n"):format(service.served))
  io.stdout:flush()
end)
