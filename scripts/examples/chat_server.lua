-- A chat server: what one says, all others hear.
--
-- It shows a task per client for each direction, with a queue between them: whoever speaks
-- puts a line into everybody's queue and goes on at once, and each client's own task waits for
-- its own socket. So a client that reads slowly, or not at all, holds up nobody; it misses
-- lines, and is told how many. Ctrl-C or SIGTERM end it.
--
--   scripts/run scripts/examples/chat_server.lua [HOST [PORT]]       (127.0.0.1, 7004)
--   socat - TCP:127.0.0.1:7004         from several terminals; "/who" lists who is there

local saros = require "saros"

local host, port = arg[1] or "127.0.0.1", tonumber(arg[2]) or arg[2] or 7004

local QUEUE = 200 -- lines that may wait for a slow client

local clients = {} -- by name

-- Runs one side of a conversation. A connection that breaks is one way to leave.
local function until_gone(side, ...)
  local ok, problem = pcall(side, ...)
  if not ok and not saros.is_error(problem, saros.OSError) then error(problem, 0) end
end

-- Sends a client the lines in its queue, as fast as it takes them.
local function deliver(client)
  local writer = client.writer
  while true do
    local line = client.queue:get()
    if client.missed > 0 then
      writer:write(("* you missed %d lines\n"):format(client.missed))
      client.missed = 0
    end
    writer:write(line .. "\n")
    writer:drain()
  end
end

local function tell(client, line)
  if client.queue:full() then
    client.queue:get_nowait()
    client.missed = client.missed + 1
  end
  client.queue:put_nowait(line)
end

local function broadcast(line, except)
  for _, client in pairs(clients) do
    if client ~= except then tell(client, line) end
  end
end

local function names()
  local list = {}
  for name in pairs(clients) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, ", ")
end

-- Asks for a name until it is a free one; nil when the client leaves instead.
local function ask_name(reader, writer)
  local question = "What is your name?"
  while true do
    writer:write(question .. "\n")
    writer:drain()
    local line = reader:readline()
    local name = line and line:match("^%s*([%w_]+)%s*$")
    if not line or name and not clients[name] then return name end
    question = name and "That name is taken. Another one?" or "Letters and digits, please. Your name?"
  end
end

-- Makes a client of the others' company; it is gone for them when the scope of the result is left,
-- by an error too, or because the server stops.
local function join(name, writer)
  local client = { name = name, writer = writer, queue = saros.Queue(QUEUE), missed = 0 }
  clients[name] = client
  local delivery = saros.create_task(until_gone, deliver, client)
  tell(client, "* here: " .. names())
  broadcast("* " .. name .. " joins", client)
  return setmetatable(client, {
    __close = function()
      delivery:cancel()
      clients[name] = nil
      broadcast("* " .. name .. " leaves")
      writer:close()
    end,
  })
end

local function talk(reader, writer)
  local name = ask_name(reader, writer)
  if not name then return writer:close() end
  local client <close> = join(name, writer)
  for line in reader:lines() do
    line = line:gsub("%c", "")
    if line == "/who" then
      tell(client, "* here: " .. names())
    elseif line ~= "" then
      broadcast(name .. ": " .. line, client)
    end
  end
end

local function serve(reader, writer)
  until_gone(talk, reader, writer)
end

saros.run(function()
  local loop = saros.get_running_loop()
  local stop = saros.Event()
  for _, name in ipairs({ "SIGINT", "SIGTERM" }) do
    loop:add_signal_handler(name, function() stop:set() end)
  end

  local server <close> = saros.start_server(serve, host, port)
  local address = server:sockets()[1]
  print(("listening on %s:%d"):format(address.host, address.port))
  io.stdout:flush()

  stop:wait()
end)
