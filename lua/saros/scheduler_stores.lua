--- Where schedulers keep their states: stores by the beginning of their URLs.
-- @module saros.scheduler_stores
-- @local

local core = require "saros.core"
local check = require "saros.check"
local store_url = require "saros.store_url"

-- Modules with a function `open(url, options)`; what it returns is told in the first of them.
local MODULES = {
  memory = "saros.memory_store",
  postgres = "saros.postgresql_store",
  postgresql = "saros.postgresql_store",
  sqlite = "saros.sqlite_store",
}

-- What a store that a program has made itself must have.
local METHODS = {"adopt", "save", "claim", "finish", "history", "close"}

local scheduler_stores = {}

local function check_object(store)
  for _, method in ipairs(METHODS) do
    if not check.is_callable(store[method]) then
      error(core.errors.ValueError(("the store has no method '%s'"):format(method)))
    end
  end
  return store
end

--- Open a store.
-- @tparam string|table store a URL, or an object with the methods of a store
-- @tparam table options those of the scheduler
-- @treturn table the store
-- @raise `ValueError`; `bad argument`; what opening raises
function scheduler_stores.open(store, options)
  if type(store) == "table" then return check_object(store) end
  if type(store) ~= "string" then check.fail(1, "Scheduler", "string", store, " for option 'store'") end
  local module = MODULES[store:match("^[^:]*")]
  if not module then
    local message = "unknown store '%s' (known: %s)"
    error(core.errors.ValueError(message:format(store_url.shown(store), check.names(MODULES))))
  end
  return require(module).open(store, options)
end

return scheduler_stores
