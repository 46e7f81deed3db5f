-- A service that stops without cutting anyone off, and reads its settings anew when asked to.
--
-- A client sends lines "work SECONDS" and gets a line back when the work is done. SIGTERM and
-- SIGINT (Ctrl-C) stop the service: it accepts no one any more, says goodbye to clients that
-- wait for nothing, gives those at work `grace` seconds to finish, and ends with status 0.
-- SIGHUP reads the settings again; when they cannot be read, the old ones stay.
--
--   echo 'greeting = Hello' > /tmp/settings
--   scripts/run scripts/examples/graceful_shutdown.lua [HOST [PORT [SETTINGS]]]
--   socat - TCP:127.0.0.1:7003         then type: work 2
--   kill -HUP PID                      after a change of /tmp/settings
--   kill -TERM PID                     while it works
--
-- The settings are lines "name = value": `greeting`, sent to each client that connects, and
-- `grace`, in seconds.

local saros = require "saros"

local host, port = arg[1] or "127.0.0.1", tonumber(arg[2]) or arg[2] or 7003
local path = arg[3]

local function log(format, ...)
  print(format:format(...))
  io.stdout:flush()
end

-- Reads the settings; nil and the reason when that fails.
local function load_settings()
  local settings = { greeting = "Hello", grace = 5 }
  if not path then return settings end
  local file, problem = io.open(path)
  if not file then return nil, problem end
  local number = 0
  for line in file:lines() do
    number = number + 1
    local name, value = line:match("^%s*(%w+)%s*=%s*(.-)%s*$")
    if name == "grace" then value = tonumber(value) end
    if not name and line:find("%S") or name and (settings[name] == nil or value == nil) then
      file:close()
      return nil, ("%s:%d: this is no setting: %s"):format(path, number, line)
    end
    if name then settings[name] = value end
  end
  file:close()
  return settings
end

local settings = assert(load_settings())
local stopping = false
local idle = {} -- the writers whose clients are waited for

-- Serves one client, one job at a time.
local function serve(reader, writer)
  writer:write(settings.greeting .. "\n")
  writer:drain()
  while not stopping do
    idle[writer] = true
    local line = reader:readline()
    idle[writer] = nil
    if not line then break end
    local seconds = tonumber(line:match("^work (%S+)\r?\n$"))
    if seconds then
      saros.sleep(seconds)
      writer:write(("done after %g s\n"):format(seconds))
    else
      writer:write("this is not understood; try: work 2\n")
    end
    writer:drain()
  end
  writer:close()
end

local function reload()
  local new, problem = load_settings()
  if new then
    settings = new
    log("settings read again")
  else
    log("the old settings stay: %s", problem)
  end
end

saros.run(function()
  local loop = saros.get_running_loop()
  local stop = loop:create_future()
  for _, name in ipairs({ "SIGINT", "SIGTERM" }) do
    loop:add_signal_handler(name, function()
      if not stop:done() then stop:set_result(name) end
    end)
  end
  loop:add_signal_handler("SIGHUP", reload)

  local server <close> = saros.start_server(serve, host, port)
  local address = server:sockets()[1]
  log("listening on %s:%d", address.host, address.port)

  local name = stop:await()
  stopping = true
  server:close()
  log("%s: stopping, those at work have %g s", name, settings.grace)
  for writer in pairs(idle) do writer:close() end
  server:shutdown(settings.grace)
  log("stopped")
end)
