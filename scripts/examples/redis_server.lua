-- A server that speaks the protocol of Redis, for redis-cli and any client library.
--
-- It keeps strings with a time to live in memory: PING ECHO SET GET DEL INCR EXPIRE TTL KEYS
-- CONFIG COMMAND and their kin (redis/catalogue.lua has the list), inline commands and
-- pipelining. Its answers are a real server's, byte for byte. Keys that expire go away without
-- being asked for. The parts are in the folder redis/, from the bytes up: resp, glob, store,
-- strings, keys, session, config, commands, connection, server. Ctrl-C or SIGTERM end it.
--
--   scripts/run scripts/examples/redis_server.lua [HOST [PORT]]      (127.0.0.1, 6379)
--   redis-cli -p 6379 SET greeting hello EX 60
--   redis-benchmark -p 6379 -t ping,set,get,incr -P 16 -c 50 -n 100000 -q
--
-- Port 0 is any free one. The first line of output tells which.

local here = arg[0]:match("^(.*[/\\])") or "./"
package.path = here .. "?.lua;" .. package.path

local saros = require "saros"

local redis = require "redis.server"

local host, port = arg[1] or "127.0.0.1", tonumber(arg[2]) or arg[2] or 6379

saros.run(function()
  local loop = saros.get_running_loop()
  local stop = saros.Event()
  for _, name in ipairs({ "SIGINT", "SIGTERM" }) do
    loop:add_signal_handler(name, function() stop:set() end)
  end

  local service = redis.new(loop)
  local server <close> = service:start(host, port)
  local address = server:sockets()[1]
  print(("listening on %s:%d"):format(address.host, address.port))
  io.stdout:flush()

  stop:wait()
  print(("stopped after %d commands, with %d keys and %d clients"):format(service.served, service:size(),
    service.clients))
end)
