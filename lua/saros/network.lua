--- Gives loops their network methods, each loaded when it is first called.
-- @module saros.network
-- @local

local EventLoop = require("saros.core").EventLoop

local METHODS = {
  create_connection = "saros.connect",
  create_unix_connection = "saros.connect",
  create_server = "saros.listen",
  create_unix_server = "saros.listen",
  getaddrinfo = "saros.addresses",
  getnameinfo = "saros.addresses",
}

-- Loading the module puts the real methods in the place of these.
for method, module in pairs(METHODS) do
  EventLoop[method] = function(self, ...)
    require(module)
    return EventLoop[method](self, ...)
  end
end
