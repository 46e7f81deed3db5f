--- Helpers for specs of network code: everything is on the loopback, and bounded in time.

local fds = require "spec.support.fds"
local saros = require "saros"

local network = {}

-- Seconds of real time after which a spec has failed; most take milliseconds.
local LIMIT = 60

--- Runs `main(loop)` as `saros.run` does.
-- @treturn {table,...} the contexts that the exception handler was called with
function network.run(main)
  local contexts = {}
  saros.run(function()
    local loop = saros.get_running_loop()
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
    saros.wait_for(main, LIMIT, loop)
  end)
  return contexts
end

--- As `run`, and asserts that the exception handler was not called.
function network.quietly(main)
  local contexts = network.run(main)
  for _, context in ipairs(contexts) do
    error(("the exception handler was called: %s: %s"):format(context.message, tostring(context.exception)), 2)
  end
end

--- Iterates until `condition()` is true.
function network.until_true(condition)
  local limit = saros.get_running_loop():time() + LIMIT / 2
  while not condition() do
    if saros.get_running_loop():time() > limit then error("nothing happened in time", 2) end
    saros.sleep(0.001)
  end
end

--- Both ends of a stream: {reader=, writer=} of the client and of the server, and the server.
-- The server's end stays open until the server is closed.
-- @tparam ?table options `client` and `server`: options of each side
function network.streams(options)
  options = options or {}
  local accepted = saros.get_running_loop():create_future()
  local server = saros.start_server(function(reader, writer)
    accepted:set_result({reader = reader, writer = writer})
    saros.Event():wait()
  end, "127.0.0.1", 0, options.server)
  local address = server:sockets()[1]
  local reader, writer = saros.open_connection(address.host, address.port, options.client)
  return {reader = reader, writer = writer}, accepted:await(), server
end

--- A protocol that writes down what it is told: {"made"}, {"data", bytes}, ...
-- @tparam ?table methods replace or add methods; called after the note was made
function network.recorder(methods)
  local notes = {}
  local protocol = {notes = notes}
  local function method(name, note)
    protocol[name] = function(self, ...)
      notes[#notes + 1] = {note, ...}
      if name == "connection_made" then self.transport = ... end
      if methods and methods[name] then return methods[name](self, ...) end
    end
  end
  method("connection_made", "made")
  method("data_received", "data")
  method("eof_received", "eof")
  method("connection_lost", "lost")
  method("pause_writing", "pause")
  method("resume_writing", "resume")
  --- The names of the notes, in order, "data" once for any number in a row.
  function protocol.names()
    local names = {}
    for _, note in ipairs(notes) do
      if note[1] ~= "data" or names[#names] ~= "data" then names[#names + 1] = note[1] end
    end
    return names
  end
  --- All bytes that were received.
  function protocol.received()
    local parts = {}
    for _, note in ipairs(notes) do
      if note[1] == "data" then parts[#parts + 1] = note[2] end
    end
    return table.concat(parts)
  end
  --- Waits for a note.
  function protocol.wait(name)
    network.until_true(function()
      for _, note in ipairs(notes) do if note[1] == name then return true end end
      return false
    end)
  end
  return protocol
end

--- Both ends of a connection as protocols: client, server, and the Server.
function network.protocols(client_methods, server_methods)
  local loop = saros.get_running_loop()
  local peer = network.recorder(server_methods)
  local server = loop:create_server(function() return peer end, "127.0.0.1", 0)
  local address = server:sockets()[1]
  local _, client = loop:create_connection(function() return network.recorder(client_methods) end,
    address.host, address.port)
  peer.wait("made")
  return client, peer, server
end

--- How many descriptors this process has open, those of forgotten loops not counted.
function network.descriptors()
  collectgarbage()
  collectgarbage()
  return fds.count()
end

--- The resident memory of this process.
-- @treturn integer bytes
function network.resident()
  local file <close> = assert(io.open("/proc/self/statm"))
  local pages = tonumber(file:read("a"):match("^%d+ (%d+)"))
  return pages * 4096
end

return network
