--- An object in a thread of its own: `saros.remote`, the way to use a library that blocks and whose
-- objects cannot travel.
--
-- The factory runs in the thread and its object stays there. What a program gets is a proxy:
-- each of its methods calls the object's method of this name in the thread, one after the other in
-- the order of the calls, and suspends the calling task meanwhile. Arguments and results are
-- transferred.
--
--     local db <close> = saros.remote(function(path)
--       local environment = require("luasql.sqlite3").sqlite3()
--       return environment:connect(path)
--     end, "data.db")
--     db:execute("DELETE FROM visits")
--
-- Not in asyncio.
-- @module saros.remote

local core = require "saros.core"
local check = require "saros.check"
local ThreadPoolExecutor = require "saros.executor".ThreadPoolExecutor

local errors = core.errors

-- What runs in the thread. The factory, and the names of methods, travel as upvalues: so the arguments
-- have the numbers in error messages that they have for the caller.

local function maker(factory)
  return function(...)
    local object = factory(...)
    if object == nil then return false end
    require("saros.remote_object").object = object
    return true
  end
end

local function caller(name)
  return function(...)
    local object = require("saros.remote_object").object
    local method = object[name]
    if method == nil then error(("the remote object has no method '%s'"):format(name), 0) end
    return method(object, ...)
  end
end

-- Calls the object's own method, if it has one.
local function close()
  local object = require("saros.remote_object").object
  local has_close, method = pcall(function() return object.close end)
  if has_close and method ~= nil then return method(object) end
end

-- What a proxy stands for: executors[proxy], nil once it is closed.
local executors = setmetatable({}, {__mode = "k"})

local Proxy = {__name = "RemoteObject"}

-- One function for each name, for all proxies: methods[name].
local methods = setmetatable({}, {__mode = "v"})

function Proxy:__index(name)
  if name == "close" then return Proxy.close end
  if type(name) ~= "string" then return nil end
  local method = methods[name]
  if not method then
    local call = caller(name)
    method = function(proxy, ...)
      if getmetatable(proxy) ~= Proxy then
        error(("calling '%s' on bad self (RemoteObject expected, got %s)"):format(name, check.type_name(proxy)), 2)
      end
      local executor = executors[proxy]
      if not executor then error(errors.RuntimeError("the remote object is closed"), 0) end
      return executor:submit(call, ...):await()
    end
    methods[name] = method
  end
  return method
end

function Proxy.__newindex()
  error("the fields of a remote object cannot be set", 2)
end

function Proxy:__tostring()
  return ("RemoteObject: %p"):format(self)
end

local remote = {}

--- Make an object in a thread of its own. Suspends until it is made.
--
-- The proxy has a method for every name; a method that the object does not have is an error of the
-- call, and plain fields cannot be read: let the factory return an object with methods. Results that cannot be
-- transferred fail alone. A call whose task is cancelled is not made if it was still waiting for its turn; of one that
-- runs, the Lua code is stopped.
--
-- `proxy:close()`, and leaving the scope of a `<close>` proxy, wait for the calls under way,
-- call the object's own `close` if it has one, give its results, and end the thread. Calls after that are
-- errors; closing again does nothing. A proxy that is collected without being closed ends its thread, too.
-- @function remote
-- @tparam function factory makes the object, in the thread
-- @tparam any ... its arguments
-- @treturn RemoteObject the proxy
-- @raise the factory's error; `TransferError` for what cannot be transferred; `ValueError` if the factory returns nil;
-- `RuntimeError` outside a task
function remote.remote(factory, ...)
  check.callable(factory, 1, "remote")
  local executor = ThreadPoolExecutor {max_workers = 1, thread_name_prefix = "remote"}
  local future = executor:submit(maker(factory), ...)
  local ok, made = pcall(core.await, future)
  if not (ok and made) then
    executor:shutdown {wait = false}
    error(ok and errors.ValueError("the factory of a remote object returned nil") or made, 0)
  end
  local proxy = setmetatable({}, Proxy)
  executors[proxy] = executor
  return proxy
end

--- What stands for an object in another thread: see `remote`. It has a method for each name.
-- @type RemoteObject

--- End the thread after the calls under way, the last of which is the object's own `close`, if it has one.
-- Suspends meanwhile. Closing again does nothing. Leaving a `<close>` scope does the same.
-- @function RemoteObject:close
-- @treturn any ... what the object's `close` returns
-- @raise its error
function Proxy:close()
  local executor = executors[self]
  if not executor then return end
  local future = executor:submit(close)
  executors[self] = nil
  executor:shutdown()
  return future:await()
end

Proxy.__close = Proxy.close

return remote
